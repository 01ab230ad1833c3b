//! The emptying of a page, so that it leaves its class. Dead items are taken back, live ones move
//! to other pages of the class, where the class's most dispensable items make room for them.

use crate::eviction::eviction::Eviction;
use crate::eviction::victims::{Emptied, Temporary};
use crate::item::chain;
use crate::item::chunk::{self, ChunkUse};
use crate::item::expiry::Moment;
use crate::limits::{
    EMPTYING_ROUNDS, EVICTION_WORK, PREFETCH_CHUNKS, RECLAIM_WORK, RELOCATION_WORK,
    RELOCATION_WORK_BYTES, WALK_WORK,
};
use crate::memory::region::Location;
use crate::slabs::page_record::RecordId;

impl Eviction {
    /// Empties a chunk of the page that is being drained. Adds the work done, in the unit of
    /// [`RECLAIM_WORK`]. A temporary item that finds no other chunk may stay if `temporary` says
    /// so.
    pub(crate) fn empty_chunk(
        &mut self,
        now: Moment,
        chunk: Location,
        temporary: Temporary,
        work: &mut usize,
    ) -> Emptied {
        *work += 1;
        let emptied = self.move_away(now, chunk, work);
        if emptied == Emptied::Nothing
            && let Some(item) = self.items().evictable_item(chunk)
            && (temporary == Temporary::Go || !self.is_temporary(item))
        {
            self.evict(now, item);
            return Emptied::Chunk;
        }
        emptied
    }

    /// Empties a page at once, which then leaves its class, or another one in its place. Its items
    /// move while their class has others to evict for them.
    pub(crate) fn clear_page(&mut self, now: Moment, page: RecordId) {
        assert!(!self.items().slabs().is_pinned(page), "a pinned page is cleared");
        self.items_mut().slabs_mut().begin_drain(page);
        let (mut number, mut has_room) = (0, true);
        while let Some(chunk) = self.items().slabs().chunk_in_page(page, number) {
            if number.is_multiple_of(PREFETCH_CHUNKS) {
                self.prefetch_buckets_of(page, number);
            }
            number += 1;
            if has_room {
                match self.move_away(now, chunk, &mut 0) {
                    Emptied::Chunk => {}
                    Emptied::OtherPage => return self.items_mut().slabs_mut().cancel_drain(),
                    Emptied::Nothing => has_room = false,
                }
            }
            if !has_room && let Some(item) = self.items().evictable_item(chunk) {
                self.evict(now, item);
            }
        }
        let is_left = self.items().slabs().is_draining(page);
        assert!(!is_left, "a cleared page has used chunks");
    }

    /// Takes a dead item of a drained page back, or moves this chunk of a live one to another page.
    /// The most dispensable items of the class make room. Adds the work done.
    fn move_away(&mut self, now: Moment, chunk: Location, work: &mut usize) -> Emptied {
        let slabs = self.items().slabs();
        let (page, class) = (slabs.stock.record_of(chunk), slabs.class_of(chunk));
        let bytes = slabs.class(class).chunk_bytes();
        for _ in 0..EMPTYING_ROUNDS {
            let Some(item) = self.linked_item(chunk) else { return Emptied::Chunk };
            if self.items().death_of(now, item).is_some() {
                self.evict(now, item);
                *work += RECLAIM_WORK;
                return Emptied::Chunk;
            }
            if self.items_mut().relocate(item, chunk) {
                *work += RELOCATION_WORK + bytes / RELOCATION_WORK_BYTES;
                return Emptied::Chunk;
            }
            let victims = self.victims_at_once(class);
            let pages = self.items().slabs().class(class).pages();
            *work += victims * EVICTION_WORK;
            // This may evict this item, or make room for it.
            if !self.evict_from_class(now, class, victims) {
                *work += WALK_WORK;
                return Emptied::Nothing;
            }
            let slabs = self.items().slabs();
            if !slabs.is_draining(page) {
                return Emptied::Chunk;
            }
            let has_left = slabs.class(class).pages() < pages;
            if has_left && self.linked_item(chunk).is_some_and(|item| self.is_protected(item)) {
                // With it went the chunks that this item needs. The next victim may be as good.
                return Emptied::OtherPage;
            }
        }
        Emptied::Nothing
    }

    /// Whether the segment of an item protects it.
    fn is_protected(&self, item: Location) -> bool {
        !self.items().view(item).access().is_cold()
    }

    /// The linked item that a chunk of an unpinned page is a part of. `None`: the chunk is free.
    fn linked_item(&self, chunk: Location) -> Option<Location> {
        let pages = self.items().pages();
        let is_unlinked = chunk::chunk_use(pages, chunk) == ChunkUse::Unlinked;
        assert!(!is_unlinked, "an unlinked item is not pinned");
        chain::item_of(pages, chunk)
    }

    /// Asks the processor for the buckets that change when the items in some chunks of a page go.
    pub(crate) fn prefetch_buckets_of(&self, page: RecordId, first: usize) {
        let items = self.items();
        for number in first..first + PREFETCH_CHUNKS {
            if let Some(chunk) = items.slabs().chunk_in_page(page, number)
                && chunk::chunk_use(items.pages(), chunk) == ChunkUse::Linked
            {
                items.prefetch_bucket(items.hash_of(chunk));
            }
        }
    }
}
