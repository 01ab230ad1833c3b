//! Executes `mg` and `me`: reads that ask for more than the value.

use alloc::vec::Vec;

use slabcore_metrics::{Counter, ShardMetrics};
use slabcore_protocol::{
    ItemFacts, MetaFlags, MetaReply, MetaStatus, MetaValue, encode_meta_debug,
};
use slabcore_storage::{Expiry, HashedKey, Hit, ReadHit, ReadTerms};

use crate::execution::meta_item::{exptimes, ttl};
use crate::execution::shard::Shard;
use crate::limits::VALUE_INLINE_BYTES_MAX;
use crate::requests::clock::Now;
use crate::requests::response::{Response, ValueEnd};

impl Shard {
    /// Executes an mg.
    #[inline]
    pub(super) fn meta_get<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'a>,
        flags: MetaFlags<'a>,
    ) -> Response<'a> {
        if flags.has(b'N') && self.store.peek(now.moment(), key).is_err() {
            return self.create_on_miss(now, key, flags);
        }
        let terms = ReadTerms {
            unseen: flags.has(b'u'),
            expiry: flags.seconds(b'T').map(|exptime| Expiry::at(now.expiry(exptime))),
            with_cas: flags.has(b'c'),
            recache: flags.seconds(b'R').map_or(0, |exptime| now.expiry(exptime)),
            recache_after_touch: flags.is_before(b'T', b'R'),
            with_idle: flags.has(b'l'),
            again: false,
        };
        let metrics = &self.metrics;
        match self.store.read(now.moment(), key, &terms) {
            Ok(hit) => {
                metrics.add(if flags.has(b'T') { Counter::CmdTouch } else { Counter::CmdGet }, 1);
                meta_hit(now, key.key(), flags, &hit)
            }
            Err(_) => meta_miss(metrics, flags, key.key()),
        }
    }

    /// Executes the flag `N` of an mg: stores an empty item, which tells later readers that this
    /// client fetches the value.
    fn create_on_miss<'a>(
        &mut self,
        now: Now,
        key: HashedKey<'a>,
        flags: MetaFlags<'a>,
    ) -> Response<'a> {
        let (exptime, shown) = exptimes(now, flags, 0, true);
        let Some(cas) = self.create(now, key, flags, (b"", exptime), true) else {
            // Without memory this is a plain miss.
            return meta_miss(&self.metrics, flags, key.key());
        };
        let (requests, hit) = if flags.has(b'T') {
            (Counter::CmdTouch, Hit::Touch)
        } else {
            (Counter::CmdGet, Hit::Get)
        };
        self.metrics.add(requests, 1);
        self.store.count_hit(key, hit);
        let facts = ItemFacts {
            cas: Some(cas),
            value_bytes: Some(0),
            ttl: Some(ttl(now, shown)),
            client_flags: Some(0),
            fetched: Some(false),
            idle: Some(0),
            won: true,
            ..ItemFacts::default()
        };
        // The client knows the cas unique already if the request set it (`E`) and compares with it
        // (`C`).
        let unique = flags.number(b'C').filter(|unique| *unique != 0);
        let is_known = unique.is_some() && unique == flags.number(b'E');
        let shows_value = flags.has(b'v') && !is_known;
        let value = if shows_value { MetaValue::Bytes(b"") } else { MetaValue::None };
        let reply = MetaReply::new(MetaStatus::Done, flags, key.key());
        Response::Meta(MetaReply { facts, value, key_is_encoded: false, ..reply })
    }

    /// Executes an me: a read that changes nothing.
    pub(super) fn meta_debug<'a>(&'a mut self, now: Now, key: HashedKey<'a>) -> Response<'a> {
        self.metrics.add(Counter::CmdMeta, 1);
        let class_and_idle = self.store.class_and_idle(now.moment(), key);
        let item = self.store.peek_with_cas(now.moment(), key);
        let (Some((slab_class, idle)), Ok(item)) = (class_and_idle, item) else {
            // An me has no flags: none is shown, and no miss is hidden.
            let none = MetaFlags::default();
            return Response::Meta(MetaReply::new(MetaStatus::Miss, none, key.key()));
        };
        let facts = ItemFacts {
            cas: Some(item.cas()),
            ttl: Some(ttl(now, item.exptime())),
            fetched: Some(item.is_fetched()),
            idle: Some(idle),
            ..ItemFacts::default()
        };
        let mut text = Vec::new();
        let encoded = item.marks().key_encoded;
        let class = slab_class.number();
        encode_meta_debug(&mut text, key.key(), encoded, &facts, class, item.total_bytes());
        Response::Text(text)
    }
}

/// Counts an mg that found no item, and makes its reply.
fn meta_miss<'a>(metrics: &ShardMetrics, flags: MetaFlags<'a>, key: &'a [u8]) -> Response<'a> {
    metrics.add(Counter::CmdGet, 1);
    metrics.add(Counter::GetMisses, 1);
    Response::meta(MetaReply::new(MetaStatus::Miss, flags, key), MetaStatus::Miss)
}

/// The reply to an mg that read an item.
#[inline]
pub(super) fn meta_hit<'a>(
    now: Now,
    key: &'a [u8],
    flags: MetaFlags<'a>,
    hit: &ReadHit<'a>,
) -> Response<'a> {
    let item = &hit.item;
    let shown =
        if flags.has(b't') { exptimes(now, flags, hit.exptime, false).1 } else { hit.exptime };
    let is_known = || flags.number(b'C').is_some_and(|unique| unique != 0 && unique == hit.cas);
    let value = match item.value() {
        _ if !flags.has(b'v') || is_known() => MetaValue::None,
        Some(value) if value.len() <= VALUE_INLINE_BYTES_MAX => MetaValue::Bytes(value),
        _ => MetaValue::Elsewhere(item.value_len()),
    };
    let reply = MetaReply {
        status: MetaStatus::Done,
        flags,
        key,
        key_is_encoded: hit.marks.key_encoded,
        facts: ItemFacts {
            cas: Some(item.cas()),
            value_bytes: Some(item.value_len()),
            ttl: Some(ttl(now, shown)),
            client_flags: Some(item.flags()),
            fetched: Some(hit.fetched),
            idle: Some(hit.idle),
            stale: hit.marks.stale,
            claimed: hit.marks.claimed,
            won: hit.won,
        },
        value,
    };
    match value {
        MetaValue::Elsewhere(value_bytes) if value_bytes <= VALUE_INLINE_BYTES_MAX => {
            let head = reply.value_elsewhere();
            Response::PartsWithHead { head, item: *item, end: ValueEnd::LineEnd }
        }
        MetaValue::Elsewhere(_) => {
            Response::LargeWithHead { head: reply.value_elsewhere(), end: ValueEnd::LineEnd }
        }
        _ => Response::Meta(reply),
    }
}
