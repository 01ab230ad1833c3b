//! The fast path of the most frequent requests: get, mg and binary get that only ask for a key's
//! value. The reply is written straight into the output.

use alloc::vec::Vec;

use slabcore_metrics::Counter;
use slabcore_protocol::{
    BinaryReply, BinaryRequest, END, Echo, MetaFlags, MetaReply, MetaStatus, RespVersion,
    RespWriter, VALUE_END, VALUE_END_AND_END, encode_short_meta_value, encode_value, write_bulk,
};
use slabcore_storage::{HashedKey, ItemRef, Marks, ReadTerms};

use crate::execution::binary::hit;
use crate::execution::meta_get::meta_hit;
use crate::execution::shard::Shard;
use crate::execution::string_values::value_reply;
use crate::limits::VALUE_INLINE_BYTES_MAX;
use crate::requests::clock::Now;
use crate::requests::response::Response;

/// A hit whose value is too long to be copied. Take a hold on it with [`Shard::hold`] before the
/// next request is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LargeHit {
    /// Client flags.
    pub flags: u32,
    /// Bytes of the value.
    pub value_bytes: usize,
}

impl Shard {
    /// Executes a get of `key` and appends the reply to `out`; `ends`: appends `END` too. `Some`:
    /// the value is too long to be copied, and nothing was appended.
    #[expect(clippy::inline_always, reason = "most requests are this one")]
    #[inline(always)]
    pub fn get_into(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        ends: bool,
        out: &mut Vec<u8>,
    ) -> Option<LargeHit> {
        self.hot_keys.note(now, key);
        self.detail.note_get(&self.store, &self.metrics, now, key);
        let Some(item) = self.get_counted::<false>(now, key) else {
            if ends {
                out.extend_from_slice(END);
            }
            return None;
        };
        match item.value() {
            Some(value) if value.len() <= VALUE_INLINE_BYTES_MAX => {
                let end = if ends { VALUE_END_AND_END } else { VALUE_END };
                encode_value(out, key.key(), item.flags(), None, value, end);
                None
            }
            None if item.value_len() <= VALUE_INLINE_BYTES_MAX => {
                Response::Parts { key: key.key(), cas: None, item }.encode(out);
                if ends {
                    out.extend_from_slice(END);
                }
                None
            }
            _ => Some(LargeHit { flags: item.flags(), value_bytes: item.value_len() }),
        }
    }

    /// Executes a `GET` of the Redis dialect and appends the reply to `out`. `Some`: the value is
    /// too long to be copied, and nothing was appended.
    #[inline]
    pub fn resp_get_into(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        version: RespVersion,
        out: &mut Vec<u8>,
    ) -> Option<LargeHit> {
        self.hot_keys.note(now, key);
        self.detail.note_get(&self.store, &self.metrics, now, key);
        let Some(item) = self.get_counted::<false>(now, key) else {
            RespWriter::new(out, version).nil();
            return None;
        };
        if let Some(value) = item.value()
            && value.len() <= VALUE_INLINE_BYTES_MAX
        {
            write_bulk(out, value);
            return None;
        }
        match value_reply(item, VALUE_INLINE_BYTES_MAX) {
            Response::LargeWithHead { .. } => {
                Some(LargeHit { flags: item.flags(), value_bytes: item.value_len() })
            }
            response => {
                response.encode(out);
                None
            }
        }
    }

    /// Executes an mg whose flags only choose what the reply shows, and appends the reply to `out`.
    /// `Some`: the line before a value that is too long to be copied; nothing was appended.
    #[expect(clippy::inline_always, reason = "most requests of newer clients are this one")]
    #[inline(always)]
    pub fn meta_get_into(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        flags: MetaFlags<'_>,
        out: &mut Vec<u8>,
    ) -> Option<Vec<u8>> {
        debug_assert!(flags.only_changes_reply());
        self.hot_keys.note(now, key);
        let Some(item) = self.get_counted::<false>(now, key) else {
            if !flags.has(b'q') {
                MetaReply::new(MetaStatus::Miss, flags, key.key()).encode(out);
            }
            return None;
        };
        if item.marks() == Marks::default()
            && let Some(value) = item.value()
            && encode_short_meta_value(out, flags, value)
        {
            return None;
        }
        self.append_meta_hit(now, key, flags, out)
    }

    /// Executes a binary get of `key` and appends the reply to `out`, as [`Self::meta_get_into`].
    #[inline]
    pub fn binary_get_into(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        echo: Echo,
        out: &mut Vec<u8>,
    ) -> Option<Vec<u8>> {
        self.hot_keys.note(now, key);
        self.detail.note_get(&self.store, &self.metrics, now, key);
        let Some(item) = self.get_counted::<true>(now, key) else {
            let miss = BinaryReply::miss(echo, key.key());
            if !miss.is_hidden(true) {
                miss.encode(out);
            }
            return None;
        };
        if let Some(value) = item.value()
            && value.len() <= VALUE_INLINE_BYTES_MAX
        {
            BinaryReply::hit(echo, key.key(), item.flags(), item.cas(), value).append(out);
            return None;
        }
        match hit(&BinaryRequest::get(echo, key.key()), &item) {
            Response::LargeWithHead { head, .. } => Some(head),
            response => {
                response.encode(out);
                None
            }
        }
    }

    /// Appends the reply to an mg that has just read an item, see [`Self::meta_get_into`].
    fn append_meta_hit(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        flags: MetaFlags<'_>,
        out: &mut Vec<u8>,
    ) -> Option<Vec<u8>> {
        let terms = ReadTerms { unseen: true, again: true, ..ReadTerms::default() };
        let hit = self.store.read(now.moment(), key, &terms).ok()?;
        match meta_hit(now, key.key(), flags, &hit) {
            Response::LargeWithHead { head, .. } => Some(head),
            response => {
                response.encode(out);
                None
            }
        }
    }

    /// Looks up the live item of a key and counts a get; `WITH_CAS`: gives the item a cas unique.
    #[inline]
    pub(super) fn get_counted<const WITH_CAS: bool>(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
    ) -> Option<ItemRef<'_>> {
        let metrics = &self.metrics;
        metrics.add(Counter::CmdGet, 1);
        let found = if WITH_CAS {
            self.store.get_with_cas(now.moment(), key)
        } else {
            self.store.get(now.moment(), key)
        };
        match found {
            Ok(item) => Some(item),
            Err(_) => {
                metrics.add(Counter::GetMisses, 1);
                None
            }
        }
    }
}
