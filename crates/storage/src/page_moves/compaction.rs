//! Lossless drains: a class with more free chunks than it will soon fill gives a page.

use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::Moment;
use crate::limits::{COMPACT_WORK, RESERVE_WORK};
use crate::page_moves::drain::{DrainReason, PageMoves, Recipient};
use crate::page_moves::page_choice::dispensable_page;

impl PageMoves {
    /// Drains a page of a class with more free chunks than it will soon fill, for class `wanted`.
    /// True: a chunk or a page is free now.
    pub(crate) fn compact_page(&mut self, now: Moment, wanted: SlabClassId) -> bool {
        if !self.is_moving_page() && !self.begin_compaction(wanted) {
            return false;
        }
        if !self.is_draining_as(DrainReason::Lossless) {
            return false;
        }
        // Another class may have begun it, but this one needs the page now.
        self.redirect_drain(Recipient::Class(wanted));
        let Some(class) = self.drained_class() else { return self.go_on_draining(now, 1) };
        if class == wanted || !self.is_still_lossless() {
            // The class needs its chunks itself.
            self.cancel_drain();
            return class == wanted && self.eviction.items().slabs().has_room(wanted);
        }
        // With evictions off, a set would fail before the drain ends.
        let work = if self.eviction.evicts() { COMPACT_WORK } else { isize::MAX as usize };
        self.go_on_draining(now, work)
    }

    /// Begins to drain a page of a class with more free chunks than it will soon fill. False: there
    /// is none.
    pub(super) fn begin_compaction(&mut self, wanted: SlabClassId) -> bool {
        let slabs = self.eviction.items().slabs();
        let roomy = slabs.populated_classes().find(|(id, class)| {
            *id != wanted && class.has_page_of_slack() && class.movable_pages() > 0
        });
        let Some(page) = roomy.and_then(|(id, _)| slabs.emptiest_page(id)) else { return false };
        self.begin_drain(page, Recipient::Class(wanted), DrainReason::Lossless);
        true
    }

    /// Prepares a page for uses that cannot wait: growth of the hash table, and a class that has
    /// nothing to evict.
    pub(crate) fn refill_reserve(&mut self, now: Moment) {
        let stock = &self.eviction.items().slabs().stock;
        if stock.spare_pages() >= stock.reserve_pages() {
            return;
        }
        if !self.is_moving_page() {
            let page = dispensable_page(&mut self.eviction, now, None);
            let Some(page) = page else { return };
            self.begin_drain(page, Recipient::Reserve, DrainReason::Worth);
        }
        if self.is_draining_for(Recipient::Reserve) {
            self.go_on_draining(now, RESERVE_WORK);
        }
    }
}
