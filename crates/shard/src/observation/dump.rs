//! One part of a dump: the next few items of one shard, as lines.

use alloc::vec::Vec;

use slabcore_protocol::{DumpFormat, DumpedItem, encode_dump_line};
use slabcore_storage::{Store, WalkPosition, Walked};

use crate::limits::DUMP_LOOKS;
use crate::requests::clock::Now;

const POSITION_BYTES: usize = 8;

/// A request for one part of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DumpPart {
    /// How items are shown.
    pub format: DumpFormat,
    /// Slab classes whose items are shown, one bit each.
    pub classes: u64,
    /// Where the last part of this shard ended.
    pub position: WalkPosition,
}

impl DumpPart {
    /// Appends the lines of the next items, after at most [`DUMP_LOOKS`] looks; returns where the
    /// next part begins.
    pub(crate) fn append_lines(&self, store: &Store, now: Now, out: &mut Vec<u8>) -> WalkPosition {
        let &Self { format, classes, position } = self;
        store.walk(now.moment(), position, classes, DUMP_LOOKS, |walked| {
            if walked.item.has_plain_key() {
                encode_dump_line(out, format, &dumped(now, walked));
            }
        })
    }

    /// Appends the same as a reply to another core, which [`split_dump_reply`] takes apart.
    pub(crate) fn append_reply(&self, store: &Store, now: Now, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; POSITION_BYTES]);
        let position = self.append_lines(store, now, out);
        out[start..start + POSITION_BYTES].copy_from_slice(&position.bits().to_le_bytes());
    }
}

/// Splits a reply with a part of a dump into where the next part begins, and the lines of this one.
pub fn split_dump_reply(reply: &[u8]) -> (WalkPosition, &[u8]) {
    let (position, lines) =
        reply.split_first_chunk::<POSITION_BYTES>().expect("a part has a position");
    (WalkPosition::from_bits(u64::from_le_bytes(*position)), lines)
}

fn dumped<'a>(now: Now, walked: &Walked<'a>) -> DumpedItem<'a> {
    let item = walked.item;
    let exptime = item.exptime();
    DumpedItem {
        key: item.key(),
        key_is_encoded: item.marks().key_encoded,
        value_bytes: item.value_len(),
        exptime: (exptime != 0).then(|| now.unix_at_zero() + u64::from(exptime)),
        accessed: now.unix().saturating_sub(u64::from(walked.idle)),
        cas: item.cas(),
        fetched: item.is_fetched(),
        class: walked.class.number(),
        total_bytes: item.total_bytes(),
        flags: item.flags(),
    }
}
