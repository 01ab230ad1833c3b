//! The pages of a store, and the chunks that slab classes cut from them.
//!
//! Each owned page has a record. A page of a class keeps the list of its own free chunks, so a
//! page that becomes empty leaves its class at once, and a page with pinned chunks (reserved or
//! held, not to be moved or evicted) is told from the others by a count.

use alloc::{sync::Arc, vec::Vec};

use crate::item::chunk_sizes::ChunkSizes;
use crate::item::item;
use crate::limits::{
    CHUNK_BYTES_MAX, CLASS_COUNTS, PAGE_BYTES, RESERVE_PAGES_MIN, SPARE_PAGES_MAX,
};
use crate::memory::page_pool::{Page, PagePool};
use crate::memory::region::{Location, OwnedPages};
use crate::slabs::slab_class::SlabClass;
use crate::slabs::stats::ClassCounters;

pub(crate) const NONE: u32 = u32::MAX;

/// What an owned page is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PageUse {
    /// The record describes no page.
    Vacant,
    /// Owned, in no use.
    Spare,
    /// Part of the hash table.
    Index,
    /// Cut into chunks of a slab class.
    Class(u8),
}

pub(crate) struct PageRecord {
    pub(crate) page: Option<Page>,
    pub(crate) page_use: PageUse,
    /// Chunks handed out at least once since the page joined its class; those behind were never
    /// touched.
    pub(crate) carved: u16,
    pub(crate) used: u16,
    /// Used chunks that must stay where they are.
    pub(crate) pinned: u16,
    pub(crate) free: Location,
    /// Links of the class's list of pages with room, or of the list of vacant or spare records.
    pub(crate) next: u32,
    pub(crate) prev: u32,
    /// Where the page is among those of its class.
    pub(crate) class_place: u32,
    /// Number of the flush with a used mark after which the page was cleaned, see `flush.rs`.
    pub(crate) cleaned_after: u64,
}

pub(crate) struct SlabAllocator {
    pub(crate) pages: OwnedPages,
    pub(crate) records: Vec<PageRecord>,
    /// The class that each record's page belongs, or last belonged to: all that a hit asks for.
    classes_by_record: Vec<u8>,
    pub(crate) classes: Vec<SlabClass>,
    /// Hits and storage commands of each class: beside each other, as each request counts one.
    pub(crate) hits: [u64; CLASS_COUNTS],
    pub(crate) sets: [u64; CLASS_COUNTS],
    pub(crate) sizes: ChunkSizes,
    vacant: u32,
    spare: u32,
    pub(crate) spare_pages: usize,
    pub(crate) owned_pages: usize,
    /// Pages of all classes, and the most there were.
    pub(crate) class_pages: usize,
    class_pages_max: usize,
    /// Pages that are never given to the pool.
    pages_min: usize,
    /// Whether a spare page is kept for what cannot wait, where there are pages enough.
    pub(crate) is_reserving: bool,
    /// Nothing is evicted: what one store has no memory for, all stores refuse until one of them
    /// frees some, so that a client is not told now this, now that, as its keys have it.
    pub(crate) is_refusing: bool,
    /// Record of the page whose items are being moved away: it hands out no chunk.
    pub(crate) draining: u32,
    /// Flushes so far that took a mark which dead items still had, see `flush.rs`.
    pub(crate) marks_reused: u64,
}

impl SlabAllocator {
    pub(crate) fn new(
        pool: Arc<PagePool>,
        chunk_bytes_min: usize,
        growth_factor: f64,
        pages_min: usize,
        pages_expected: usize,
    ) -> SlabAllocator {
        let pages = OwnedPages::new(pool);
        let sizes = ChunkSizes::new(chunk_bytes_min, growth_factor, pages.granule_bytes());
        SlabAllocator {
            classes: SlabClass::all(&sizes),
            hits: [0; CLASS_COUNTS],
            sets: [0; CLASS_COUNTS],
            sizes,
            records: Vec::with_capacity(pages_expected.min(pages.pool().pages_total())),
            classes_by_record: Vec::new(),
            pages,
            vacant: NONE,
            spare: NONE,
            spare_pages: 0,
            owned_pages: 0,
            class_pages: 0,
            class_pages_max: 0,
            pages_min,
            is_reserving: false,
            is_refusing: false,
            draining: NONE,
            marks_reused: 0,
        }
    }

