//! The recount of pages, chunks and classes, for tests.

use alloc::collections::BTreeMap;
use alloc::{format, string::String, vec, vec::Vec};

use crate::item::chain::chunk_used_bytes;
use crate::item::chunk::{self, ChunkUse};
use crate::item::chunk_sizes::SlabClassId;
use crate::item::item_head::ItemHead;
use crate::item::segment::Segment;
use crate::limits::SPARE_PAGES_MAX;
use crate::memory::region::Location;
use crate::slabs::page_record::{PageUse, RecordId};
use crate::slabs::slab_allocator::SlabAllocator;
use crate::slabs::slab_class::SlabClass;

/// What each chunk that was ever handed out holds.
pub(crate) type Chunks = BTreeMap<Location, ChunkUse>;

/// Returns an error with the text unless the fact holds.
macro_rules! ensure {
    ($fact:expr, $($text:tt)+) => {
        if !$fact {
            return Err(format!($($text)+));
        }
    };
}
pub(crate) use ensure;

impl SlabAllocator {
    /// Recounts pages and their chunks. Each chunk is either on its page's free list or used.
    /// `index_pages`: pages of the hash table.
    pub(crate) fn recount_pages(&self, index_pages: usize) -> Result<Chunks, String> {
        let (mut chunks, mut owned, mut spare, mut index) = (Chunks::new(), 0, 0, 0);
        let mut class_pages = vec![(0, 0, 0); self.classes.len()];
        for id in self.stock.records() {
            let record = self.stock.record(id);
            ensure!(
                record.page.is_some() == (record.page_use != PageUse::Vacant),
                "{id:?}: page and use disagree"
            );
            owned += usize::from(record.page.is_some());
            let class = match record.page_use {
                PageUse::Class(class) => Some((class, record.carved)),
                _ => None,
            };
            let is_noted = record.page.is_none() || self.stock.is_noted(id, class);
            ensure!(is_noted, "{id:?}: the page directory disagrees");
            match record.page_use {
                PageUse::Vacant => {}
                PageUse::Spare => spare += 1,
                PageUse::Index => index += 1,
                PageUse::Class(class) => {
                    let (used, bytes) = self.recount_page(id, &mut chunks)?;
                    let sums = &mut class_pages[class.index()];
                    *sums = (sums.0 + 1, sums.1 + used, sums.2 + bytes);
                }
            }
        }
        ensure!(owned == self.stock.owned_pages(), "owned pages: {owned}");
        ensure!(spare == self.stock.spare_pages(), "spare pages: {spare}");
        ensure!(
            spare <= SPARE_PAGES_MAX || owned <= self.stock.pages_min(),
            "more spare pages than allowed: {spare}"
        );
        ensure!(index == index_pages, "hash table pages: {index}, not {index_pages}");
        for ((id, class), sums) in self.classes().zip(class_pages) {
            let counted = (class.pages(), class.used_chunks, class.used_bytes);
            ensure!(counted == sums, "{id:?}: {counted:?}, recount {sums:?}");
            self.recount_room(id)?;
        }
        let populated = self.classes().filter(|(_, class)| class.pages() > 0).map(|(id, _)| id);
        let known = self.populated_classes().map(|(id, _)| id);
        ensure!(populated.eq(known), "classes that have pages");
        let all: usize = self.classes.iter().map(SlabClass::pages).sum();
        ensure!(all == self.class_pages, "pages of classes: {all}");
        ensure!(all + spare + index == owned, "pages of classes do not sum up");
        Ok(chunks)
    }

