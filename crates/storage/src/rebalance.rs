//! Pages go where they earn the most hits: from the slab class that keeps the most dispensable
//! items per byte to one that has to evict better ones.
//!
//! A page on its way is **drained**, a few chunks with each allocation of the class that wants it:
//! dead items are taken back, live ones move into other pages of their class, where the class's
//! most dispensable items make room. So what is lost is not what happened to lie in the page.

use crate::item::{self, ChunkUse};
use crate::limits::{
    COMPACT_LOOKS_MAX, COMPACT_SLACK_PART, COMPACT_STEPS, DRAIN_STEPS_MAX, DRAIN_STEPS_MIN,
    PAGE_MOVE_RATIO, PROBE_EVICTIONS, STEAL_LOOKS_MAX, STEAL_RECORDS_MAX,
};
use crate::region::Location;
use crate::slab_allocator::{NONE, PageUse};
use crate::store::Store;

/// The page that is being drained.
#[derive(Clone, Copy)]
pub(crate) struct Drain {
    record: u32,
    /// The next chunk to be emptied.
    chunk: usize,
    /// The class that wants the page.
    wanted: usize,
}

impl Store {
    /// Before an eviction: looks for a page that another class could spare, and goes on with the
    /// one that is on its way. True: a page is free now.
    pub(crate) fn balance(&mut self, now: u32, wanted: usize) -> bool {
        if !self.config.evict {
            return false;
        }
        if self.drain.is_none_or(|drain| drain.wanted != wanted) {
            let Some(donor) = self.donor(now, wanted) else { return false };
            if let Some(drain) = &mut self.drain {
                // Begun for another class, which will find the next; this one is further.
                drain.wanted = wanted;
            } else {
                let Some(page) = self.emptiest_page(donor) else { return false };
                self.begin_drain(page, wanted);
            }
        }
        // Much faster than the class can fill it.
        let Some(drain) = self.drain else { return false };
        let donor = match self.slabs.records[drain.record as usize].page_use {
            PageUse::Class(class) => self.slabs.classes[usize::from(class)].chunks_per_page,
            PageUse::Vacant | PageUse::Spare | PageUse::Index => 0,
        };
        let pace = 16 * donor / self.slabs.classes[wanted].chunks_per_page;
        self.go_on_draining(now, pace.clamp(DRAIN_STEPS_MIN, DRAIN_STEPS_MAX))
    }

    /// The class that keeps its last page of items at the highest cost, if that is so much higher
    /// than what `wanted` keeps its own at that a page is due.
    ///
    /// For each page, a class first evicts a number of items by itself: as many as lie in four
    /// pages where the costs differ by a quarter, none where they differ by far.
    fn donor(&mut self, now: u32, wanted: usize) -> Option<usize> {
        self.evictions = self.evictions.wrapping_add(1);
        if self.evictions.is_multiple_of(PROBE_EVICTIONS) {
            self.probe_hand = (self.probe_hand + 1) % self.slabs.classes.len();
            let probed = self.probe_hand;
            if probed != wanted && !self.slabs.classes[probed].pages.is_empty() {
                self.look_for_candidates(now, self.judging_step(), probed);
            }
        }
        self.liveliness.observe(self.clock.number(), &mut self.slabs.classes);
        let unbalanced = &mut self.slabs.classes[wanted].unbalanced_evictions;
        *unbalanced = unbalanced.saturating_add(1);
        let classes = self.slabs.classes.iter().enumerate();
        // A class keeps its last page: to get another it would have to clear one of others.
        let others = classes.filter(|(number, class)| *number != wanted && class.pages.len() > 1);
        let (highest, donor) =
            others.map(|(number, class)| (class.keeping_cost(), number)).max()?;
        let class = &mut self.slabs.classes[wanted];
        let (own, evictions) = (class.keeping_cost(), u64::from(class.unbalanced_evictions));
        let is_clear = highest / PAGE_MOVE_RATIO.0 > own / PAGE_MOVE_RATIO.1;
        let lost = (highest.saturating_sub(own)).saturating_mul(evictions);
        if !is_clear || lost < own.saturating_mul(class.chunks_per_page as u64) {
            return None;
        }
        class.unbalanced_evictions = 0;
        Some(donor)
    }

    fn begin_drain(&mut self, page: u32, wanted: usize) {
        self.slabs.begin_drain(page);
        self.drain = Some(Drain { record: page, chunk: 0, wanted });
    }

    /// Gives up on the page that is being drained; it stays in its class.
    pub(crate) fn cancel_drain(&mut self) {
        self.slabs.cancel_drain();
        self.drain = None;
    }

    /// Empties up to `steps` chunks of the page that is being drained. True: it is free now.
    pub(crate) fn go_on_draining(&mut self, now: u32, steps: usize) -> bool {
        for _ in 0..steps {
            let Some(mut drain) = self.drain else { return false };
            if self.slabs.draining != drain.record {
                // Its last item died or was deleted meanwhile.
                self.drain = None;
                self.slabs_moved += 1;
                return true;
            }
            let Some(chunk) = self.slabs.chunk_in_page(drain.record, drain.chunk) else {
                // Something in it is pinned.
                self.cancel_drain();
                return false;
            };
            if self.slabs.records[drain.record as usize].pinned > 0 {
                self.cancel_drain();
                return false;
            }
            drain.chunk += 1;
            self.drain = Some(drain);
            self.empty_chunk(now, chunk);
        }
        false
    }

