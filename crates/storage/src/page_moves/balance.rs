//! The balance between slab classes: a page goes from the class that keeps the most dispensable
//! items per byte to one that has to evict better ones.

use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::Moment;
use crate::limits::{
    DRAIN_WORK_BYTES, DRAIN_WORK_MAX, EVICTION_WORK, RELOCATION_WORK, SWEEP_LOOKS,
};
use crate::page_moves::drain::{DrainReason, PageMoves, Recipient};

impl PageMoves {
    /// Before some evictions: looks for a page that another class could spare, and goes on with the
    /// drain of one that class `wanted` gets. True: a page is free now.
    pub(crate) fn balance(&mut self, now: Moment, wanted: SlabClassId, evictions: usize) -> bool {
        let is_begun = self.is_draining_for(Recipient::Class(wanted));
        if !self.eviction.evicts() || !is_begun && !self.begin_balance(now, wanted, evictions) {
            return false;
        }
        self.go_on_draining(now, self.drain_work(wanted))
    }

    /// Work of one allocation of a class on a drain: more for a long chunk, so that a class of
    /// large values can grow by what it stores.
    fn drain_work(&self, class: SlabClassId) -> usize {
        let chunk_bytes = self.eviction.items().slabs().class(class).chunk_bytes();
        DRAIN_WORK_MAX.max(chunk_bytes / DRAIN_WORK_BYTES)
    }

    /// Evicts items of a class for new ones of the same class, about as many as `victims`. False:
    /// there are none. The store may wish for pages of others.
    pub(crate) fn evict_for_own(
        &mut self,
        now: Moment,
        class: SlabClassId,
        victims: usize,
    ) -> bool {
        self.wish_for_pages(now, class, victims);
        let used_chunks = self.eviction.items().slabs().class(class).used_chunks();
        let evicted = self.eviction.evict_from_class(now, class, victims);
        let slab_class = self.eviction.items_mut().slabs_mut().class_mut(class);
        let freed = used_chunks - slab_class.used_chunks();
        if freed > victims {
            // A long value had many chunks. Each of them spares an allocation an eviction.
            let others = freed - victims;
            slab_class.costs.count_unbalanced(others as u32);
            self.wish_for_pages(now, class, others);
        }
        evicted
    }

    /// Begins to drain a page that another class could spare, if one is due. False: none is.
    fn begin_balance(&mut self, now: Moment, wanted: SlabClassId, evictions: usize) -> bool {
        if !self.eviction.evicts() || self.is_draining_as(DrainReason::Ordered) {
            return false;
        }
        let donor = self.choice.donor(&mut self.eviction, now, wanted, evictions as u32);
        let Some(donor) = donor else { return false };
        if self.drained_class() == Some(wanted) {
            return false;
        }
        // A drain for another class is further than a new one. That class will find the next page.
        if !self.redirect_drain(Recipient::Class(wanted)) {
            let page = self.eviction.items().slabs().emptiest_page(donor);
            let Some(page) = page else { return false };
            self.begin_drain(page, Recipient::Class(wanted), DrainReason::Worth);
        }
        true
    }

    /// While a class still has room: goes on with the drain of a page for it, or looks for the next
    /// page if it got the last one. So the class need not evict what it stored meanwhile. True: the
    /// class got the last page, or gets the next one.
    #[inline]
    pub(crate) fn drain_ahead(&mut self, now: Moment, class: SlabClassId) -> bool {
        let is_recipient = self.drained_for == Some(Recipient::Class(class));
        if is_recipient && !self.eviction.items().slabs().stock.has_unreserved_page() {
            self.go_on_ahead(now, class);
        }
        is_recipient
    }

    #[inline(never)]
    fn go_on_ahead(&mut self, now: Moment, class: SlabClassId) {
        let own = Recipient::Class(class);
        if !self.is_moving_page() {
            // No live item is evicted while something has expired.
            self.eviction.sweep(now, SWEEP_LOOKS);
            if !self.begin_compaction(class) && !self.eviction.may_have_expired(now) {
                self.drained_for = None;
                self.begin_balance(now, class, 1);
            }
        }
        if self.is_draining_as(DrainReason::Lossless) {
            self.compact_page(now, class);
        } else if self.is_draining_for(own) {
            // Twice as fast as the class can fill it.
            let slabs = self.eviction.items().slabs();
            let chunks = |class: SlabClassId| slabs.class(class).chunks_per_page();
            let emptied = 2 * self.drained_class().map_or(0, chunks) / chunks(class) + 1;
            let work = emptied * (EVICTION_WORK + RELOCATION_WORK);
            self.go_on_draining(now, work.min(self.drain_work(class)));
        }
    }
}
