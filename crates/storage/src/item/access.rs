//! The access word of an item: when the item was last accessed, how often it was read, and the
//! marks of meta commands. Storing the item clears the reads and the marks.
//!
//! ```text
//! word:  | tick: 27 bits | marks: stale, claimed, key encoded | reads: 2 bits, 3: "or more" |
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

const READS_BITS: u32 = 2;
pub(super) const READS_MAX: u32 = (1 << READS_BITS) - 1;
const KEY_ENCODED: u32 = 1 << READS_BITS;
const CLAIMED: u32 = KEY_ENCODED << 1;
const STALE: u32 = CLAIMED << 1;
const MARKS: u32 = STALE | CLAIMED | KEY_ENCODED;
const TICK_SHIFT: u32 = READS_BITS + MARKS.count_ones();
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

/// A time in ticks, modulo 2^27: 131,072 turnovers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct AccessTick(u32);

impl AccessTick {
    /// The tick of this number, modulo 2^27.
    pub(crate) fn new(number: u32) -> AccessTick {
        AccessTick(number & TICK_MASK)
    }

    /// Ticks from this one to a later one.
    #[inline]
    pub(crate) fn until(self, later: AccessTick) -> u32 {
        later.0.wrapping_sub(self.0) & TICK_MASK
    }
}

impl AccessWord {
    /// The word of an item stored now.
    #[inline]
    pub(crate) fn stored(tick: AccessTick) -> AccessWord {
        AccessWord(tick.0 << TICK_SHIFT)
    }

    /// The word after one more read. The first read leaves the tick as it is.
    #[inline]
    pub(crate) fn after_read(self, tick: AccessTick) -> AccessWord {
        match self.reads() {
            0 => AccessWord(self.0 + 1),
            reads => {
                let reads = (reads + 1).min(READS_MAX);
                AccessWord(tick.0 << TICK_SHIFT | self.0 & MARKS | reads)
            }
        }
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
