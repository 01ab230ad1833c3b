//! A trace played by several populations of keys at once, with larger values.
//!
//! The sources are small. With N copies, each record is played N times, by keys that differ, so the
//! footprint grows N times and the miss ratio at the same share of it stays. The copies are
//! shuffled within blocks of records: in strict rotation some eviction policies behave unusually.

use crate::replay::trace::{Record, Verb};
use slabcore_bench::splitmix64::Splitmix64;

/// Records that are shuffled together, per copy.
const BLOCK_RECORDS: usize = 64;

/// Bytes of a key's text: the median key of the Twitter clusters.
pub const KEY_BYTES: usize = 36;

/// Longest value after scaling, in bytes.
pub const VALUE_BYTES_MAX: u32 = 1_000_000;

/// One request of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceRequest {
    /// Seconds since the start of the trace.
    pub time_s: u32,
    /// The operation.
    pub verb: Verb,
    /// Bytes that the key's value has from now on.
    pub value_bytes: u32,
    /// Number of the key over all copies.
    pub key: u64,
}

impl TraceRequest {
    /// `k` and the key's number in hexadecimal, padded with zeros to [`KEY_BYTES`].
    #[must_use]
    pub fn key_text(&self) -> [u8; KEY_BYTES] {
        let mut text = [b'0'; KEY_BYTES];
        write_key(&mut text, self.key);
        text
    }
}

/// Writes `k` and the key's number in hexadecimal over the whole of `text`, padded with zeros. The
/// number must fit.
pub fn write_key(text: &mut [u8], key: u64) {
    text.fill(b'0');
    let mut rest = key;
    for digit in text[1..].iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *digit = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
    }
    assert_eq!(rest, 0, "the key's number is longer than its text");
    text[0] = b'k';
}

/// The sizes of a replay's values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueSizes {
    /// The trace's sizes times this, cut to 1 to [`VALUE_BYTES_MAX`].
    Scaled(f64),
    /// Every value has this many bytes.
    Unit(u32),
}

/// The requests of a replay, in the order that every implementation makes.
#[derive(Clone, Debug)]
pub struct TraceCopies<'a> {
    records: &'a [Record],
    copies: usize,
    sizes: ValueSizes,
    /// Number of the next block.
    block: u64,
    /// First record of the block that is being played.
    block_start: usize,
    /// Copies in the order in which they play the block.
    order: Vec<u16>,
    /// Entries of `order` that have played.
    played: usize,
    /// Next record of the block, by copy.
    next: Vec<u8>,
}

impl<'a> TraceCopies<'a> {
    /// `copies` is 1 to 1,000.
    #[must_use]
    pub fn new(records: &'a [Record], copies: usize, sizes: ValueSizes) -> Self {
        assert!((1..=1000).contains(&copies));
        let (order, next) = (Vec::with_capacity(BLOCK_RECORDS * copies), vec![0; copies]);
        Self { records, copies, sizes, block: 0, block_start: 0, order, played: 0, next }
    }

    /// Lists and shuffles the next block. Returns false at the end of the trace.
    fn begin_block(&mut self) -> bool {
        let start = self.block as usize * BLOCK_RECORDS;
        let Some(rest) = self.records.get(start..).filter(|rest| !rest.is_empty()) else {
            return false;
        };
        let entries = rest.len().min(BLOCK_RECORDS) * self.copies;
        self.order.clear();
        self.order.extend((0..entries).map(|entry| (entry % self.copies) as u16));
        let mut random = Splitmix64::new(self.block);
        for place in (2..=entries).rev() {
            self.order.swap(place - 1, (random.draw() % place as u64) as usize);
        }
        self.next.fill(0);
        (self.block_start, self.block, self.played) = (start, self.block + 1, 0);
        true
    }
}

impl Iterator for TraceCopies<'_> {
    type Item = TraceRequest;

    fn next(&mut self) -> Option<TraceRequest> {
        if self.played == self.order.len() && !self.begin_block() {
            return None;
        }
        let copy = usize::from(self.order[self.played]);
        self.played += 1;
        let record = self.records[self.block_start + usize::from(self.next[copy])];
        self.next[copy] += 1;
        let value_bytes = match self.sizes {
            ValueSizes::Unit(bytes) => bytes,
            ValueSizes::Scaled(factor) => (f64::from(record.value_bytes) * factor)
                .round()
                .clamp(1.0, f64::from(VALUE_BYTES_MAX))
                as u32,
        };
        Some(TraceRequest {
            time_s: record.time_s,
            verb: record.verb,
            value_bytes,
            key: record.key * self.copies as u64 + copy as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(count: u64) -> Vec<Record> {
        let record =
            |key| Record { time_s: key as u32, verb: Verb::Get, value_bytes: 100, key: key % 70 };
        (0..count).map(record).collect()
    }

    #[test]
    fn one_copy_is_the_trace_itself() {
        let records = records(200);
        let played: Vec<_> = TraceCopies::new(&records, 1, ValueSizes::Scaled(1.0)).collect();
        assert_eq!(played.len(), 200);
        for (record, request) in records.iter().zip(&played) {
            assert_eq!((record.key, record.time_s), (request.key, request.time_s));
        }
    }

    #[test]
    fn every_copy_plays_every_record_in_order() {
        let records = records(200);
        let played: Vec<_> = TraceCopies::new(&records, 7, ValueSizes::Scaled(3.0)).collect();
        assert_eq!(played.len(), 7 * 200);
        for copy in 0..7 {
            let own = played.iter().filter(|request| request.key % 7 == copy);
            assert!(own.map(|request| request.key / 7).eq(records.iter().map(|record| record.key)));
        }
        assert!(played.iter().all(|request| request.value_bytes == 300));
        // A block's records are all played before those of the next: 64, 64, 64, 8.
        assert!(played[..7 * 64].iter().all(|request| request.time_s < 64));
        assert!(played[7 * 192..].iter().all(|request| request.time_s >= 192));
        // Not in rotation.
        assert!((0..64).any(|entry| played[entry].key % 7 != entry as u64 % 7));
    }

    #[test]
    fn the_shuffle_is_the_documented_one() {
        // By hand for block 0 of one record and three copies: the list 0 1 2, swapped at 3 and 2.
        let mut list = [0, 1, 2];
        let mut random = Splitmix64::new(0);
        list.swap(2, (random.draw() % 3) as usize);
        list.swap(1, (random.draw() % 2) as usize);
        let records = records(1);
        let played: Vec<_> = TraceCopies::new(&records, 3, ValueSizes::Unit(385))
            .map(|request| request.key)
            .collect();
        assert_eq!(played, list);
    }

    #[test]
    fn sizes_are_cut() {
        let record = |value_bytes| Record { time_s: 0, verb: Verb::Get, value_bytes, key: 0 };
        let records = [record(0), record(900_000), record(3)];
        let sizes = |sizes| {
            TraceCopies::new(&records, 1, sizes).map(|request| request.value_bytes).collect()
        };
        let scaled: Vec<u32> = sizes(ValueSizes::Scaled(2.0));
        assert_eq!(scaled, [1, 1_000_000, 6]);
        let unit: Vec<u32> = sizes(ValueSizes::Unit(385));
        assert_eq!(unit, [385; 3]);
    }

    #[test]
    fn keys_are_padded() {
        let request = TraceRequest { time_s: 0, verb: Verb::Get, value_bytes: 1, key: 0x1f0 };
        assert_eq!(&request.key_text(), b"k000000000000000000000000000000001f0");
    }
}
