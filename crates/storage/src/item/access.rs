//! When an item was last accessed and how often it was read, in one word of the item; and from
//! them, how dispensable it is. The word also has the marks of meta commands: like the reads, they
//! are gone when the item is stored anew.
//!
//! ```text
//! word:  | step: 27 bits | marks: stale, claimed, key encoded | reads: 2 bits, 3: "or more" |
//! ```
//!
//! Of steps, 1,024 make a turnover: as many requests as the store has items. Age counts in
//! requests, since in a burst of them an item has as many chances to be read as in an hour of
//! idleness, and seconds would make old whatever lay there before the burst (on the trace with real
//! times: 73 % misses at 30 % of the footprint, instead of 60 %).
//!
//! **The order of eviction.** The most dispensable item goes first. An item that was read `r`
//! times since it was stored, and last accessed `a` ago, is as dispensable as one that was never
//! read and is `a / (r + 1)^1.43` old: the chance of another read falls with age to the power of
//! 0.7 and rises in proportion to the reads, 1.43 being 1 / 0.7. The exponent is a measured one:
//! of 0.35 to 1.5, 0.5 to 0.7 has the fewest misses in a simulation of the recorded traces, and
//! two bits of reads are worth as much as four. Three reads make an item outlive others by a factor
//! of 7, no more, so what was popular once makes room soon. Ages count from a little in the future
//! (`AGE_OFFSET_PART`): between items that are all young, age says little.
//!
//! **Sizes.** A byte of a large item must earn as much as one of a small item. The **cost** of
//! keeping an item is its dispensability times its bytes to the power of 1.5, which is near 1 /
//! 0.7. Of the items of a slab class the costliest goes; pages move from the class that keeps the
//! costliest items.

const READS_BITS: u32 = 2;
const READS_MAX: u32 = (1 << READS_BITS) - 1;
const KEY_ENCODED: u32 = 1 << READS_BITS;
const CLAIMED: u32 = KEY_ENCODED << 1;
const STALE: u32 = CLAIMED << 1;
const MARKS: u32 = STALE | CLAIMED | KEY_ENCODED;
const STEP_SHIFT: u32 = READS_BITS + MARKS.count_ones();
const STEP_MASK: u32 = u32::MAX >> STEP_SHIFT;

/// `256 / (reads + 1)^(1 / 0.7)`.
const AGE_WEIGHTS: [u64; READS_MAX as usize + 1] = [256, 95, 53, 35];

/// What an item promises is this divided by its dispensability.
pub(crate) const PROMISE: u64 = 1 << 40;

/// The word of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct AccessWord(pub(crate) u32);

/// What meta commands noted of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// It is out of date: one reader is to fetch the value anew, others may use what is there.
    pub stale: bool,
    /// A reader was asked to fetch the value anew.
    pub claimed: bool,
    /// Its key was sent in base64.
    pub key_encoded: bool,
}

/// A time in steps, modulo 2^27: 131,072 turnovers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Step(u32);

impl Step {
    /// The step of this number, modulo 2^27.
    pub(crate) fn new(number: u32) -> Step {
        Step(number & STEP_MASK)
    }

    /// Steps from this one to a later.
    #[inline]
    pub(crate) fn until(self, later: Step) -> u32 {
        later.0.wrapping_sub(self.0) & STEP_MASK
    }
}

impl AccessWord {
    /// Of an item stored now.
    #[inline]
    pub(crate) fn stored(step: Step) -> AccessWord {
        AccessWord(step.0 << STEP_SHIFT)
    }

    /// After one more read.
    #[inline]
    pub(crate) fn after_read(self, step: Step) -> AccessWord {
        let reads = (self.reads() + 1).min(READS_MAX);
        AccessWord(step.0 << STEP_SHIFT | self.0 & MARKS | reads)
    }

    /// With these marks and no others.
    pub(crate) fn marked(self, marks: Marks) -> AccessWord {
        let Marks { stale, claimed, key_encoded } = marks;
        let bits = [(stale, STALE), (claimed, CLAIMED), (key_encoded, KEY_ENCODED)];
        let set = bits.iter().fold(0, |set, (is_set, bit)| set | if *is_set { *bit } else { 0 });
        AccessWord(self.0 & !MARKS | set)
    }

    /// Its marks.
    #[inline]
    pub(crate) fn marks(self) -> Marks {
        let has = |bit| self.0 & bit != 0;
        Marks { stale: has(STALE), claimed: has(CLAIMED), key_encoded: has(KEY_ENCODED) }
    }

    /// Reads since it was stored, at most 3.
    #[inline]
    pub(crate) fn reads(self) -> u32 {
        self.0 & READS_MAX
    }

    /// When it was last read or stored.
    #[inline]
    pub(crate) fn step(self) -> Step {
        Step(self.0 >> STEP_SHIFT)
    }

    /// How dispensable the item is: its age in steps, weighted by its reads, times 256.
    #[inline]
    pub(crate) fn dispensability(self, now: Step) -> u64 {
        (u64::from(self.step().until(now)) + 1) * AGE_WEIGHTS[self.reads() as usize]
    }
}

/// By how much the cost of keeping an item grows with its bytes: to the power of 1.5, from 1 MiB on
/// no more.
pub(crate) fn size_weight(bytes: usize) -> u64 {
    let bytes = bytes.min(1 << 20) as u64;
    bytes * bytes.isqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_count_to_three_and_make_an_item_less_dispensable() {
        let (then, now) = (Step::new(100), Step::new(740));
        let mut word = AccessWord::stored(then);
        let mut last = word.dispensability(now);
        assert_eq!((last, word.reads()), ((640 + 1) * 256, 0));
        for reads in 1..=3 {
            word = word.after_read(then);
            assert_eq!(word.reads(), reads);
            assert!(word.dispensability(now) < last);
            last = word.dispensability(now);
        }
        assert_eq!(word.after_read(then), word);
        assert_eq!(word.after_read(now).step(), now);
    }

    #[test]
    fn marks_outlive_reads_only() {
        for number in 0..8_u8 {
            let has = |bit| number & bit != 0;
            let marks = Marks { stale: has(1), claimed: has(2), key_encoded: has(4) };
            let word = AccessWord::stored(Step::new(u32::MAX)).after_read(Step::new(5));
            let marked = word.marked(marks);
            assert_eq!((marked.marks(), marked.reads(), marked.step()), (marks, 1, Step::new(5)));
            assert_eq!(marked.after_read(Step::new(6)).marks(), marks);
            assert_eq!(marked.marked(Marks::default()), word);
        }
    }

    #[test]
    fn steps_wrap() {
        let word = AccessWord::stored(Step::new(u32::MAX));
        assert_eq!(word.dispensability(Step::new(9)), (10 + 1) * 256);
    }

    #[test]
    fn the_size_weighs_more_than_in_proportion() {
        assert!(size_weight(1000) > 30 * size_weight(100));
        assert_eq!(size_weight(1 << 30), size_weight(1 << 20));
    }
}