    pub(crate) fn class_for(&self, bytes: usize) -> usize {
        self.sizes.class_for(bytes)
    }

    fn record_index(&self, chunk: Location) -> usize {
        self.pages.note(self.pages.at(chunk)) as usize
    }

    pub(crate) fn record_of(&self, chunk: Location) -> usize {
        let index = self.record_index(chunk);
        let number = self.pages.at(chunk) / PAGE_BYTES;
        let page = self.records[index].page.as_ref();
        assert!(page.is_some_and(|page| page.number() as usize == number), "page not owned");
        index
    }

    /// The class of a chunk that is in use.
    #[inline]
    pub(crate) fn class_of(&self, chunk: Location) -> usize {
        let index = self.record_index(chunk);
        debug_assert_eq!(index, self.record_of(chunk), "page not owned");
        usize::from(self.classes_by_record[index])
    }

    /// Counts a hit on the item at this byte.
    #[inline]
    pub(crate) fn count_hit(&mut self, at: usize) {
        let class = usize::from(self.classes_by_record[self.pages.note(at) as usize]);
        // There are never more classes: it only spares a check.
        self.hits[class % CLASS_COUNTS] += 1;
    }

    /// What has happened to the items of a class.
    pub(crate) fn counters(&self, class: usize) -> ClassCounters {
        let (get_hits, cmd_set) = (self.hits[class], self.sets[class]);
        ClassCounters { get_hits, cmd_set, ..self.classes[class].counters }
    }

    /// Takes a spare page, or one of the pool; its record is `Index` until it joins a class.
    pub(crate) fn take_page(&mut self) -> Option<u32> {
        if self.spare != NONE {
            let index = self.spare;
            self.spare = self.records[index as usize].next;
            self.spare_pages -= 1;
            self.records[index as usize].page_use = PageUse::Index;
            return Some(index);
        }
        self.take_new_page()
    }

    fn take_new_page(&mut self) -> Option<u32> {
        let index = if self.vacant == NONE { self.records.len() as u32 } else { self.vacant };
        let page = self.pages.take(index)?;
        if self.vacant == NONE {
            self.classes_by_record.push(0);
            self.records.push(PageRecord {
                page: None,
                page_use: PageUse::Vacant,
                carved: 0,
                used: 0,
                pinned: 0,
                free: Location::NONE,
                next: NONE,
                prev: NONE,
                class_place: NONE,
                cleaned_after: 0,
            });
        } else {
            self.vacant = self.records[index as usize].next;
        }
        let record = &mut self.records[index as usize];
        record.page = Some(page);
        record.page_use = PageUse::Index;
        self.owned_pages += 1;
        Some(index)
    }

    /// As [`Self::take_page`], but fills the reserve first, and leaves it; a page of the pool only
    /// if `from_pool`.
    pub(crate) fn take_unreserved_page(&mut self, from_pool: bool) -> Option<u32> {
        if from_pool
            && self.spare_pages < self.reserve_pages()
            && let Some(page) = self.take_new_page()
        {
            self.keep_spare(page);
        }
        if self.spare_pages > self.reserve_pages() {
            return self.take_page();
        }
        if from_pool { self.take_new_page() } else { None }
    }

    /// Spare pages that only the hash table and a class without any may take.
    pub(crate) fn reserve_pages(&self) -> usize {
        usize::from(self.is_reserving && self.owned_pages >= RESERVE_PAGES_MIN)
    }

    /// Byte offset of a record's page.
    pub(crate) fn page_at(&self, index: u32) -> usize {
        let page = self.records[index as usize].page.as_ref().expect("a record with a page");
        page.number() as usize * PAGE_BYTES
    }

    /// Puts a page that is in no use on the spare list, or gives one to the pool where there are
    /// enough.
    pub(crate) fn keep_spare(&mut self, index: u32) {
        let record = &mut self.records[index as usize];
        record.page_use = PageUse::Spare;
        record.next = self.spare;
        self.spare = index;
        self.spare_pages += 1;
        if self.spare_pages > SPARE_PAGES_MAX {
            self.give_spare();
        }
    }

