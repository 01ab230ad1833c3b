//! The candidates for eviction of one slab class: the items that cost most to keep, of those looked
//! at.
//!
//! Each eviction looks at a few chunks at random and keeps the costliest. So an eviction takes
//! about the costliest of all items looked at lately, not only of those it looks at itself. The
//! item of a candidate may have changed: before it is evicted, its access word is compared with the
//! noted one.

use crate::item::access::AccessWord;
use crate::item::eviction_order::Judge;
use crate::limits::{CANDIDATES_MAX, VICTIMS_MAX};
use crate::memory::region::Location;

/// A chunk, with the access word and the size weight of its item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Candidate {
    pub(crate) chunk: Location,
    pub(crate) access: AccessWord,
    pub(crate) size_weight: u64,
}

impl Candidate {
    /// The cost of keeping the item.
    #[inline]
    pub(crate) fn cost(&self, judge: Judge) -> u64 {
        judge.dispensability(self.access).saturating_mul(self.size_weight)
    }

    /// The order in which candidates go: first those in COLD, and of these the one that costs most.
    /// `cost`: of this candidate.
    #[inline]
    pub(crate) fn rank(&self, cost: u64) -> u64 {
        rank_of(self.access, cost)
    }
}

/// The rank of an item with this access word and cost, see [`Candidate::rank`].
#[inline]
pub(crate) fn rank_of(access: AccessWord, cost: u64) -> u64 {
    u64::from(access.is_cold()) << 63 | cost >> 1
}

/// A candidate and its rank at the last pricing.
#[derive(Clone, Copy)]
struct PricedCandidate {
    rank: u64,
    candidate: Candidate,
}

/// The candidates of one class, the next victim last.
pub(crate) struct Candidates {
    slots: [PricedCandidate; CANDIDATES_MAX],
    len: usize,
}

impl Candidates {
    pub(super) fn new() -> Candidates {
        let candidate =
            Candidate { chunk: Location::NONE, access: AccessWord::default(), size_weight: 0 };
        Candidates { slots: [PricedCandidate { rank: 0, candidate }; CANDIDATES_MAX], len: 0 }
    }

    /// Computes all ranks. Offers and choices until the next pricing compare these. Returns the
    /// rank above which an item is among the first to go.
    pub(crate) fn price(&mut self, judge: Judge) -> u64 {
        for place in 0..self.len {
            let mut slot = self.slots[place];
            slot.rank = slot.candidate.rank(slot.candidate.cost(judge));
            self.insert(place, slot);
        }
        self.bar()
    }

    /// Moves the slot into those before `place`, which are in order.
    fn insert(&mut self, mut place: usize, slot: PricedCandidate) {
        while place > 0 && self.slots[place - 1].rank > slot.rank {
            self.slots[place] = self.slots[place - 1];
            place -= 1;
        }
        self.slots[place] = slot;
    }

    fn bar(&self) -> u64 {
        if self.len < VICTIMS_MAX { 0 } else { self.slots[0].rank }
    }

    /// Keeps the candidate, which has this rank, if it is among the first to go. Returns the rank
    /// above which the next one is.
    pub(crate) fn offer(&mut self, rank: u64, candidate: Candidate) -> u64 {
        self.remove(candidate.chunk);
        if self.len == CANDIDATES_MAX && rank > self.slots[0].rank {
            self.remove_at(0);
        }
        if self.len < CANDIDATES_MAX {
            self.len += 1;
            self.insert(self.len - 1, PricedCandidate { rank, candidate });
        }
        self.bar()
    }

    /// The candidates by falling rank, as of the last pricing.
    pub(crate) fn by_rank(&self) -> impl Iterator<Item = &Candidate> {
        self.iter().rev()
    }

    /// Takes the next victim.
    pub(crate) fn take_first(&mut self) -> Option<Candidate> {
        self.len = self.len.checked_sub(1)?;
        Some(self.slots[self.len].candidate)
    }

