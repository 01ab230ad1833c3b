//! Pages that another process left: they join their classes again, and their free chunks are found.

use crate::item::chain::chunk_used_bytes;
use crate::item::chunk;
use crate::item::chunk_sizes::SlabClassId;
use crate::memory::page::Page;
use crate::memory::page_directory::DirectoryEntry;
use crate::memory::region::{Location, OwnedPages};
use crate::slabs::page_record::{PageUse, RecordId};
use crate::slabs::slab_allocator::SlabAllocator;
use crate::slabs::slab_class::SlabClass;

impl SlabAllocator {
    /// Takes a page over as the directory says. `None`: it cannot be a page of a class. It is spare
    /// then. Until [`Self::recount_kept_page`] none of its chunks counts as used.
    pub(crate) fn adopt_page(&mut self, page: Page, entry: DirectoryEntry) -> Option<RecordId> {
        let id = self.stock.own(page);
        let chunks = self.classes.get(entry.class).map(SlabClass::chunks_per_page);
        if chunks.is_none_or(|chunks| usize::from(entry.carved) > chunks) {
            self.stock.note_in_no_class(id);
            self.stock.keep_spare(id);
            return None;
        }
        self.add_to_class(id, SlabClassId::new(entry.class), entry.carved);
        Some(id)
    }

    /// The length of the chunk at a location, which may be any. `None`: no chunk of the store was
    /// ever handed out there.
    pub(crate) fn kept_chunk_bytes(&self, location: Location) -> Option<usize> {
        let at = self.stock.pages.at(location.some()?);
        let id = self.stock.find_record(at)?;
        let PageUse::Class(class) = self.stock.page_use(id) else { return None };
        let (bytes, offset) = (self.class(class).chunk_bytes(), at - self.stock.page_at(id));
        let is_chunk = offset.is_multiple_of(bytes) && offset / bytes < self.carved_chunks(id);
        is_chunk.then_some(bytes)
    }

    /// Finds the used and the free chunks of an adopted page. `is_used`: whether a chunk is part of
    /// an item. An empty page leaves its class.
    pub(crate) fn recount_kept_page(
        &mut self,
        id: RecordId,
        is_used: impl Fn(&OwnedPages, Location) -> bool,
    ) {
        let class = self.class_of_page(id);
        let (mut used, mut bytes, mut free) = (0, 0, Location::NONE);
        for number in (0..self.carved_chunks(id)).rev() {
            let chunk = self.chunk_in_page(id, number).expect("a chunk that was handed out");
            if is_used(&self.stock.pages, chunk) {
                used += 1;
                bytes += chunk_used_bytes(&self.stock.pages, chunk);
            } else {
                chunk::write_free(&mut self.stock.pages, chunk, free);
                free = chunk;
            }
        }
        let record = self.stock.record_mut(id);
        (record.used, record.free) = (used, free);
        let slab_class = self.class_mut(class);
        slab_class.used_chunks += usize::from(used);
        slab_class.used_bytes += bytes;
        if used == 0 {
            // A drain of an empty page ends at once.
            self.begin_drain(id);
        } else if usize::from(used) == self.class(class).chunks_per_page() {
            self.unlink_room(id, class);
        }
    }
}
