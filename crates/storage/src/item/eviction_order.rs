//! The orders in which items are evicted. An order says what it **costs** to keep an item: the
//! costliest item of a slab class is its next victim, and pages leave the class that keeps the
//! costliest items.
//!
//! The cost is the item's age, divided by a weight of its reads, times a weight of its size. Three
//! orders are known. Which of them fits depends on the requests, so a store measures it, see
//! `policy/order_choice.rs`.
//!
//! | order | age of an unread item | weight of reads | weight of the size |
//! |---|---|---|---|
//! | recency | since it was stored | `r^1.43`, see below | bytes^0.75, bounded |
//! | worth | since it was stored | `(r + 1)^1.43` | by the worth of a hit |
//! | read first | at least eight turnovers soon | `(r + 1)^1.43` | by the worth of a hit |
//!
//! **Reads.** The chance of another read falls with age to the power of 0.7 and rises in proportion
//! to the reads; 1.43 is 1 / 0.7. The exponent is measured: of 0.35 to 1.5, the values from 0.5 to
//! 0.7 have the fewest misses in a simulation of the recorded traces. In the same simulation two
//! bits of reads are as good as four.
//!
//! By recency the first read counts nothing, and each turnover without a read takes one off. So
//! items that are no longer requested make room within a few turnovers.
//!
//! **Sizes.** A hit is worth a request and its bytes. Both count the same if a hit on an item of
//! average size is worth as much by its bytes as by its request: the worth of a hit is `1 + size /
//! mean`. By the worth of a byte of memory, an item of `size` bytes costs `1 / (1 / size + 1 /
//! mean)`: in proportion to its size while that is small, and never more than the mean. So small
//! items go before large ones no further than a database behind the cache gains by it.
//!
//! **Unread items.** If most items are never read again before they would be evicted (a scan, or a
//! loop over more than the memory holds), the oldest unread item is the worst victim: it would be
//! read next. `ReadFirst` evicts new items that nobody reads soon, and keeps what was read.

use crate::item::access::{AccessTick, AccessWord, READS_MAX};
use crate::limits::{AGE_OF_UNREAD, FIRST_READ_TICKS, RECENCY_SIZE_MAX, WORTH_REQUEST};

/// `256 / (reads + 1)^(1 / 0.7)`.
const AGE_WEIGHTS: [u64; READS_MAX as usize + 1] = [256, 95, 53, 35];

/// `256 / reads^(1 / 0.7)`. The first read does not count.
const RECENCY_AGE_WEIGHTS: [u64; READS_MAX as usize + 1] = [256, 256, 95, 53];

/// An order of eviction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum EvictionOrder {
    /// By age since the item was stored or read again. Large items live about as long as small
    /// ones.
    #[default]
    Recency,
    /// By the worth of the hits that an item may have, per byte.
    Worth,
    /// Items that were not read soon after they were stored go before all others.
    ReadFirst,
}

impl EvictionOrder {
    /// All orders.
    pub(crate) const ALL: [EvictionOrder; 3] =
        [EvictionOrder::Recency, EvictionOrder::Worth, EvictionOrder::ReadFirst];

    /// For how many ticks an item counts as new at most, and is protected.
    pub(crate) fn new_ticks(self) -> u64 {
        match self {
            EvictionOrder::Recency | EvictionOrder::Worth => u64::MAX,
            EvictionOrder::ReadFirst => FIRST_READ_TICKS,
        }
    }
}

/// Judges items by one order at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge {
    order: EvictionOrder,
    now: AccessTick,
    /// Mean bytes of the items that are stored, at least 1.
    mean_bytes: u64,
}

impl Judge {
    /// `now`: ages count to this tick. `mean_bytes`: of the items that are stored.
    pub(crate) fn new(order: EvictionOrder, now: AccessTick, mean_bytes: u32) -> Judge {
        Judge { order, now, mean_bytes: u64::from(mean_bytes.max(1)) }
    }

    /// The tick to which ages count.
    #[cfg(test)]
    pub(crate) fn now(self) -> AccessTick {
        self.now
    }

    /// Ticks since an item was accessed.
    #[inline]
    pub(crate) fn age(self, access: AccessWord) -> u32 {
        access.tick().until(self.now)
    }

