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
    /// Begins to drain a page of slab class `from` (`None`: of the class with most pages) for class
    /// `to` (`None`: for the pool). A class keeps its last page. No page is drained if nothing may
    /// be evicted. A drain that the store began is cancelled.
    pub(crate) fn reassign(
        &mut self,
        from: Option<SlabClassId>,
        to: Option<SlabClassId>,
    ) -> Reassigned {
        if self.is_draining_as(DrainReason::Ordered) {
            return Reassigned::Busy;
        }
        let slabs = self.eviction.items().slabs();
        let largest = || slabs.classes().max_by_key(|(_, class)| class.pages()).map(|(id, _)| id);
        let may_give = |id: &SlabClassId| {
            self.eviction.evicts() && self.has_class(*id) && slabs.class(*id).pages() > 1
        };
        let donor = from.or_else(largest).filter(may_give);
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
