//! `flush_all`: everything stored so far becomes a miss at once, and its memory comes back later.
//!
//! Each item has a **mark** of two bits, the flush epoch in which it was stored. A flush begins
//! another epoch (`flush_epochs.rs`): items with other marks than its own are dead. It takes a mark
//! that no item has, if there is one.
//!
//! **A used mark.** Flushes may come faster than the background takes dead items back, until dead
//! items have all marks. Then the flush takes the mark of the fewest. Until the last of those is
//! gone, the mark alone does not say who is alive; the item's page does. Each page knows whether
//! it was cleaned after this flush. In a page that was not, all items are dead. So before an item
//! gets the mark, its page is **cleaned**: all other items in it are taken back. That is one page,
//! and a flush looks at none.

use crate::item::item::{self, ChunkUse};
use crate::item::item_ref::ItemRef;
use crate::memory::region::Location;
use crate::store::store::Store;

impl Store {
    /// Makes everything stored so far a miss. O(1).
    pub fn flush_all(&mut self) {
        self.epochs.advance();
        if self.epochs.is_ambiguous() {
            self.slabs.marks_reused += 1;
        }
    }

    /// Whether a flush has ended the linked item at this byte, whose mark is not one that only live
    /// items have. A clean page has no items of other epochs.
    #[cold]
    #[inline(never)]
    pub(crate) fn is_flushed(&self, at: usize) -> bool {
        !self.epochs.is_ambiguous() || !self.is_page_clean(self.slabs.pages.note(at))
    }

    fn is_page_clean(&self, record: u32) -> bool {
        self.slabs.records[record as usize].cleaned_after == self.slabs.marks_reused
    }

    /// Gives an item that is to be linked, or just was, the current mark.
    #[inline]
    pub(crate) fn mark_new(&mut self, item: Location) {
        if self.epochs.is_ambiguous() {
            self.clean_page_of(item);
        }
        item::set_epoch(&mut self.slabs.pages, item, self.epochs.current);
    }

    /// Takes back all items of an item's page but that one, which is in no bucket, if the page was
    /// not cleaned since a flush took a used mark: they are dead.
    #[cold]
    pub(crate) fn clean_page_of(&mut self, item: Location) {
        let record = self.slabs.record_of(item);
        if self.is_page_clean(record as u32) {
            return;
        }
        let mut number = 0;
        while let Some(chunk) = self.slabs.chunk_in_page(record as u32, number) {
            number += 1;
            if chunk != item && item::chunk_use(&self.slabs.pages, chunk) == ChunkUse::Linked {
                self.take_back(chunk, false);
            }
        }
        self.slabs.records[record].cleaned_after = self.slabs.marks_reused;
    }

    /// Counts a linked item of a mark in or out.
    #[inline]
    pub(crate) fn count_mark(&mut self, item: Location, mark: u8, linked: bool) {
        let items = &mut self.epochs.items[usize::from(mark)];
        if linked {
            *items += 1;
        } else {
            *items -= 1;
            if self.epochs.is_ambiguous() {
                self.count_dead_out(item, mark);
            }
        }
    }

    #[cold]
    fn count_dead_out(&mut self, item: Location, mark: u8) {
        if mark == self.epochs.current && self.is_flushed(self.slabs.pages.at(item)) {
            self.epochs.set_dead(self.epochs.dead - 1);
        }
    }

    /// Whether dead items of flushes are left.
    pub(crate) fn is_flushed_left(&self) -> bool {
        self.index.items > self.epochs.live_items()
    }

    /// Whether what flushes left is to be collected. Where nothing dead is looked for, that waits
    /// until no mark is free.
    pub(crate) fn is_collection_due(&self) -> bool {
        if self.crawl.is_off {
            self.epochs.are_all_used() || self.epochs.is_ambiguous()
        } else {
            self.is_flushed_left()
        }
    }

    /// Dead items with the current mark, for the recount; `None`: a clean page has an item of
    /// another mark.
    pub(crate) fn count_dead_marked(&self, items: impl Iterator<Item = Location>) -> Option<usize> {
        let mut dead = 0;
        for item in items.filter(|_| self.epochs.is_ambiguous()) {
            let is_current = ItemRef::new(&self.slabs.pages, item).epoch() == self.epochs.current;
            match self.is_page_clean(self.slabs.record_of(item) as u32) {
                true if !is_current => return None,
                true => {}
                false => dead += usize::from(is_current),
            }
        }
        Some(dead)
    }
}