    fn recount_page(&self, id: RecordId, chunks: &mut Chunks) -> Result<(usize, usize), String> {
        let record = self.stock.record(id);
        let (mut used, mut bytes, mut free) = (0, 0, 0);
        for chunk in self.chunks_of_page(id) {
            let chunk_use = chunk::chunk_use(self.pages(), chunk);
            if chunk_use == ChunkUse::Free {
                free += 1;
            } else {
                used += 1;
                bytes += chunk_used_bytes(self.pages(), chunk);
            }
            chunks.insert(chunk, chunk_use);
        }
        ensure!(used == usize::from(record.used), "{id:?}: {used} used chunks");
        let is_new = record.carved == 0;
        ensure!(used > 0 || is_new, "{id:?} is empty and still in its class");
        let (mut listed, mut next) = (0, record.free);
        while let Some(chunk) = next.some() {
            ensure!(chunks.get(&chunk) == Some(&ChunkUse::Free), "{chunk:?} is listed as free");
            listed += 1;
            ensure!(listed <= free, "{id:?}: the free list runs in a circle");
            next = chunk::next(self.pages(), chunk);
        }
        ensure!(listed == free, "{id:?}: {free} free chunks, {listed} listed");
        Ok((used, bytes))
    }

    /// The list of the class's pages with room is complete, and its links agree.
    fn recount_room(&self, class: SlabClassId) -> Result<(), String> {
        let chunks = self.class(class).chunks_per_page();
        let with_room = self.stock.records().filter(|id| {
            let record = self.stock.record(*id);
            let of_class = record.page_use == PageUse::Class(class);
            of_class && !self.is_draining(*id) && usize::from(record.used) < chunks
        });
        let (with_room, mut listed) = (with_room.count(), 0);
        let (mut next, mut prev) = (self.class(class).room, RecordId::NONE);
        while let Some(id) = next.some() {
            let record = self.stock.record(id);
            ensure!(record.prev == prev, "{class:?}: broken list of pages with room");
            ensure!(listed < with_room, "{class:?}: too many pages listed with room");
            listed += 1;
            (prev, next) = (id, record.next);
        }
        ensure!(listed == with_room, "{class:?}: {with_room} pages with room, {listed} listed");
        Ok(())
    }

    /// Each class lists its pages and counts its items by segment. Its candidates lie in its
    /// pages. Returns the number of items.
    pub(crate) fn recount_classes(&self, chunks: &Chunks) -> Result<usize, String> {
        let mut items = vec![[0; Segment::ALL.len()]; self.classes.len()];
        for (chunk, chunk_use) in chunks {
            if *chunk_use == ChunkUse::Linked {
                let segment = ItemHead::read(self.pages(), *chunk).access().segment();
                items[self.class_of(*chunk).index()][segment as usize] += 1;
            }
        }
        for (id, class) in self.classes() {
            let (counted, found) = (class.segments.items(), items[id.index()]);
            ensure!(counted == found, "{id:?}: {counted:?} items by segment, recount {found:?}");
            let is_own = |page: RecordId| self.stock.page_use(page) == PageUse::Class(id);
            for (place, page) in class.pages.all().iter().enumerate() {
                ensure!(is_own(*page), "{id:?}: page {page:?}");
                let is_movable = place < class.movable_pages();
                ensure!(self.is_pinned(*page) != is_movable, "{id:?}: page {page:?} with pins");
                let noted = self.stock.record(*page).class_place as usize;
                ensure!(noted == place, "{id:?}: page {page:?} at {noted}, not {place}");
            }
            for candidate in class.candidates.iter() {
                let page = self.stock.record_of(candidate.chunk);
                ensure!(is_own(page), "{id:?}: candidate in page {page:?}");
            }
        }
        Ok(items.iter().flatten().sum())
    }

    /// Each page counts its pinned chunks. `pinned`: the chunks of reserved and held items.
    pub(crate) fn recount_pins(&self, pinned: &[Location]) -> Result<(), String> {
        let mut pins: BTreeMap<RecordId, u16> = BTreeMap::new();
        for chunk in pinned {
            *pins.entry(self.stock.record_of(*chunk)).or_default() += 1;
        }
        let class_pages = |id: &RecordId| matches!(self.stock.page_use(*id), PageUse::Class(_));
        let pages: Vec<RecordId> = self.stock.records().filter(class_pages).collect();
        for id in pages {
            let pinned = pins.get(&id).copied().unwrap_or(0);
            ensure!(pinned == self.stock.record(id).pinned, "{id:?}: {pinned} pinned chunks");
        }
        Ok(())
    }
}
