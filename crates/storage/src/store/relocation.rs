//! Live items change their chunk, so that a page can leave its class without losing them.

use crate::item::chain;
use crate::item::item::{self, ChunkUse};
use crate::item::item_ref::ItemRef;
use crate::limits::{PREFETCH_CHUNKS, RESCUE_ROUNDS};
use crate::memory::region::Location;
use crate::slabs::slab_allocator::PageUse;
use crate::store::store::Store;

impl Store {
    /// Takes back or evicts everything in the page, which leaves its class thereby. Temporary items
    /// move, as long as their class has others to evict for them.
    pub(crate) fn clear_page(&mut self, now: u32, page: u32) {
        assert_eq!(self.slabs.records[page as usize].pinned, 0, "a pinned page is cleared");
        self.slabs.begin_drain(page);
        let (mut number, mut rescues) = (0, true);
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
            if rescues && self.death_of(now, item).is_none() && self.is_temporary(now, item) {
                rescues = self.rescue(now, item, chunk);
                if rescues {
                    continue;
                }
            }
            self.evict(now, item);
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
            if self.epochs.is_ambiguous() {
                self.clean_page_of(new);
            }
            self.follow_head(item, new);
        } else {
            chain::relink_body(pages, new);
        }
        self.slabs.free_chunk(chunk);
        self.items_moved += 1;
        true
    }

    /// Moves one chunk of a temporary item that is not held to another page of its class, for which
    /// other items are evicted. False: there are too few.
    pub(crate) fn rescue(&mut self, now: u32, item: Location, chunk: Location) -> bool {
        let class = self.slabs.class_of(chunk);
        for _ in 0..RESCUE_ROUNDS {
            if self.relocate(item, chunk) {
                return true;
            }
            if !self.evict_from_class(now, class) {
                break;
            }
        }
        false
    }

    /// Lets everything that points to an item point to its new place.
    fn follow_head(&mut self, old: Location, new: Location) {
        let hash = self.hash_of(new);
        self.index.replace(&mut self.slabs.pages, hash, old, new);
        let exptime = ItemRef::new(&self.slabs.pages, new).exptime();
        if exptime != 0 {
            self.expiry.note(self.slabs.record_of(new), exptime);
        }
        chain::relink_head(&mut self.slabs.pages, new);
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::item::chain::steps;
    use crate::store::reservation::tests::{put, store_of, value_of};
    use crate::store::store_verb::StoreVerb;

    /// The chunk before a body was found by a walk from the head: a page of a value's bodies took
    /// as many steps per chunk as the value has chunks.
    #[test]
    fn a_body_moves_in_a_few_steps_and_a_head_in_one_walk() {
        let mut store = store_of(200);
        let value = value_of(4 << 20);
        let key = put(&mut store, b"long", &value, StoreVerb::Set);
        let item = store.find_linked(key).unwrap();
        let bodies: Vec<_> = ItemRef::new(&store.slabs.pages, item).bodies().collect();
        for chunk in bodies.iter().copied().chain([item]) {
            let class = store.slabs.class_of(chunk);
            if !store.slabs.has_room(class) {
                let page = store.slabs.take_page().unwrap();
                store.slabs.join_class(page, class);
            }
            let steps = steps::of(|| assert!(store.relocate(item, chunk)));
            let allowed = if chunk == item { bodies.len() } else { 0 };
            assert!(steps <= allowed + 4, "{steps} steps");
            store.check().unwrap();
        }
        assert_eq!(store.stats().items_moved, bodies.len() as u64 + 1);
        let item = store.get(1, key).unwrap();
        let moved: Vec<u8> = item.value_parts().flatten().copied().collect();
        assert!(moved == value);
    }
}
