//! The access word of an item: when the item was last accessed, how often it was read, its segment,
//! and the marks of meta commands. Storing the item clears the reads and the marks.
//!
//! ```text
//! word:  | tick: 25 bits | segment: 2 bits | marks: stale, claimed, key encoded
//!        | reads: 2 bits, 3: "or more" |
//! ```
//!
//! **Ticks.** 1,024 ticks are a turnover: as many requests as the store has items. Age is counted
//! in requests, because the chance that an item is read depends on the requests since, not on the
//! seconds. With seconds, a burst would make everything stored before it look old (on the trace
//! with real times: 73 % misses at 30 % of the footprint, instead of 60 %).
//!
//! **The first read** leaves the time as it is, as in memcached: until an item is read again, its
//! age counts from when it was stored. Values that are written, read once and never again would
//! otherwise live twice as long as they are needed.
//!
//! What age and reads mean for eviction is said in `eviction_order.rs`.

use crate::item::segment::Segment;

const READS_BITS: u32 = 2;
pub(super) const READS_MAX: u32 = (1 << READS_BITS) - 1;
const KEY_ENCODED: u32 = 1 << READS_BITS;
const CLAIMED: u32 = KEY_ENCODED << 1;
const STALE: u32 = CLAIMED << 1;
const MARKS: u32 = STALE | CLAIMED | KEY_ENCODED;
const SEGMENT_SHIFT: u32 = READS_BITS + MARKS.count_ones();
const SEGMENT: u32 = 0b11 << SEGMENT_SHIFT;
const TICK_SHIFT: u32 = SEGMENT_SHIFT + SEGMENT.count_ones();
const TICK_MASK: u32 = u32::MAX >> TICK_SHIFT;

/// The access word of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct AccessWord(pub(crate) u32);

/// The marks that meta commands leave on an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// The value is out of date: one reader should fetch it again, others may use it as it is.
    pub stale: bool,
    /// A reader was asked to fetch the value again.
    pub claimed: bool,
    /// The key was sent in base64.
    pub key_encoded: bool,
}

/// How an item was accessed, apart from the clock of its store: it can be kept for another store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccessHistory {
    /// Ticks since the item was accessed: 1,024ths of a turnover, which is as many requests as the
    /// store has items.
    pub age: u32,
    /// Reads since the item was stored, at most 3.
    pub reads: u8,
    /// Its segment.
    pub segment: Segment,
    /// Its marks.
    pub marks: Marks,
}

/// The largest age of a history: half of the ticks that a word can tell apart.
const AGE_MAX: u32 = TICK_MASK / 2;

/// A time in ticks, modulo 2^25: 32,768 turnovers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct AccessTick(u32);

impl AccessTick {
    /// The tick of this number, modulo 2^25.
    pub(crate) fn new(number: u32) -> AccessTick {
        AccessTick(number & TICK_MASK)
    }

    /// The tick so many ticks before.
    pub(crate) fn earlier(self, ticks: u32) -> AccessTick {
        AccessTick::new(self.0.wrapping_sub(ticks))
    }

    /// Ticks from this one to a later one.
    #[inline]
    pub(crate) fn until(self, later: AccessTick) -> u32 {
        later.0.wrapping_sub(self.0) & TICK_MASK
    }

    /// The tick that was so many ticks before this one.
    fn before(self, age: u32) -> AccessTick {
        AccessTick::new(self.0.wrapping_sub(age))
    }
}

impl AccessWord {
    /// The word of an item stored now. It is in HOT.
    #[inline]
    pub(crate) fn stored(tick: AccessTick) -> AccessWord {
        AccessWord(tick.0 << TICK_SHIFT | (Segment::Hot as u32) << SEGMENT_SHIFT)
    }

    /// The word of an item with this history.
    pub(crate) fn of_history(history: &AccessHistory, now: AccessTick) -> AccessWord {
        let AccessHistory { age, reads, segment, marks } = *history;
        let reads = u32::from(reads).min(READS_MAX);
        AccessWord(now.before(age.min(AGE_MAX)).0 << TICK_SHIFT | reads)
            .moved_to(segment)
            .marked(marks)
    }

    /// The history of the item at a tick.
    pub(crate) fn history(self, now: AccessTick) -> AccessHistory {
        let (age, reads) = (self.tick().until(now), self.reads() as u8);
        AccessHistory { age, reads, segment: self.segment(), marks: self.marks() }
    }

    /// The word after one more read. The first read leaves the tick as it is.
    #[inline]
    pub(crate) fn after_read(self, tick: AccessTick) -> AccessWord {
        match self.reads() {
            0 => AccessWord(self.0 + 1),
            reads => {
                let reads = reads + u32::from(reads < READS_MAX);
                AccessWord(tick.0 << TICK_SHIFT | self.0 & (SEGMENT | MARKS) | reads)
            }
        }
    }

    /// The word of the item in this segment.
    #[inline]
    pub(crate) fn moved_to(self, segment: Segment) -> AccessWord {
        AccessWord(self.0 & !SEGMENT | (segment as u32) << SEGMENT_SHIFT)
    }