    /// How dispensable an item is, whatever its size: its age in ticks, weighted by its reads,
    /// times 256.
    #[inline]
    pub(crate) fn dispensability(self, access: AccessWord) -> u64 {
        let age = u64::from(access.tick().until(self.now)) + 1;
        let reads = access.reads() as usize;
        match self.order {
            EvictionOrder::Recency => {
                // A turnover without a read takes one off: what was popular goes in the end.
                let reads = reads.saturating_sub((age >> 10) as usize);
                age * RECENCY_AGE_WEIGHTS[reads]
            }
            EvictionOrder::ReadFirst if reads == 0 && age > FIRST_READ_TICKS => {
                AGE_OF_UNREAD * AGE_WEIGHTS[0]
            }
            EvictionOrder::Worth | EvictionOrder::ReadFirst => age * AGE_WEIGHTS[reads],
        }
    }

    /// What it costs to keep an item of this many bytes.
    pub(crate) fn cost(self, access: AccessWord, bytes: usize) -> u64 {
        self.dispensability(access).saturating_mul(self.size_weight(bytes))
    }

    /// The factor of an item's bytes in its cost, times 64.
    #[inline]
    pub(crate) fn size_weight(self, bytes: usize) -> u64 {
        let bytes = bytes as u64;
        match self.order {
            EvictionOrder::Recency => {
                // The square root, and the root of that.
                let root = (bytes.min(RECENCY_SIZE_MAX) << 20).isqrt();
                (root * (root << 10).isqrt()) >> 14
            }
            EvictionOrder::Worth | EvictionOrder::ReadFirst => {
                let (of_request, of_bytes) = WORTH_REQUEST;
                let mean = self.mean_bytes;
                64 * of_bytes * bytes * mean / (of_request * mean + of_bytes * bytes).max(1)
            }
        }
    }

    /// The hits that an item is expected to have soon, in an arbitrary unit. The order does not
    /// matter.
    #[inline]
    pub(crate) fn expected_hits(self, access: AccessWord) -> u64 {
        let age = u64::from(access.tick().until(self.now)) + 1;
        EXPECTED_HITS_UNIT / (age * AGE_WEIGHTS[access.reads() as usize])
    }
}

const EXPECTED_HITS_UNIT: u64 = 1 << 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn judges(now: u32) -> [Judge; 3] {
        EvictionOrder::ALL.map(|order| Judge::new(order, AccessTick::new(now), 1_000))
    }

    #[test]
    fn reads_make_an_item_less_dispensable() {
        for judge in judges(740) {
            let mut word = AccessWord::stored(AccessTick::new(100));
            let mut last = judge.dispensability(word);
            for reads in 1..=3 {
                word = word.after_read(AccessTick::new(100));
                let next = judge.dispensability(word);
                let is_first = judge.order == EvictionOrder::Recency && reads == 1;
                assert!(if is_first { next == last } else { next < last }, "{judge:?} {reads}");
                last = next;
            }
        }
    }

    #[test]
    fn age_makes_an_item_more_dispensable() {
        for judge in judges(1_000) {
            let [new, old] = [990, 900]
                .map(|tick| judge.dispensability(AccessWord::stored(AccessTick::new(tick))));
            assert!(new < old, "{judge:?}");
        }
    }

    #[test]
    fn unread_items_go_first_in_one_order_only() {
        let [recency, worth, read_first] = judges(2_000);
        let unread = AccessWord::stored(AccessTick::new(1_800));
        let read = AccessWord::stored(AccessTick::new(0)).after_read(AccessTick::new(0));
        for (judge, goes_first) in [(recency, false), (worth, false), (read_first, true)] {
            let is_first = judge.dispensability(unread) > judge.dispensability(read);
            assert_eq!(is_first, goes_first, "{judge:?}");
        }
    }

    /// Recency: 1,000^0.75 is 177.8. Worth: see `WORTH_REQUEST`.
    #[test]
    fn size_weighs_up_to_a_bound() {
        for judge in judges(1) {
            let weights = [100, 1_000, 4_000, 1 << 20, 1 << 30].map(|size| judge.size_weight(size));
            assert!(weights.is_sorted(), "{judge:?} {weights:?}");
            assert!(weights[0] > 0 && weights[1] < 10 * weights[0], "{judge:?} {weights:?}");
            assert!(weights[4] - weights[3] < weights[3] / 100, "{judge:?} {weights:?}");
            assert!(weights[4] < 40 * weights[0], "{judge:?} {weights:?}");
        }
        assert!((11_370..11_400).contains(&judges(1)[0].size_weight(1_000)));
    }

    #[test]
    fn ticks_wrap() {
        let word = AccessWord::stored(AccessTick::new(u32::MAX));
        assert_eq!(judges(9)[1].dispensability(word), (10 + 1) * 256);
    }
}
