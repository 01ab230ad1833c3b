//! A part of a dump: the items of one shard, a few at a time, as lines.

use alloc::vec::Vec;

use slabcore_protocol::{DumpFormat, DumpedItem, encode_dump_line};
use slabcore_storage::{WalkPosition, Walked};

use crate::execution::shard::Shard;
use crate::limits::DUMP_LOOKS;
use crate::requests::clock::Now;

const POSITION_BYTES: usize = 8;

/// What part of a dump is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DumpPart {
    /// How items are shown.
    pub format: DumpFormat,
    /// Slab classes whose items are shown, a bit each.
    pub classes: u64,
    /// Where the last part of this shard has ended.
    pub position: WalkPosition,
}

impl Shard {
    /// Appends the lines of the next items, some [`DUMP_LOOKS`] of them; returns where the next
    /// part begins.
    pub fn dump(&self, now: Now, part: &DumpPart, out: &mut Vec<u8>) -> WalkPosition {
        let &DumpPart { format, classes, position } = part;
        self.store.walk(now.tick, position, classes, DUMP_LOOKS, |walked| {
            encode_dump_line(out, format, &dumped(now, walked));
        })
    }

    /// The same as a reply to another core, which [`split_dump_reply`] takes apart.
    pub(crate) fn dump_reply(&self, now: Now, part: &DumpPart, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; POSITION_BYTES]);
        let position = self.dump(now, part, out);
        out[start..start + POSITION_BYTES].copy_from_slice(&position.bits().to_le_bytes());
    }
}

/// Where the next part of a dump begins, and the lines of this one.
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
        exptime: (exptime != 0).then(|| now.unix_at_zero + u64::from(exptime)),
        accessed: now.unix().saturating_sub(u64::from(walked.idle)),
        cas: item.cas(),
        fetched: item.is_fetched(),
        class: walked.class,
        total_bytes: item.total_bytes(),
        flags: item.flags(),
    }
}