    /// The segment of the item.
    #[inline]
    pub(crate) fn segment(self) -> Segment {
        match (self.0 & SEGMENT) >> SEGMENT_SHIFT {
            0 => Segment::Cold,
            1 => Segment::Hot,
            2 => Segment::Warm,
            _ => Segment::Temporary,
        }
    }

    /// Whether the item is in COLD.
    #[inline]
    pub(crate) fn is_cold(self) -> bool {
        self.0 & SEGMENT == (Segment::Cold as u32) << SEGMENT_SHIFT
    }

    /// Whether both items are in the same segment.
    #[inline]
    pub(crate) fn is_in_segment_of(self, other: AccessWord) -> bool {
        (self.0 ^ other.0) & SEGMENT == 0
    }

    /// The word with another tick.
    pub(crate) fn dated(self, tick: AccessTick) -> AccessWord {
        AccessWord(tick.0 << TICK_SHIFT | self.0 & (SEGMENT | MARKS | READS_MAX))
    }

    /// The word with these marks and no others.
    pub(crate) fn marked(self, marks: Marks) -> AccessWord {
        let Marks { stale, claimed, key_encoded } = marks;
        let bits = [(stale, STALE), (claimed, CLAIMED), (key_encoded, KEY_ENCODED)];
        let set = bits.iter().fold(0, |set, (is_set, bit)| set | if *is_set { *bit } else { 0 });
        AccessWord(self.0 & !MARKS | set)
    }

    /// The marks.
    #[inline]
    pub(crate) fn marks(self) -> Marks {
        let has = |bit| self.0 & bit != 0;
        Marks { stale: has(STALE), claimed: has(CLAIMED), key_encoded: has(KEY_ENCODED) }
    }

    /// Reads since the item was stored, at most 3.
    #[inline]
    pub(super) fn reads(self) -> u32 {
        self.0 & READS_MAX
    }

    /// Whether gets have read the item twice or more since it was stored.
    #[inline]
    pub(crate) fn is_active(self) -> bool {
        self.reads() > 1
    }

    /// When the item was last read or stored. A first read does not count.
    #[inline]
    pub(crate) fn tick(self) -> AccessTick {
        AccessTick(self.0 >> TICK_SHIFT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_count_to_three_and_the_first_leaves_the_tick() {
        let mut word = AccessWord::stored(AccessTick::new(100));
        for (read_at, reads, tick) in [(200, 1, 100), (201, 2, 201), (202, 3, 202), (203, 3, 203)] {
            word = word.after_read(AccessTick::new(read_at));
            assert_eq!((word.reads(), word.tick()), (reads, AccessTick::new(tick)));
        }
    }

    #[test]
    fn a_segment_is_kept_by_reads_and_marks() {
        assert_eq!(AccessWord::stored(AccessTick::new(u32::MAX)).segment(), Segment::Hot);
        for segment in Segment::ALL {
            let word = AccessWord::stored(AccessTick::new(7)).moved_to(segment);
            let marks = Marks { stale: true, claimed: true, key_encoded: true };
            let later = word.after_read(AccessTick::new(9)).marked(marks);
            assert_eq!((later.segment(), later.reads(), later.marks()), (segment, 1, marks));
            assert_eq!(later.is_cold(), segment == Segment::Cold);
            assert_eq!(later.moved_to(Segment::Hot).moved_to(segment), later);
        }
    }

    #[test]
    fn a_history_is_that_of_the_word_in_another_clock() {
        for (age, reads, segment) in
            [(0, 0, Segment::Hot), (1_000_000, 3, Segment::Warm), (AGE_MAX, 1, Segment::Cold)]
        {
            let marks = Marks { stale: true, claimed: false, key_encoded: true };
            let history = AccessHistory { age, reads, segment, marks };
            for now in [0, 7, u32::MAX] {
                let now = AccessTick::new(now);
                assert_eq!(AccessWord::of_history(&history, now).history(now), history);
            }
        }
        let old = AccessHistory {
            age: u32::MAX,
            reads: 200,
            segment: Segment::Cold,
            marks: Marks::default(),
        };
        let now = AccessTick::new(5);
        let kept = AccessWord::of_history(&old, now).history(now);
        assert_eq!((kept.age, kept.reads), (AGE_MAX, 3));
    }

    #[test]
    fn marks_outlive_reads_only() {
        for number in 0..8_u8 {
            let has = |bit| number & bit != 0;
            let marks = Marks { stale: has(1), claimed: has(2), key_encoded: has(4) };
            let word = AccessWord::stored(AccessTick::new(5)).after_read(AccessTick::new(9));
            let marked = word.marked(marks);
            assert_eq!(
                (marked.marks(), marked.reads(), marked.tick()),
                (marks, 1, AccessTick::new(5))
            );
            assert_eq!(marked.after_read(AccessTick::new(6)).marks(), marks);
            assert_eq!(marked.marked(Marks::default()), word);
        }
    }
}
