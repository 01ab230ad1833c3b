//! The candidates for eviction of one slab class: the costliest to keep of those looked at.
//!
//! Each eviction looks at a few chunks at random. The best stay and wait for their turn, so that an
//! eviction takes about the best of all that were looked at lately, not only now. A candidate is a
//! claim: who takes it compares the item's access word with the noted one.

use crate::item::access::{AccessWord, Step};
use crate::limits::CANDIDATES_MAX;
use crate::memory::region::Location;

/// A chunk, with the access word and the size weight of the item that it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Candidate {
    pub(crate) chunk: Location,
    pub(crate) access: AccessWord,
    pub(crate) size_weight: u64,
}

impl Candidate {
    /// What keeping the item costs, see `access.rs`.
    #[inline]
    pub(crate) fn cost(&self, now: Step) -> u64 {
        self.access.dispensability(now).saturating_mul(self.size_weight)
    }
}

/// See the module.
pub(crate) struct Candidates {
    slots: [Candidate; CANDIDATES_MAX],
    len: usize,
}

impl Candidates {
    pub(crate) fn new() -> Candidates {
        let none =
            Candidate { chunk: Location::NONE, access: AccessWord::default(), size_weight: 0 };
        Candidates { slots: [none; CANDIDATES_MAX], len: 0 }
    }

    /// Keeps the candidate if it is among the best.
    pub(crate) fn offer(&mut self, step: Step, new: Candidate) {
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
        let worst = slots.iter_mut().min_by_key(|slot| slot.cost(step));
        let worst = worst.expect("the slots are full");
        if worst.cost(step) < new.cost(step) {
            *worst = new;
        }
    }

    /// The costliest to keep.
    pub(crate) fn best(&self, step: Step) -> Option<Candidate> {
        self.slots[..self.len].iter().copied().max_by_key(|slot| slot.cost(step))
    }

    /// Forgets a candidate.
    pub(crate) fn remove(&mut self, chunk: Location) {
        self.retain(|slot| slot.chunk != chunk);
    }

    /// Forgets all but those wanted: whoever takes a page out of its class forgets its chunks.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&Candidate) -> bool) {
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.slots[..self.len].iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn the_costliest_stay_and_the_costliest_goes_first() {
        let now = Step::new(1000);
        let mut candidates = Candidates::new();
        assert_eq!(candidates.best(now), None);
        for number in 0..100 {
            let access = AccessWord::stored(Step::new(1000 - number * 37 % 101));
            candidates.offer(now, Candidate { chunk: Location(number), access, size_weight: 1 });
        }
        let mut ages = Vec::new();
        while let Some(best) = candidates.best(now) {
            ages.push(best.access.step().until(now));
            candidates.remove(best.chunk);
        }
        assert_eq!(ages.len(), CANDIDATES_MAX);
        assert!(ages.is_sorted_by(|a, b| a > b) && ages[0] == 100, "{ages:?}");
    }

    #[test]
    fn a_chunk_is_a_candidate_once() {
        let now = Step::new(10);
        let mut candidates = Candidates::new();
        for step in [5, 9] {
            let access = AccessWord::stored(Step::new(step));
            candidates.offer(now, Candidate { chunk: Location(3), access, size_weight: 1 });
        }
        assert_eq!(candidates.iter().count(), 1);
        assert_eq!(candidates.best(now).unwrap().access.step(), Step::new(9));
        candidates.retain(|_| false);
        assert_eq!(candidates.best(now), None);
    }
}
