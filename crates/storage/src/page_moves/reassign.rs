//! Pages that an operator moves from a slab class to another one, or to the pool.

use crate::item::chunk_sizes::SlabClassId;
use crate::page_moves::drain::{DrainReason, PageMoves, Recipient};
use crate::slabs::page_stock::PageSource;

/// The answer to an operator who moves a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reassigned {
    /// The page is being drained.
    Begun,
    /// Another page that an operator moves is being drained.
    Busy,
    /// There is no page to spare.
    NoSpare,
}

impl PageMoves {
    /// Begins to drain a page of slab class `from` (`None`: of the class with most pages that has
    /// one to spare) for class `to` (`None`: for the pool). A class keeps its last page, and those
    /// with pinned chunks. No page is drained if nothing may be evicted. A drain that the store
    /// began is cancelled. The order is given up if all pages of the class are pinned before one is
    /// empty.
    pub(crate) fn reassign(
        &mut self,
        from: Option<SlabClassId>,
        to: Option<SlabClassId>,
    ) -> Reassigned {
        if self.is_draining_as(DrainReason::Ordered) {
            return Reassigned::Busy;
        }
        let slabs = self.eviction.items().slabs();
        let may_give = |id: &SlabClassId| {
            let class = slabs.class(*id);
            self.eviction.evicts() && class.pages() > 1 && class.movable_pages() > 0
        };
        let donors = slabs.class_ids().filter(|id| from.is_none_or(|from| from == *id));
        let donor = donors.filter(may_give).max_by_key(|id| slabs.class(*id).pages());
        let Some(donor) = donor else { return Reassigned::NoSpare };
        self.cancel_drain();
        let page = self.eviction.items().slabs().emptiest_page(donor);
        let Some(page) = page else { return Reassigned::NoSpare };
        let recipient = to.filter(|id| self.has_class(*id));
        let recipient = recipient.map_or(Recipient::Pool, Recipient::Class);
        self.begin_drain(page, recipient, DrainReason::Ordered);
        Reassigned::Begun
    }

    /// Gives a slab class a free page.
    pub(crate) fn assign_free_page(&mut self, to: SlabClassId) -> Reassigned {
        if !self.has_class(to) {
            return Reassigned::NoSpare;
        }
        let slabs = self.eviction.items_mut().slabs_mut();
        let page = slabs.stock.take_unreserved_page(PageSource::PoolAndSpare);
        let Some(page) = page else { return Reassigned::NoSpare };
        slabs.join_class(page, to);
        Reassigned::Begun
    }

    fn has_class(&self, class: SlabClassId) -> bool {
        class.index() < self.eviction.items().slabs().class_ids().len()
    }
}