    /// Gives a spare page to the pool; false when there is none or the store is at its minimum.
    pub(crate) fn give_spare(&mut self) -> bool {
        if self.spare == NONE || self.owned_pages <= self.pages_min {
            return false;
        }
        let index = self.spare;
        let record = &mut self.records[index as usize];
        self.spare = record.next;
        record.page_use = PageUse::Vacant;
        record.next = self.vacant;
        self.vacant = index;
        let page = record.page.take().expect("a spare record has a page");
        self.pages.give(page);
        self.spare_pages -= 1;
        self.owned_pages -= 1;
        true
    }

    /// Makes a page just taken one of a class.
    pub(crate) fn join_class(&mut self, index: u32, class: usize) {
        let record = &mut self.records[index as usize];
        assert!(record.page_use == PageUse::Index, "a page in use joins a class");
        record.page_use = PageUse::Class(class as u8);
        self.classes_by_record[index as usize] = class as u8;
        record.carved = 0;
        record.used = 0;
        record.pinned = 0;
        record.free = Location::NONE;
        record.cleaned_after = self.marks_reused;
        record.class_place = self.classes[class].pages.len() as u32;
        self.classes[class].pages.push(index);
        self.link_room(index, class);
        self.class_pages += 1;
        if self.class_pages > self.class_pages_max {
            self.class_pages_max = self.class_pages;
            self.pages.pool().count_class_page();
        }
    }

    /// Takes an empty page, no longer listed with room, out of its class.
    fn leave_class(&mut self, index: u32, class: usize) {
        let page_number = self.page_at(index) / PAGE_BYTES;
        let place = self.records[index as usize].class_place as usize;
        let slab_class = &mut self.classes[class];
        slab_class.pages.swap_remove(place);
        self.class_pages -= 1;
        let pages = &self.pages;
        slab_class.candidates.retain(|slot| pages.at(slot.chunk) / PAGE_BYTES != page_number);
        if let Some(moved) = slab_class.pages.get(place) {
            self.records[*moved as usize].class_place = place as u32;
        }
        self.keep_spare(index);
    }

    /// The `number`th chunk of the class's next sample: at random places, two side by side. `None`:
    /// it was never handed out, or the class has no page.
    #[inline]
    pub(crate) fn sampled_chunk(&self, class: usize, number: usize) -> Option<Location> {
        let slab_class = &self.classes[class];
        let pages = slab_class.pages.len() as u64;
        if pages == 0 {
            return None;
        }
        let draw = slab_class.sample.draw(number as u64 / 2);
        let record = slab_class.pages[(((draw >> 32) * pages) >> 32) as usize];
        let carved = u64::from(self.records[record as usize].carved);
        let first = ((draw & 0xffff_ffff) * carved.saturating_sub(1)) >> 32;
        self.chunk_in_page(record, first as usize + number % 2)
    }

    /// Asks the processor for a part of the class's next sample.
    pub(crate) fn prefetch_sample(&self, class: usize, chunks: usize) {
        for chunk in (0..chunks).filter_map(|number| self.sampled_chunk(class, number)) {
            self.pages.prefetch(self.pages.at(chunk));
        }
    }

    fn link_room(&mut self, index: u32, class: usize) {
        let head = self.classes[class].room;
        self.records[index as usize].next = head;
        self.records[index as usize].prev = NONE;
        if head != NONE {
            self.records[head as usize].prev = index;
        }
        self.classes[class].room = index;
    }

    fn unlink_room(&mut self, index: u32, class: usize) {
        let PageRecord { next, prev, .. } = self.records[index as usize];
        if prev == NONE {
            assert_eq!(self.classes[class].room, index, "a page outside of its class's list");
            self.classes[class].room = next;
        } else {
            self.records[prev as usize].next = next;
        }
        if next != NONE {
            self.records[next as usize].prev = prev;
        }
    }

    /// Whether a chunk can be had without a new page: one of the class, or a spare page for it.
    pub(crate) fn has_room(&self, class: usize) -> bool {
        self.classes[class].room != NONE || self.spare_pages > self.reserve_pages()
    }

