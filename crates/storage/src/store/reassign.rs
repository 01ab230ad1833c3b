//! Pages that an operator moves from a slab class to another, or to the pool.

use crate::store::drain::Recipient;
use crate::store::store::Store;

/// What became of an order to move a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reassigned {
    /// The page is on its way.
    Begun,
    /// Another page is, by an order, too.
    Busy,
    /// There is no page to spare.
    NoSpare,
}

impl Store {
    /// Begins to empty a page of slab class `from` (from 1; `None`: of the one with most pages) for
    /// class `to` (`None`: for the pool); [`Self::maintain`] goes on. A class keeps its last page,
    /// and no page is emptied where nothing may be evicted. A page that the store drains by itself
    /// makes way.
    pub fn reassign(&mut self, from: Option<usize>, to: Option<usize>) -> Reassigned {
        if self.is_reassigning() {
            return Reassigned::Busy;
        }
        let classes = &self.slabs.classes;
        let largest = || (1..=classes.len()).max_by_key(|class| classes[class - 1].pages.len());
        let donor = from.or_else(largest).and_then(|class| class.checked_sub(1));
        let donor = donor.filter(|donor| {
            self.config.evict && classes.get(*donor).is_some_and(|class| class.pages.len() > 1)
        });
        let Some(donor) = donor else { return Reassigned::NoSpare };
        self.cancel_drain();
        let Some(page) = self.emptiest_page(donor) else { return Reassigned::NoSpare };
        let recipient = self.class_number(to).map_or(Recipient::Pool, Recipient::Class);
        self.begin_drain(page, recipient, false);
        if let Some(drain) = &mut self.drain {
            drain.ordered = true;
        }
        Reassigned::Begun
    }

    /// Gives slab class `to` a free page of the pool.
    pub fn assign_free_page(&mut self, to: usize) -> Reassigned {
        let Some(class) = self.class_number(Some(to)) else { return Reassigned::NoSpare };
        let Some(page) = self.slabs.take_unreserved_page(true) else { return Reassigned::NoSpare };
        self.slabs.join_class(page, class);
        Reassigned::Begun
    }

    fn class_number(&self, class: Option<usize>) -> Option<usize> {
        class.and_then(|class| class.checked_sub(1)).filter(|it| *it < self.slabs.classes.len())
    }

    /// Whether an operator takes the page that is being drained.
    pub(crate) fn is_reassigning(&self) -> bool {
        self.drain.is_some_and(|drain| drain.ordered)
    }

    /// The page that an operator took is free, and goes where it was told.
    pub(crate) fn end_reassigning(&mut self, recipient: Recipient) {
        if let Recipient::Class(class) = recipient
            && let Some(page) = self.slabs.take_page()
        {
            self.slabs.join_class(page, class);
        }
    }
}
