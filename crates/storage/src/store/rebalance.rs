//! Pages go where they earn the most hits: from the slab class that keeps the most dispensable
//! items per byte to one that has to evict better ones.

use crate::limits::{
    DRAIN_WORK_MAX, EVICTION_WORK, PAGE_MOVE_RATIO, PROBE_EVICTIONS, RELOCATION_WORK,
    STEAL_RECORDS_MAX, SWEEP_LOOKS,
};
use crate::slabs::slab_allocator::PageUse;
use crate::store::drain::Recipient;
use crate::store::store::Store;

impl Store {
    /// Before an eviction: looks for a page that another class could spare, and goes on with the
    /// one that is on its way. True: a page is free now.
    pub(crate) fn balance(&mut self, now: u32, wanted: usize) -> bool {
        let own = Recipient::Class(wanted);
        let is_begun = self.drain.is_some_and(|drain| drain.recipient == own);
        if !self.config.evict || !is_begun && !self.begin_balance(now, wanted) {
            return false;
        }
        self.go_on_draining(now, DRAIN_WORK_MAX)
    }

    /// Finds a page that another class could spare, if one is due. False: none is.
    fn begin_balance(&mut self, now: u32, wanted: usize) -> bool {
        if !self.config.evict || self.is_reassigning() {
            return false;
        }
        let Some(donor) = self.donor(now, wanted) else { return false };
        if self.drained_class() == Some(wanted) {
            return false;
        }
        if let Some(drain) = &mut self.drain {
            // Begun for another, who will find the next; this one is further.
            drain.recipient = Recipient::Class(wanted);
        } else {
            let Some(page) = self.emptiest_page(donor) else { return false };
            self.begin_drain(page, Recipient::Class(wanted), false);
        }
        true
    }

    /// While a class still has room: goes on with the page that is on its way, or looks for the
    /// next one if the last came so. So the class need not evict what it stored meanwhile.
    pub(crate) fn drain_ahead(&mut self, now: u32, class: usize) {
        let own = Some(Recipient::Class(class));
        if self.drained_for != own || self.slabs.has_unreserved_page() {
            return;
        }
        if self.drain.is_none() {
            // While something has expired nothing live goes.
            self.sweep_expired(now, SWEEP_LOOKS);
            if !self.begin_compaction(class) && !self.is_expired_left(now) {
                self.drained_for = None;
                self.begin_balance(now, class);
            }
        }
        if self.drain.is_some_and(|drain| drain.lossless) {
            self.compact_page(now, class);
        } else if self.drain.map(|drain| drain.recipient) == own {
            // Twice as fast as the class can fill it.
            let chunks = |class: usize| self.slabs.classes[class].chunks_per_page;
            let emptied = 2 * self.drained_class().map_or(0, chunks) / chunks(class) + 1;
            let work = emptied * (EVICTION_WORK + RELOCATION_WORK);
            self.go_on_draining(now, work.min(DRAIN_WORK_MAX));
        }
    }

    /// The class that keeps its last page of items at the highest cost, if that is so much higher
    /// than what `wanted` keeps its own at that a page is due.
    ///
    /// For each page, a class first evicts a number of items by itself: as many as lie in four
    /// pages where the costs differ by a quarter, none where they differ by far.
    fn donor(&mut self, now: u32, wanted: usize) -> Option<usize> {
        self.evictions = self.evictions.wrapping_add(1);
        if self.evictions.is_multiple_of(PROBE_EVICTIONS) {
            self.probe(now);
        }
        self.liveliness.observe(self.clock.number(), &mut self.slabs.classes);
        let unbalanced = &mut self.slabs.classes[wanted].unbalanced_evictions;
        *unbalanced = unbalanced.saturating_add(1);
        let (highest, donor) = self.costliest_class(Some(wanted))?;
        let class = &mut self.slabs.classes[wanted];
        let (own, evictions) = (class.keeping_cost(), u64::from(class.unbalanced_evictions));
        let lost = (highest.saturating_sub(own)).saturating_mul(evictions);
        let is_clear = highest / PAGE_MOVE_RATIO.0 > own / PAGE_MOVE_RATIO.1;
        if !is_clear || lost < own.saturating_mul(class.chunks_per_page as u64) {
            return None;
        }
        class.unbalanced_evictions = 0;
        Some(donor)
    }

    /// Looks at a sample of one more class that has pages, whether or not it evicts.
    pub(crate) fn probe(&mut self, now: u32) {
        let classes = self.slabs.classes.len();
        let behind = (1..=classes).map(|number| (self.probe_hand + number) % classes);
        let next = behind.into_iter().find(|class| !self.slabs.classes[*class].pages.is_empty());
        if let Some(class) = next {
            self.probe_hand = class;
            self.look_for_candidates(now, self.judging_step(), class);
        }
    }

    /// What the costliest class keeps its last page of items at, and its number. A class keeps its
    /// last page: to get another it would have to clear one of others.
    pub(crate) fn costliest_class(&self, wanted: Option<usize>) -> Option<(u64, usize)> {
        let classes = self.slabs.classes.iter().enumerate();
        let others =
            classes.filter(|(number, class)| Some(*number) != wanted && class.pages.len() > 1);
        others.map(|(number, class)| (class.keeping_cost(), number)).max()
    }

    /// Frees a page at once for a class (or, with `None`, for the hash table) that has nothing to
    /// evict: everything in it goes. False: all are pinned.
    pub(crate) fn steal_page(&mut self, now: u32, wanted: Option<usize>) -> bool {
        if !self.config.evict {
            return false;
        }
        let begun = self.drained_page().filter(|_| self.drained_class() != wanted);
        self.cancel_drain();
        if let Some(page) = begun.filter(|page| !self.slabs.is_pinned(*page)) {
            // Further than any other.
            self.clear_page(now, page);
            self.slabs_moved += 1;
            return true;
        }
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
    pub(crate) fn dispensable_page(&mut self, now: u32, wanted: Option<usize>) -> Option<u32> {
        let step = self.judging_step();
        for class in 0..self.slabs.classes.len() {
            if self.slabs.classes[class].candidates.best(step).is_none() {
                self.look_for_candidates(now, step, class);
            }
        }
        let mut tried = 0_u64;
        loop {
            let classes = self.slabs.classes.iter().enumerate();
            let untried =
                classes.filter(|(class, _)| Some(*class) != wanted && tried & 1 << class == 0);
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
}