    /// Whether a class could have a page now.
    pub(crate) fn has_unreserved_page(&self) -> bool {
        self.spare_pages > self.reserve_pages() || self.pages.pool().pages_free() > 0
    }

    /// A chunk of the class from its pages, if one has room. Its content is arbitrary; the caller
    /// writes an item or body header before anything else looks at it.
    pub(crate) fn take_chunk(&mut self, class: usize, bytes: usize) -> Option<Location> {
        let index = self.classes[class].room;
        if index == NONE {
            return None;
        }
        let (chunk_bytes, chunks) =
            (self.classes[class].chunk_bytes, self.classes[class].chunks_per_page);
        let page_at = self.page_at(index);
        let record = &mut self.records[index as usize];
        let chunk = if let Some(chunk) = record.free.some() {
            record.free = item::next(&self.pages, chunk);
            chunk
        } else {
            let at = page_at + usize::from(record.carved) * chunk_bytes;
            record.carved += 1;
            self.pages.location(at)
        };
        record.used += 1;
        assert!(usize::from(record.used) <= chunks, "more chunks than the page has");
        if usize::from(record.used) == chunks {
            self.unlink_room(index, class);
        }
        self.classes[class].used_chunks += 1;
        self.classes[class].requested_bytes += bytes;
        Some(chunk)
    }

    /// Whether there is known to be no memory for a class.
    #[inline]
    pub(crate) fn is_refused(&self, class: usize) -> bool {
        self.is_refusing && self.pages.pool().is_full(class)
    }

    /// There is no memory for a class.
    pub(crate) fn refuse(&self, class: usize) {
        if self.is_refusing {
            self.pages.pool().mark_full(class);
        }
    }

    /// Whether there is known to be no memory for a value so long.
    pub(crate) fn is_value_refused(&self, bytes: usize) -> bool {
        self.is_refusing && self.pages.pool().is_refused(bytes)
    }

    /// There is no memory for a chained value of so many bytes.
    pub(crate) fn refuse_value(&self, bytes: usize) {
        if self.is_refusing {
            self.pages.pool().refuse_from(bytes);
        }
    }

    /// Frees a chunk that is not pinned. An empty page leaves its class.
    pub(crate) fn free_chunk(&mut self, chunk: Location) {
        let index = self.record_of(chunk);
        let class = self.class_of(chunk);
        if self.is_refusing {
            self.pages.pool().mark_none_full();
        }
        let bytes = item::chunk_used_bytes(&self.pages, chunk);
        assert!(bytes > 0, "a chunk is freed twice");
        let chunks = self.classes[class].chunks_per_page;
        let record = &mut self.records[index];
        item::write_free(&mut self.pages, chunk, record.free);
        record.free = chunk;
        assert!(record.used > record.pinned, "a pinned chunk is freed");
        let was_full = usize::from(record.used) == chunks;
        record.used -= 1;
        let empty = record.used == 0;
        self.classes[class].used_chunks -= 1;
        self.classes[class].requested_bytes -= bytes;
        let draining = index as u32 == self.draining;
        if was_full && !draining {
            self.link_room(index as u32, class);
        }
        if empty {
            if draining {
                self.draining = NONE;
            } else {
                self.unlink_room(index as u32, class);
            }
            self.leave_class(index as u32, class);
        }
    }

    /// From now on a page of a class hands out no chunk. One that has no chunk in use leaves its
    /// class at once.
    pub(crate) fn begin_drain(&mut self, index: u32) {
        assert_eq!(self.draining, NONE, "one page is drained at a time");
        let class = self.class_of_record(index);
        if usize::from(self.records[index as usize].used) < self.classes[class].chunks_per_page {
            self.unlink_room(index, class);
        }
        if self.records[index as usize].used == 0 {
            // It was given to its class, which has not used it yet.
            return self.leave_class(index, class);
        }
        self.draining = index;
    }

    /// Lets the drained page hand out chunks again, if it is not empty yet.
    pub(crate) fn cancel_drain(&mut self) {
        if self.draining == NONE {
            return;
        }
        let index = core::mem::replace(&mut self.draining, NONE);
        let class = self.class_of_record(index);
        if usize::from(self.records[index as usize].used) < self.classes[class].chunks_per_page {
            self.link_room(index, class);
        }
    }