    /// Takes what is in a chunk of the drained page out of it.
    fn empty_chunk(&mut self, now: u32, chunk: Location) {
        let class = self.slabs.class_of(chunk);
        for _ in 0..2 {
            let item = match item::chunk_use(&self.slabs.pages, chunk) {
                ChunkUse::Free => return,
                ChunkUse::Body => item::body_head(&self.slabs.pages, chunk),
                ChunkUse::Linked => chunk,
                ChunkUse::Unlinked => panic!("an unlinked item is not pinned"),
            };
            if self.death_of(now, item).is_some() {
                self.evict(now, class, item);
                return;
            }
            if self.relocate(item, chunk) {
                return;
            }
            // This may evict the very item, or make room for it.
            if !self.evict_from_class(now, class) {
                self.evict(now, class, item);
                return;
            }
            if self.slabs.draining == NONE {
                return;
            }
        }
        if let Some(item) = self.item_of_chunk(chunk) {
            self.evict(now, class, item);
        }
    }

    /// Drains a page of a class that has more free chunks than it will soon fill again: nothing
    /// live is lost. True: a page is free now.
    pub(crate) fn compact_page(&mut self, now: u32, wanted: usize) -> bool {
        if self.drain.is_none() {
            let roomy = self.slabs.classes.iter().enumerate().position(|(number, class)| {
                let chunks = class.chunks();
                let slack = class.chunks_per_page.max(chunks / COMPACT_SLACK_PART);
                number != wanted && chunks - class.used_chunks >= class.chunks_per_page + slack
            });
            let Some(page) = roomy.and_then(|class| self.emptiest_page(class)) else {
                return false;
            };
            self.begin_drain(page, wanted);
        }
        let Some(drain) = self.drain.filter(|drain| drain.wanted == wanted) else { return false };
        if self.slabs.draining == NONE {
            return self.go_on_draining(now, 1);
        }
        let class = &self.slabs.classes[self.slabs.class_of_record(drain.record)];
        let free = class.chunks() - class.used_chunks;
        // With evictions off nobody else would go on with it, and a set would fail meanwhile.
        let steps = if self.config.evict { COMPACT_STEPS } else { usize::MAX };
        free >= class.chunks_per_page && self.go_on_draining(now, steps)
    }

    /// Record of the page of a class that is to leave it: of those with room the emptiest, else
    /// any; none that is pinned.
    fn emptiest_page(&self, class: usize) -> Option<u32> {
        let unpinned = |record: &u32| self.slabs.records[*record as usize].pinned == 0;
        let rooms = self.slabs.room_records(class).take(COMPACT_LOOKS_MAX).filter(unpinned);
        let emptiest = rooms.min_by_key(|record| self.slabs.records[*record as usize].used);
        let pages = &self.slabs.classes[class].pages;
        emptiest.or_else(|| {
            let sample = self.slabs.classes[class].sample;
            let start = (sample.draw(0) % pages.len().max(1) as u64) as usize;
            let (before, behind) = pages.split_at(start);
            behind.iter().chain(before).copied().take(STEAL_LOOKS_MAX).find(unpinned)
        })
    }

    /// Frees a page at once for a class (or, with `usize::MAX`, for the hash table) that has
    /// nothing to evict: everything in it goes. False: all are pinned.
    pub(crate) fn steal_page(&mut self, now: u32, wanted: usize) -> bool {
        if !self.config.evict {
            return false;
        }
        self.cancel_drain();
        let victim = self.dispensable_page(now, wanted);
        if self.slabs.spare_pages > 0 {
            // The search met dead items, and a page of nothing else.
            return true;
        }
        let Some(victim) = victim else { return false };
        self.clear_page(now, victim);
        self.slabs_moved += 1;
        true
    }

    /// Record of a page without pinned chunks: of the class whose items cost most to keep, or else
    /// of the next such class, or else any.
    fn dispensable_page(&mut self, now: u32, wanted: usize) -> Option<u32> {
        let step = self.judging_step();
        for class in 0..self.slabs.classes.len() {
            if self.slabs.classes[class].candidates.best(step).is_none() {
                self.look_for_candidates(now, step, class);
            }
        }
        let mut tried = 0_u64;
        loop {
            let classes = self.slabs.classes.iter().enumerate();
            let untried = classes.filter(|(class, _)| *class != wanted && tried & 1 << class == 0);
            let costliest =
                untried.filter(|(_, class)| !class.pages.is_empty()).max_by_key(|(_, class)| {
                    class.candidates.best(step).map_or(0, |best| best.cost(step))
                });
            let Some((class, _)) = costliest else { break };
            tried |= 1 << class;
            if let Some(page) = self.emptiest_page(class) {
                return Some(page);
            }
        }
        let records = self.slabs.records.len();
        for _ in 0..records.min(STEAL_RECORDS_MAX) {
            self.steal_hand = (self.steal_hand + 1) % records;
            let record = &self.slabs.records[self.steal_hand];
            if matches!(record.page_use, PageUse::Class(_)) && record.pinned == 0 {
                return Some(self.steal_hand as u32);
            }
        }
        None
    }

    /// Gives up to `pages` pages to the pool, spare ones first, then the most dispensable; keeps
    /// the store's minimum, and with evictions off all pages in use. Returns how many were given.
    pub fn give_back(&mut self, now: u32, pages: usize) -> usize {
        let before = self.slabs.owned_pages;
        let target = before.saturating_sub(pages).max(self.slabs.pages_min());
        while self.slabs.owned_pages > target {
            if self.slabs.give_spare() {
                continue;
            }
            if !self.steal_page(now, usize::MAX) {
                break;
            }
        }
        before - self.slabs.owned_pages
    }
}
