//! A batch of another shard's requests, executed in stages: prefetch a group, then do it.

use alloc::vec::Vec;

use slabcore_protocol::{encode_value_header, error_lines};

use crate::batch::{Batch, Replies};
use crate::class_table::ClassTable;
use crate::clock::Now;
use crate::entry::{Entries, Entry, StatsKind};
use crate::limits::{BATCH_REPLY_BYTES_SOFT_MAX, PREFETCH_GROUP};
use crate::plain_get::LargeHit;
use crate::request::KeyRequest;
use crate::response::Response;
use crate::shard::Shard;

/// What goes before a held value.
enum ValueHead {
    /// Client flags and cas unique of a `VALUE` line.
    Classic(u32, Option<u64>),
    /// A `VA` line.
    Meta(Vec<u8>),
}

impl Shard {
    /// Executes all requests of `batch` in order and leaves the replies in it.
    pub fn execute_batch(&mut self, now: Now, batch: &mut Batch) {
        for hold in batch.take_released() {
            self.release(hold);
        }
        let (mut entries, mut replies) = batch.halves();
        loop {
            for hash in entries.hashes(PREFETCH_GROUP) {
                self.prefetch_bucket(hash);
            }
            self.begin_group();
            for hash in entries.hashes(PREFETCH_GROUP) {
                self.prefetch_item(hash);
            }
            if !self.execute_group(now, &mut entries, &mut replies) {
                return;
            }
        }
    }

    fn execute_group(
        &mut self,
        now: Now,
        entries: &mut Entries<'_>,
        replies: &mut Replies<'_>,
    ) -> bool {
        for _ in 0..PREFETCH_GROUP {
            let Some((answered, entry)) = entries.next() else { return false };
            match entry {
                Entry::PlainGet(hash, key) => self.execute_plain_get(now, hash, key, replies),
                Entry::Key(hash, request) => {
                    self.execute_key_entry(now, hash, &request, answered.then_some(&mut *replies));
                }
                other => {
                    self.execute_other_entry(now, &other, answered.then_some(&mut *replies));
                }
            }
        }
        true
    }

    #[inline]
    fn execute_plain_get(&mut self, now: Now, hash: u64, key: &[u8], replies: &mut Replies<'_>) {
        if replies.bytes.len() >= BATCH_REPLY_BYTES_SOFT_MAX {
            let request = KeyRequest::Get { key, with_cas: false, exptime: None };
            return self.execute_key_entry(now, hash, &request, Some(replies));
        }
        let mut large = None;
        replies.push(|out| large = self.get_into(now, hash, key, false, out));
        if let Some(LargeHit { flags, value_bytes }) = large {
            replies.take_back_empty();
            let head = ValueHead::Classic(flags, None);
            self.reply_held(hash, key, &head, value_bytes, replies);
        }
    }

    #[inline]
    fn execute_key_entry(
        &mut self,
        now: Now,
        hash: u64,
        request: &KeyRequest<'_>,
        replies: Option<&mut Replies<'_>>,
    ) {
        let replies_full = match &replies {
            Some(replies) => replies.bytes.len() >= BATCH_REPLY_BYTES_SOFT_MAX,
            None => false,
        };
        let response = self.execute(now, hash, request);
        let Some(replies) = replies else { return };
        let key = request.key();
        let (head, value_bytes) = match response {
            Response::Large { flags, cas, value_bytes } => {
                (ValueHead::Classic(flags, cas), value_bytes)
            }
            Response::Value { flags, cas, value, .. } if replies_full => {
                (ValueHead::Classic(flags, cas), value.len())
            }
            Response::Parts { cas, item, .. } if replies_full => {
                (ValueHead::Classic(item.flags(), cas), item.value_len())
            }
            Response::MetaParts { head, item } if replies_full => {
                (ValueHead::Meta(head), item.value_len())
            }
            Response::MetaLarge { head, value_bytes } => (ValueHead::Meta(head), value_bytes),
            Response::Meta(reply) if replies_full && reply.value_bytes() > 0 => {
                let value_bytes = reply.value_bytes();
                (ValueHead::Meta(reply.value_elsewhere()), value_bytes)
            }
            response => {
                replies.push(|out| response.encode(out));
                return;
            }
        };
        self.reply_held(hash, key, &head, value_bytes, replies);
    }

    /// Holds the value that `key` was just found with, for its parts to be asked for.
    fn reply_held(
        &mut self,
        hash: u64,
        key: &[u8],
        head: &ValueHead,
        value_bytes: usize,
        replies: &mut Replies<'_>,
    ) {
        match self.hold(hash, key) {
            Some(hold) => replies.push_held(hold, |out| match head {
                ValueHead::Classic(flags, cas) => {
                    encode_value_header(out, key, *flags, value_bytes, *cas);
                }
                ValueHead::Meta(head) => out.extend_from_slice(head),
            }),
            None => replies.push(|out| {
                out.extend_from_slice(error_lines::OUT_OF_MEMORY_WRITING_GET);
            }),
        }
    }

    fn execute_other_entry(
        &mut self,
        now: Now,
        entry: &Entry<'_>,
        replies: Option<&mut Replies<'_>>,
    ) {
        match *entry {
            Entry::PlainGet(..) | Entry::Key(..) => unreachable!("keys are executed elsewhere"),
            Entry::UploadBegin(hash, id, ref store) => self.upload_begin(now, hash, id, store),
            Entry::UploadBytes(id, bytes) => self.upload_bytes(now, id, bytes),
            Entry::UploadEnd(id, good) => match replies {
                Some(replies) => {
                    replies.push(|out| self.upload_end(now, id, good, Some(out)));
                }
                None => self.upload_end(now, id, good, None),
            },
            Entry::UploadAbandon(id) => self.upload_abandon(id),
            Entry::Flush(at) => {
                self.flush_all(at);
                if let Some(replies) = replies {
                    replies.push(|_| ());
                }
            }
            Entry::Stats(kind) => {
                let replies = replies.expect("stats are asked for with a ticket");
                replies.push(|out| self.append_stats(now, kind, out));
            }
            Entry::PagesWanted(wish) => self.grant(wish),
        }
    }

    /// Appends what `kind` asks for, as little-endian words.
    pub fn append_stats(&self, now: Now, kind: StatsKind, out: &mut Vec<u8>) {
        match kind {
            StatsKind::Metrics => {
                self.publish();
                for word in self.metrics.snapshot().as_words() {
                    out.extend_from_slice(&word.to_le_bytes());
                }
            }
            StatsKind::Classes => ClassTable::of(&self.store, now.tick).append_to(out),
        }
    }
}
