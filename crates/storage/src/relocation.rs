//! Live items change their chunk, so that a page can leave its class without losing them.

use crate::item::{self, ChunkUse, ItemRef};
use crate::limits::PREFETCH_CHUNKS;
use crate::region::Location;
use crate::slab_allocator::PageUse;
use crate::store::Store;

impl Store {
    /// Takes back or evicts everything in the page, which leaves its class thereby.
    pub(crate) fn clear_page(&mut self, now: u32, page: u32) {
        assert_eq!(self.slabs.records[page as usize].pinned, 0, "a pinned page is cleared");
        let class = self.slabs.class_of_record(page);
        self.slabs.begin_drain(page);
        let mut number = 0;
        while let Some(chunk) = self.slabs.chunk_in_page(page, number) {
            if number.is_multiple_of(PREFETCH_CHUNKS) {
                self.prefetch_buckets_of(page, number);
            }
            number += 1;
            let item = match item::chunk_use(&self.slabs.pages, chunk) {
                ChunkUse::Free => continue,
                ChunkUse::Body => item::body_head(&self.slabs.pages, chunk),
                ChunkUse::Linked => chunk,
                ChunkUse::Unlinked => panic!("an unlinked item is not pinned"),
            };
            self.evict(now, class, item);
        }
        let page_use = self.slabs.records[page as usize].page_use;
        assert!(!matches!(page_use, PageUse::Class(_)), "a cleared page has used chunks");
    }

    /// Moves one chunk of a linked, unheld item to another page of its class. False: the class has
    /// no free chunk elsewhere.
    pub(crate) fn relocate(&mut self, item: Location, chunk: Location) -> bool {
        let class = self.slabs.class_of(chunk);
        let bytes = item::chunk_used_bytes(&self.slabs.pages, chunk);
        let Some(new) = self.slabs.take_chunk(class, bytes) else { return false };
        let pages = &mut self.slabs.pages;
        let (from, to) = (pages.at(chunk), pages.at(new));
        pages.copy(from, to, bytes);
        if chunk == item {
            self.follow_head(item, new);
        } else {
            self.follow_body(item, chunk, new);
        }
        self.slabs.free_chunk(chunk);
        self.items_moved += 1;
        true
    }

    /// Lets everything that points to an item point to its new place.
    fn follow_head(&mut self, old: Location, new: Location) {
        let hash = self.hash_of(new);
        self.index.replace(&mut self.slabs.pages, hash, old, new);
        let view = ItemRef::new(&self.slabs.pages, new);
        let (exptime, mut body) = (view.exptime(), view.bodies().next());
        if exptime != 0 {
            self.expiry.note(self.slabs.record_of(new), exptime);
        }
        while let Some(chunk) = body {
            item::set_body_head(&mut self.slabs.pages, chunk, new);
            body = item::next(&self.slabs.pages, chunk).some();
        }
    }

    /// Lets the chunk before a body chunk point to its new place.
    fn follow_body(&mut self, item: Location, old: Location, new: Location) {
        let pages = &self.slabs.pages;
        let before =
            ItemRef::new(pages, item).bodies().find(|body| item::next(pages, *body) == old);
        let pages = &mut self.slabs.pages;
        match before {
            Some(before) => item::set_next(pages, before, new),
            None => item::set_first_body(pages, item, new),
        }
    }
}
