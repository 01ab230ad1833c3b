//! The search for the item of a slab class that is evicted.

use crate::eviction::eviction::Eviction;
use crate::item::access::{AccessTick, EXPECTED_HITS_UNIT, size_weight};
use crate::item::chunk;
use crate::item::chunk_sizes::SlabClassId;
use crate::limits::{EVICT_LOOKS, EVICT_WALK_MAX};
use crate::memory::region::Location;
use crate::slabs::candidates::Candidate;

/// Whether temporary items stay where they are, or go like others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Temporary {
    Stay,
    Go,
}

impl Eviction {
    /// Frees at least one chunk of the class: takes back a dead item, or evicts the live one that
    /// costs most to keep. False: the bounded search found no item that may go.
    pub(crate) fn evict_from_class(&mut self, now: u32, class: SlabClassId) -> bool {
        // Expired items were swept before, so only flushed ones could be left.
        if !self.evicts() && !self.items().has_flushed_items() {
            return false;
        }
        let tick = self.judging_tick();
        if self.look_for_candidates(now, tick, class) {
            return true;
        }
        let Some((candidate, item)) = self.costliest_candidate(now, tick, class) else {
            return self.evict_first(now, class, Temporary::Stay);
        };
        self.items_mut().slabs_mut().class_mut(class).candidates.remove(candidate.chunk);
        self.evict(now, item);
        self.items().slabs().prefetch_sample(class, EVICT_LOOKS);
        true
    }

    /// Frees the first item of the class that may go, if a sample found none: most of the class is
    /// pinned, or alive while evictions are off.
    pub(crate) fn evict_first(
        &mut self,
        now: u32,
        class: SlabClassId,
        temporary: Temporary,
    ) -> bool {
        let found = self.first_evictable(now, class, temporary);
        if let Some(item) = found {
            self.evict(now, item);
        }
        found.is_some()
    }

    fn first_evictable(
        &self,
        now: u32,
        class: SlabClassId,
        temporary: Temporary,
    ) -> Option<Location> {
        let slabs = self.items().slabs();
        let mut looks = 0;
        for page in slabs.pages_from_random(class) {
            let chunks = slabs.chunks_of_page(page);
            let found = chunks.inspect(|_| looks += 1).find_map(|chunk| {
                let item = self.items().evictable_item(chunk)?;
                let is_dead = self.items().death_of(now, item).is_some();
                let may_go = temporary == Temporary::Go || !self.is_temporary(now, item);
                (is_dead || self.evicts() && may_go).then_some(item)
            });
            if found.is_some() || looks >= EVICT_WALK_MAX {
                return found;
            }
        }
        None
    }

    /// Looks at a sample of a class's chunks for candidates. True: it found a dead item and took it
    /// back.
    pub(crate) fn look_for_candidates(
        &mut self,
        now: u32,
        tick: AccessTick,
        class: SlabClassId,
    ) -> bool {
        let (mut costs, mut seen, mut expected_hits) = ([0; EVICT_LOOKS], 0, 0);
        for number in 0..EVICT_LOOKS {
            let Some(chunk) = self.items().slabs().sampled_chunk(class, number) else { continue };
            let Some(item) = self.items().evictable_item(chunk) else { continue };
            if self.items().death_of(now, item).is_some() {
                self.evict(now, item);
                return true;
            }
            if self.is_temporary(now, item) {
                // It is no candidate and costs nothing to keep.
                costs[seen] = 0;
                seen += 1;
                continue;
            }
            let view = self.items().view(item);
            let access = view.access();
            let size_weight = if view.is_chained() {
                size_weight(view.value_len())
            } else {
                self.items().slabs().class(class).costs.size_weight()
            };
            let candidate = Candidate { chunk, access, size_weight };
            costs[seen] = candidate.cost(tick);
            expected_hits += EXPECTED_HITS_UNIT / access.dispensability(tick);
            seen += 1;
            if self.evicts() {
                self.items_mut().slabs_mut().class_mut(class).candidates.offer(tick, candidate);
            }
        }
        let class = self.items_mut().slabs_mut().class_mut(class);
        class.note_sample(EVICT_LOOKS, &mut costs[..seen], expected_hits);
        false
    }

    /// The costliest candidate of a class whose item has not changed since, and the item.
    fn costliest_candidate(
        &mut self,
        now: u32,
        tick: AccessTick,
        class: SlabClassId,
    ) -> Option<(Candidate, Location)> {
        loop {
            let candidate = self.items().slabs().class(class).candidates.costliest(tick)?;
            if let Some(item) = self.items().evictable_item(candidate.chunk)
                && chunk::access(self.items().pages(), item) == candidate.access
                && !self.is_temporary(now, item)
            {
                return Some((candidate, item));
            }
            self.items_mut().slabs_mut().class_mut(class).candidates.remove(candidate.chunk);
        }
    }
}
