//! `flush_all`: everything stored so far becomes a miss at once, and its memory is freed later.
//!
//! Each item has a **mark** of two bits: the flush epoch in which it was stored. A flush begins
//! another epoch (`flush_epochs.rs`). Items with other marks than the current one are dead. A flush
//! takes a mark that no item has, if there is one.
//!
//! **A reused mark.** Flushes may come faster than background work frees dead items, until dead
//! items have all marks. Then the flush takes the mark of the fewest items. Until the last of these
//! is freed, the mark alone does not tell which items are alive. Each page therefore knows whether
//! it was **cleaned** after this flush. In a page that was not cleaned all items are dead. Before
//! an item gets the mark, its page is cleaned: all other items in it are taken back. So a store
//! looks at one page, and a flush at none.

use crate::item::chunk::{self, ChunkUse};
use crate::linked::linked_items::{Finder, LinkedItems};
use crate::memory::region::Location;

impl LinkedItems {
    /// Makes everything stored so far a miss. O(1).
    pub(crate) fn flush_all(&mut self) {
        self.epochs.advance();
        self.accounts.empty_databases();
        if self.epochs.is_ambiguous() {
            self.slabs_mut().note_reused_mark();
        }
        self.keep_epoch();
    }

    /// Gives the current mark to an item that is about to be linked, or was just written in place.
    #[inline]
    pub(crate) fn mark_new(&mut self, item: Location) {
        if self.epochs.is_ambiguous() {
            self.clean_page_of(item);
        }
        let mark = self.epochs.current();
        chunk::set_epoch(self.pages_mut(), item, mark);
    }

    /// Takes back all other linked items of the item's page, unless the page was cleaned since a
    /// flush reused a mark: they are dead. The item itself is in no bucket.
    #[cold]
    fn clean_page_of(&mut self, item: Location) {
        let page = self.slabs().stock.record_of(item);
        if self.slabs().is_page_clean(page) {
            return;
        }
        let mut number = 0;
        while let Some(chunk) = self.slabs().chunk_in_page(page, number) {
            number += 1;
            if chunk != item && chunk::chunk_use(self.pages(), chunk) == ChunkUse::Linked {
                self.take_back(chunk, Finder::Allocation);
            }
        }
        self.slabs_mut().set_page_clean(page);
    }

    /// Cleans the page that a live item has just moved to, if marks are ambiguous.
    #[inline]
    pub(super) fn clean_page_of_moved(&mut self, item: Location) {
        if self.epochs.is_ambiguous() {
            self.clean_page_of(item);
        }
    }

    /// Whether flushed items are left.
    pub(crate) fn has_flushed_items(&self) -> bool {
        self.items() > self.epochs.live_items()
    }

    /// Whether the next flush has to reuse a mark, or the last one did.
    pub(crate) fn are_marks_scarce(&self) -> bool {
        self.epochs.are_scarce()
    }

    /// The number of dead items with the current mark, for the recount. `None`: a clean page has an
    /// item with another mark.
    pub(super) fn recount_dead_marked(&self, items: &[Location]) -> Option<usize> {
        if !self.epochs.is_ambiguous() {
            return Some(0);
        }
        let mut dead = 0;
        for item in items {
            let is_current = self.view(*item).epoch() == self.epochs.current();
            if !self.slabs().is_page_clean(self.slabs().stock.record_of(*item)) {
                dead += usize::from(is_current);
            } else if !is_current {
                return None;
            }
        }
        Some(dead)
    }
}
