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
//! **The order of eviction.** The most dispensable item goes first. An item that was read `r` times
//! since it was stored and last accessed `a` ago is as dispensable as one that was never read and
//! is `a / (r + 1)^1.43` old. The chance of another read falls with age to the power of 0.7 and
//! rises in proportion to the reads; 1.43 is 1 / 0.7. The exponent is measured: of 0.35 to 1.5, the
//! values from 0.5 to 0.7 have the fewest misses in a simulation of the recorded traces. In the
//! same simulation two bits of reads are as good as four. Three reads make an item outlive others
//! by a factor of 7 at most, so an item that is no longer popular soon makes room. Ages count from
//! a little in the future (`AGE_OFFSET_PART`), because between items that are all young age says
//! little.
//!
//! **Sizes.** A byte of a large item must earn as many hits as a byte of a small one. The **cost**
//! of keeping an item is its dispensability times its bytes to the power of 1.5, which is near 1 /
//! 0.7. A slab class evicts its costliest item. Pages move away from the class that keeps the
//! costliest items.

const READS_BITS: u32 = 2;
const READS_MAX: u32 = (1 << READS_BITS) - 1;
const KEY_ENCODED: u32 = 1 << READS_BITS;
const CLAIMED: u32 = KEY_ENCODED << 1;
const STALE: u32 = CLAIMED << 1;
const MARKS: u32 = STALE | CLAIMED | KEY_ENCODED;
const TICK_SHIFT: u32 = READS_BITS + MARKS.count_ones();
const TICK_MASK: u32 = u32::MAX >> TICK_SHIFT;

/// `256 / (reads + 1)^(1 / 0.7)`.
const AGE_WEIGHTS: [u64; READS_MAX as usize + 1] = [256, 95, 53, 35];

/// The hits that an item is expected to have are in proportion to this divided by its
/// dispensability.
pub(crate) const EXPECTED_HITS_UNIT: u64 = 1 << 40;

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

    /// The word after one more read.
    #[inline]
    pub(crate) fn after_read(self, tick: AccessTick) -> AccessWord {
        let reads = (self.reads() + 1).min(READS_MAX);
        AccessWord(tick.0 << TICK_SHIFT | self.0 & MARKS | reads)
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

    /// When the item was last read or stored.
    #[inline]
    pub(crate) fn tick(self) -> AccessTick {
        AccessTick(self.0 >> TICK_SHIFT)
    }

    /// How dispensable the item is: its age in ticks, weighted by its reads, times 256.
    #[inline]
    pub(crate) fn dispensability(self, now: AccessTick) -> u64 {
        (u64::from(self.tick().until(now)) + 1) * AGE_WEIGHTS[self.reads() as usize]
    }
}

/// The factor of an item's bytes in its cost: bytes to the power of 1.5. Above 1 MiB it is
/// constant.
pub(crate) fn size_weight(bytes: usize) -> u64 {
    let bytes = bytes.min(1 << 20) as u64;
    bytes * bytes.isqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_count_to_three_and_make_an_item_less_dispensable() {
        let (then, now) = (AccessTick::new(100), AccessTick::new(740));
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
        assert_eq!(word.after_read(now).tick(), now);
    }

    #[test]
    fn marks_outlive_reads_only() {
        for number in 0..8_u8 {
            let has = |bit| number & bit != 0;
            let marks = Marks { stale: has(1), claimed: has(2), key_encoded: has(4) };
            let word = AccessWord::stored(AccessTick::new(u32::MAX)).after_read(AccessTick::new(5));
            let marked = word.marked(marks);
            assert_eq!(
                (marked.marks(), marked.reads(), marked.tick()),
                (marks, 1, AccessTick::new(5))
            );
            assert_eq!(marked.after_read(AccessTick::new(6)).marks(), marks);
            assert_eq!(marked.marked(Marks::default()), word);
        }
    }

    #[test]
    fn ticks_wrap() {
        let word = AccessWord::stored(AccessTick::new(u32::MAX));
        assert_eq!(word.dispensability(AccessTick::new(9)), (10 + 1) * 256);
    }

    #[test]
    fn the_size_weighs_more_than_in_proportion() {
        assert!(size_weight(1000) > 30 * size_weight(100));
        assert_eq!(size_weight(1 << 30), size_weight(1 << 20));
    }
}