    fn remove(&mut self, chunk: Location) {
        let place = self.iter().position(|candidate| candidate.chunk == chunk);
        if let Some(place) = place {
            self.remove_at(place);
        }
    }

    fn remove_at(&mut self, place: usize) {
        self.slots.copy_within(place + 1..self.len, place);
        self.len -= 1;
    }

    /// Forgets all candidates but the wanted ones.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Candidate) -> bool) {
        let mut kept = 0;
        for place in 0..self.len {
            if wanted(&self.slots[place].candidate) {
                self.slots[kept] = self.slots[place];
                kept += 1;
            }
        }
        self.len = kept;
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Candidate> + ExactSizeIterator {
        self.slots[..self.len].iter().map(|slot| &slot.candidate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::access::AccessTick;
    use crate::item::eviction_order::EvictionOrder;
    use crate::item::segment::Segment;
    use alloc::vec::Vec;

    fn judge(tick: u32) -> Judge {
        Judge::new(EvictionOrder::Worth, AccessTick::new(tick), 100)
    }

    fn candidate(chunk: u32, tick: u32) -> Candidate {
        let access = AccessWord::stored(AccessTick::new(tick));
        Candidate { chunk: Location(chunk), access, size_weight: 1 }
    }

    fn rank(candidate: Candidate, judge: Judge) -> u64 {
        candidate.rank(candidate.cost(judge))
    }

    #[test]
    fn what_is_in_cold_goes_first() {
        let now = judge(1000);
        let mut candidates = Candidates::new();
        for (number, segment) in (0..).zip([Segment::Cold, Segment::Hot, Segment::Warm]) {
            // The older ones are not in COLD.
            let new = candidate(number, 900 - number);
            let new = Candidate { access: new.access.moved_to(segment), ..new };
            candidates.offer(rank(new, now), new);
        }
        for _ in 0..2 {
            let chunks: Vec<u32> = candidates.by_rank().map(|it| it.chunk.0).collect();
            assert_eq!(chunks, [0, 2, 1]);
            candidates.price(judge(1010));
        }
    }

    #[test]
    fn the_costliest_stay_and_the_costliest_goes_first() {
        let now = judge(1000);
        let mut candidates = Candidates::new();
        assert_eq!(candidates.take_first(), None);
        for number in 0..100 {
            let new = candidate(number, 1000 - number * 37 % 101);
            if rank(new, now) > candidates.bar() {
                candidates.offer(rank(new, now), new);
            }
        }
        let mut ages = Vec::new();
        while let Some(costliest) = candidates.take_first() {
            ages.push(costliest.access.tick().until(now.now()));
        }
        assert_eq!(ages.len(), CANDIDATES_MAX);
        assert!(ages.is_sorted_by(|a, b| a > b) && ages[0] == 100, "{ages:?}");
    }

    #[test]
    fn a_chunk_is_a_candidate_once() {
        let now = judge(10);
        let mut candidates = Candidates::new();
        for tick in [5, 9] {
            let known = candidate(3, tick);
            candidates.offer(rank(known, now), known);
        }
        assert_eq!(candidates.iter().count(), 1);
        assert_eq!(candidates.by_rank().next().unwrap().access.tick(), AccessTick::new(9));
        candidates.retain(|_| false);
        assert_eq!(candidates.by_rank().next(), None);
    }

    /// Reads count more the older items are, so the order of two items may change with time.
    #[test]
    fn the_order_is_that_of_the_last_pricing() {
        let read = AccessWord::stored(AccessTick::new(0)).after_read(AccessTick::new(0));
        let read = Candidate { access: read, ..candidate(1, 0) };
        let mut candidates = Candidates::new();
        for (tick, costliest) in [(110, 1), (1000, 2)] {
            let now = judge(tick);
            candidates.price(now);
            for known in [read, candidate(2, 100)] {
                candidates.offer(rank(known, now), known);
            }
            assert_eq!(candidates.by_rank().next().unwrap().chunk, Location(costliest));
            candidates.price(judge(1000));
            assert_eq!(candidates.by_rank().next().unwrap().chunk, Location(2));
        }
    }
}
