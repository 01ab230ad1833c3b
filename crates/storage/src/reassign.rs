//! Pages that an operator takes from a slab class. They go to no class in particular: a free page
//! is whoever's needs one first.

use crate::drain::Recipient;
use crate::limits::DRAIN_WORK_MAX;
use crate::store::Store;

/// What became of an order to move a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reassigned {
    /// The page is on its way.
    Begun,
    /// Another page is.
    Busy,
    /// There is no page to spare.
    NoSpare,
}

impl Store {
    /// Begins to empty a page of slab class `from` (from 1; `None`: of the one with most pages) for
    /// class `to` (`None`: for the pool); [`Self::maintain`] goes on. A class keeps its last page,
    /// and no page is emptied where nothing may be evicted.
    pub fn reassign(&mut self, from: Option<usize>, to: Option<usize>) -> Reassigned {
        if self.drain.is_some() {
            return Reassigned::Busy;
        }
        let classes = &self.slabs.classes;
        let largest = || (1..=classes.len()).max_by_key(|class| classes[class - 1].pages.len());
        let donor = from.or_else(largest).and_then(|class| class.checked_sub(1));
        let donor = donor.filter(|donor| {
            self.config.evict && classes.get(*donor).is_some_and(|class| class.pages.len() > 1)
        });
        let Some(page) = donor.and_then(|donor| self.emptiest_page(donor)) else {
            return Reassigned::NoSpare;
        };
        let recipient = match to.and_then(|class| class.checked_sub(1)) {
            Some(class) if class < self.slabs.classes.len() => Recipient::Class(class),
            _ => Recipient::Pool,
        };
        self.begin_drain(page, recipient, false);
        self.is_reassigning = true;
        Reassigned::Begun
    }

    /// Whether the pool, or this store's own reserve, has a page to spare.
    pub fn has_free_page(&self) -> bool {
        self.slabs.has_unreserved_page()
    }

    /// Goes on with the page that an operator takes. True: there is more to do.
    pub(crate) fn go_on_reassigning(&mut self, now: u32) -> bool {
        if self.is_reassigning {
            self.go_on_draining(now, DRAIN_WORK_MAX);
            self.is_reassigning = self.drain.is_some();
        }
        self.is_reassigning
    }
}
