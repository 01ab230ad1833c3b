//! The candidates for eviction of one slab class: the items that cost most to keep, of those looked
//! at.
//!
//! Each eviction looks at a few chunks at random and keeps the costliest. So an eviction takes
//! about the costliest of all items looked at lately, not only of those it looks at itself. The
//! item of a candidate may have changed: before it is evicted, its access word is compared with the
//! noted one.

use crate::item::access::{AccessTick, AccessWord};
use crate::limits::CANDIDATES_MAX;
use crate::memory::region::Location;

/// A chunk, with the access word and the size weight of its item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Candidate {
    pub(crate) chunk: Location,
    pub(crate) access: AccessWord,
    pub(crate) size_weight: u64,
}

impl Candidate {
    /// The cost of keeping the item, see `access.rs`.
    #[inline]
    pub(crate) fn cost(&self, now: AccessTick) -> u64 {
        self.access.dispensability(now).saturating_mul(self.size_weight)
    }
}

/// The candidates of one class, in no order.
pub(crate) struct Candidates {
    slots: [Candidate; CANDIDATES_MAX],
    len: usize,
}

impl Candidates {
    pub(super) fn new() -> Candidates {
        let none =
            Candidate { chunk: Location::NONE, access: AccessWord::default(), size_weight: 0 };
        Candidates { slots: [none; CANDIDATES_MAX], len: 0 }
    }

    /// Keeps the candidate if it is among the costliest.
    pub(crate) fn offer(&mut self, tick: AccessTick, new: Candidate) {
        let slots = &mut self.slots[..self.len];
        if let Some(known) = slots.iter_mut().find(|slot| slot.chunk == new.chunk) {
            *known = new;
            return;
        }
        if self.len < CANDIDATES_MAX {
            self.slots[self.len] = new;
            self.len += 1;
            return;
        }
        let cheapest = slots.iter_mut().min_by_key(|slot| slot.cost(tick));
        let cheapest = cheapest.expect("the slots are full");
        if cheapest.cost(tick) < new.cost(tick) {
            *cheapest = new;
        }
    }

    /// The candidate that costs most to keep.
    pub(crate) fn costliest(&self, tick: AccessTick) -> Option<Candidate> {
        self.slots[..self.len].iter().copied().max_by_key(|slot| slot.cost(tick))
    }

    /// Forgets a candidate.
    pub(crate) fn remove(&mut self, chunk: Location) {
        self.retain(|slot| slot.chunk != chunk);
    }

    /// Forgets all candidates but the wanted ones.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Candidate) -> bool) {
        let mut number = 0;
        while number < self.len {
            if wanted(&self.slots[number]) {
                number += 1;
            } else {
                self.len -= 1;
                self.slots[number] = self.slots[self.len];
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.slots[..self.len].iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn the_costliest_stay_and_the_costliest_goes_first() {
        let now = AccessTick::new(1000);
        let mut candidates = Candidates::new();
        assert_eq!(candidates.costliest(now), None);
        for number in 0..100 {
            let access = AccessWord::stored(AccessTick::new(1000 - number * 37 % 101));
            candidates.offer(now, Candidate { chunk: Location(number), access, size_weight: 1 });
        }
        let mut ages = Vec::new();
        while let Some(costliest) = candidates.costliest(now) {
            ages.push(costliest.access.tick().until(now));
            candidates.remove(costliest.chunk);
        }
        assert_eq!(ages.len(), CANDIDATES_MAX);
        assert!(ages.is_sorted_by(|a, b| a > b) && ages[0] == 100, "{ages:?}");
    }

    #[test]
    fn a_chunk_is_a_candidate_once() {
        let now = AccessTick::new(10);
        let mut candidates = Candidates::new();
        for tick in [5, 9] {
            let access = AccessWord::stored(AccessTick::new(tick));
            candidates.offer(now, Candidate { chunk: Location(3), access, size_weight: 1 });
        }
        assert_eq!(candidates.iter().count(), 1);
        assert_eq!(candidates.costliest(now).unwrap().access.tick(), AccessTick::new(9));
        candidates.retain(|_| false);
        assert_eq!(candidates.costliest(now), None);
    }
}