    /// Whether something in the page must stay where it is.
    pub(crate) fn is_pinned(&self, index: u32) -> bool {
        self.records[index as usize].pinned > 0
    }

    /// The class that a page belongs to.
    pub(crate) fn class_of_record(&self, index: u32) -> usize {
        match self.records[index as usize].page_use {
            PageUse::Class(class) => usize::from(class),
            page_use => panic!("a page in use as {page_use:?} has no class"),
        }
    }

    /// The pages of a class with room, by record.
    pub(crate) fn room_records(&self, class: usize) -> impl Iterator<Item = u32> {
        let first = Some(self.classes[class].room).filter(|record| *record != NONE);
        core::iter::successors(first, |record| {
            Some(self.records[*record as usize].next).filter(|next| *next != NONE)
        })
    }

    /// Notes that a chunk's used bytes change. False, and nothing is noted: it would not be of the
    /// right class then.
    pub(crate) fn exchange_requested(&mut self, chunk: Location, old: usize, new: usize) -> bool {
        let class = self.class_of(chunk);
        if self.sizes.class_for(new) != class {
            return false;
        }
        let requested = &mut self.classes[class].requested_bytes;
        *requested = *requested - old + new;
        true
    }

    /// Notes that a chunk's used bytes grew.
    pub(crate) fn grow_requested(&mut self, chunk: Location, bytes: usize) {
        let class = self.class_of(chunk);
        self.classes[class].requested_bytes += bytes;
    }

    /// Pins one chunk to its place.
    pub(crate) fn pin_chunk(&mut self, chunk: Location) {
        let index = self.record_of(chunk);
        self.records[index].pinned += 1;
        assert!(self.records[index].pinned <= self.records[index].used);
    }

    /// Ends a pin.
    pub(crate) fn unpin_chunk(&mut self, chunk: Location) {
        let index = self.record_of(chunk);
        assert!(self.records[index].pinned > 0, "a chunk is unpinned that was not pinned");
        self.records[index].pinned -= 1;
    }

    /// Pins or unpins all chunks of an item.
    pub(crate) fn set_item_pinned(&mut self, item: Location, pinned: bool) {
        let mut chunk = Some(item);
        let mut body = crate::item::item_ref::ItemRef::new(&self.pages, item).bodies().next();
        while let Some(location) = chunk {
            if pinned {
                self.pin_chunk(location);
            } else {
                self.unpin_chunk(location);
            }
            chunk = body;
            body = chunk.and_then(|chunk| item::next(&self.pages, chunk).some());
        }
    }

    /// Frees all chunks of an item.
    pub(crate) fn free_item(&mut self, item: Location) {
        let mut body = crate::item::item_ref::ItemRef::new(&self.pages, item).bodies().next();
        self.free_chunk(item);
        while let Some(chunk) = body {
            body = item::next(&self.pages, chunk).some();
            self.free_chunk(chunk);
        }
    }

    /// Whether the chunk of an item is long enough for `bytes` more.
    pub(crate) fn has_slack(&self, item: Location, bytes: usize) -> bool {
        let used = item::chunk_used_bytes(&self.pages, item);
        used + bytes <= self.classes[self.class_of(item)].chunk_bytes.min(CHUNK_BYTES_MAX)
    }

    /// The chunk of a page by its number there, if it was ever handed out.
    pub(crate) fn chunk_in_page(&self, index: u32, number: usize) -> Option<Location> {
        let record = &self.records[index as usize];
        let PageUse::Class(class) = record.page_use else { return None };
        if number >= usize::from(record.carved) {
            return None;
        }
        let offset = number * self.classes[usize::from(class)].chunk_bytes;
        Some(self.pages.location(self.page_at(index) + offset))
    }

    pub(crate) fn pages_min(&self) -> usize {
        self.pages_min
    }
}

impl Drop for SlabAllocator {
    fn drop(&mut self) {
        for record in &mut self.records {
            if let Some(page) = record.page.take() {
                self.pages.give(page);
            }
        }
    }
}
