//! The chunks that slab classes cut from the pages of a store.
//!
//! Each page of a class has a list of its own free chunks. So a page leaves its class as soon as it
//! is empty, and a count per page tells whether it has pinned chunks, which must neither move nor
//! be evicted.

use alloc::{sync::Arc, vec::Vec};

use crate::item::chain::chunk_used_bytes;
use crate::item::chunk;
use crate::item::chunk_sizes::{ChunkSizes, SlabClassId};
use crate::item::item_ref::ItemRef;
use crate::item::segment::Segment;
use crate::limits::{CHUNK_BYTES_MAX, CLASS_COUNTS, PAGE_BYTES};
use crate::memory::page_directory::Owner;
use crate::memory::page_pool::PagePool;
use crate::memory::region::{Location, OwnedPages};
use crate::slabs::page_record::{PageUse, RecordId};
use crate::slabs::page_stock::PageStock;
use crate::slabs::prefetched_samples::PrefetchedSamples;
use crate::slabs::refusals::Refusals;
use crate::slabs::slab_class::SlabClass;
use crate::slabs::stats::ClassCounters;

/// The slab classes of a store, and their pages.
pub(crate) struct SlabAllocator {
    pub(crate) stock: PageStock,
    pub(crate) refusals: Refusals,
    pub(super) classes: Vec<SlabClass>,
    pub(super) samples: PrefetchedSamples,
    /// The class that each record's page belongs to, or belonged to last: all that a hit needs.
    pub(super) classes_by_record: Vec<SlabClassId>,
    /// Hits of each class and segment, and storage commands of each class, apart from its other
    /// counters: each request counts one.
    hits: [u64; CLASS_COUNTS * Segment::ALL.len()],
    sets: [u64; CLASS_COUNTS],
    sizes: ChunkSizes,
    /// A bit for each class that has pages. Most classes of a store have none.
    pub(super) populated: u64,
    /// Pages of all classes, and the most there were.
    pub(super) class_pages: usize,
    pub(super) class_pages_max: usize,
    /// The page whose items are being moved away. It hands out no chunk.
    draining: Option<RecordId>,
    /// Flushes so far that reused a mark which dead items still had, see `linked/flush.rs`.
    pub(super) marks_reused: u64,
}

impl SlabAllocator {
    /// An allocator without any page, which never gives the pool its last `pages_min`.
    pub(crate) fn new(
        pool: Arc<PagePool>,
        owner: Owner,
        chunk_bytes_min: usize,
        growth_factor: f64,
        pages_min: usize,
        pages_expected: usize,
    ) -> SlabAllocator {
        let stock = PageStock::new(Arc::clone(&pool), owner, pages_min, pages_expected);
        let granule = stock.pages.granule_bytes();
        let sizes = ChunkSizes::new(chunk_bytes_min, growth_factor, granule);
        SlabAllocator {
            stock,
            refusals: Refusals::new(pool),
            classes: SlabClass::all(&sizes),
            samples: PrefetchedSamples::new(),
            classes_by_record: Vec::new(),
            hits: [0; CLASS_COUNTS * Segment::ALL.len()],
            sets: [0; CLASS_COUNTS],
            sizes,
            populated: 0,
            class_pages: 0,
            class_pages_max: 0,
            draining: None,
            marks_reused: 0,
        }
    }

    #[inline]
    pub(crate) fn pages(&self) -> &OwnedPages {
        &self.stock.pages
    }

    #[inline]
    pub(crate) fn pages_mut(&mut self) -> &mut OwnedPages {
        &mut self.stock.pages
    }

    #[inline]
    pub(crate) fn sizes(&self) -> &ChunkSizes {
        &self.sizes
    }

    #[inline]
    pub(crate) fn class(&self, class: SlabClassId) -> &SlabClass {
        &self.classes[class.index()]
    }

    #[inline]
    pub(crate) fn class_mut(&mut self, class: SlabClassId) -> &mut SlabClass {
        &mut self.classes[class.index()]
    }

    /// All classes, from the smallest chunks to the largest.
    pub(super) fn classes(&self) -> impl Iterator<Item = (SlabClassId, &SlabClass)> {
        self.classes.iter().enumerate().map(|(index, class)| (SlabClassId::new(index), class))
    }

    /// The classes that have pages, in order.
    pub(crate) fn populated_classes(&self) -> impl Iterator<Item = (SlabClassId, &SlabClass)> {
        let some = |bits: u64| (bits != 0).then_some(bits);
        let rest =
            core::iter::successors(some(self.populated), move |bits| some(bits & (bits - 1)));
        rest.map(|bits| {
            let id = SlabClassId::new(bits.trailing_zeros() as usize);
            (id, self.class(id))
        })
    }

    pub(crate) fn classes_mut(&mut self) -> &mut [SlabClass] {
        &mut self.classes
    }

    /// The ids of all classes.
    pub(crate) fn class_ids(&self) -> impl ExactSizeIterator<Item = SlabClassId> + use<> {
        (0..self.classes.len()).map(SlabClassId::new)
    }

    /// The class of a chunk that is in use.
    #[inline]
    pub(crate) fn class_of(&self, chunk: Location) -> SlabClassId {
        let record = self.stock.record_at(self.stock.pages.at(chunk));
        debug_assert_eq!(record, self.stock.record_of(chunk), "page not owned");
        self.classes_by_record[record.index()]
    }

    /// The counters of a chunk's class.
    #[inline]
    pub(crate) fn counters_of(&mut self, chunk: Location) -> &mut ClassCounters {
        let class = self.class_of(chunk);
        &mut self.class_mut(class).counters
    }

    /// Counts a hit on the item at this byte, which is in this segment.
    #[inline]
    pub(crate) fn count_hit(&mut self, at: usize, segment: Segment) {
        let class = self.classes_by_record[self.stock.record_at(at).index()];
        // There are never more classes: the remainder only saves a bounds check.
        let place = class.index() * Segment::ALL.len() + segment as usize;
        self.hits[place % (CLASS_COUNTS * Segment::ALL.len())] += 1;
    }

    /// Counts a storage command for a class.
    #[inline]
    pub(crate) fn count_set(&mut self, class: SlabClassId) {
        self.sets[class.index() % CLASS_COUNTS] += 1;
    }

    /// All counters of a class.
    pub(crate) fn counters(&self, class: SlabClassId) -> ClassCounters {
        let first = class.index() * Segment::ALL.len();
        let hits_by_segment = core::array::from_fn(|segment| self.hits[first + segment]);
        ClassCounters {
            get_hits: hits_by_segment.iter().sum(),
            hits_by_segment,
            cmd_set: self.sets[class.index()],
            ..self.class(class).counters
        }
    }

    /// Sets all counters to 0.
    pub(crate) fn reset_counters(&mut self) {
        self.hits.fill(0);
        self.sets.fill(0);
        self.classes.iter_mut().for_each(|class| class.counters = ClassCounters::default());
    }

    /// Makes a page that was just taken one of a class.
    pub(crate) fn join_class(&mut self, id: RecordId, class: SlabClassId) {
        self.stock.note_in_class(id, class, 0);
        self.add_to_class(id, class, 0);
    }

    /// Makes a page one of a class. `carved` of its chunks were handed out at least once; none
    /// counts as used.
    pub(super) fn add_to_class(&mut self, id: RecordId, class: SlabClassId, carved: u16) {
        if id.index() >= self.classes_by_record.len() {
            self.classes_by_record.resize(id.index() + 1, class);
        }
        self.classes_by_record[id.index()] = class;
        let cleaned_after = self.marks_reused;
        let record = self.stock.record_mut(id);
        assert!(record.page_use == PageUse::Index, "a page in use joins a class");
        record.page_use = PageUse::Class(class);
        record.carved = carved;
        record.used = 0;
        record.pinned = 0;
        record.free = Location::NONE;
        record.cleaned_after = cleaned_after;
        self.classes[class.index()].pages.add(&mut self.stock.records, id);
        self.link_room(id, class);
        self.populated |= 1 << class.index();
        self.class_pages += 1;
        if self.class_pages > self.class_pages_max {
            self.class_pages_max = self.class_pages;
            self.stock.pool().count_class_pages(1);
        }
    }

    /// Takes an empty page out of its class. It is not in the list of pages with room any more.
    fn leave_class(&mut self, id: RecordId, class: SlabClassId) {
        let page_number = self.stock.page_at(id) / PAGE_BYTES;
        let pages = &self.stock.pages;
        let slab_class = &mut self.classes[class.index()];
        slab_class.candidates.retain(|slot| pages.at(slot.chunk) / PAGE_BYTES != page_number);
        slab_class.pages.remove(&mut self.stock.records, id);
        if slab_class.pages() == 0 {
            self.populated &= !(1 << class.index());
        }
        self.samples.clear();
        self.class_pages -= 1;
        self.stock.note_in_no_class(id);
        self.stock.keep_spare(id);
    }

    fn link_room(&mut self, id: RecordId, class: SlabClassId) {
        let head = core::mem::replace(&mut self.class_mut(class).room, id);
        let record = self.stock.record_mut(id);
        record.next = head;
        record.prev = RecordId::NONE;
        if let Some(head) = head.some() {
            self.stock.record_mut(head).prev = id;
        }
    }

    pub(super) fn unlink_room(&mut self, id: RecordId, class: SlabClassId) {
        let record = self.stock.record(id);
        let (next, prev) = (record.next, record.prev);
        if let Some(prev) = prev.some() {
            self.stock.record_mut(prev).next = next;
        } else {
            assert_eq!(self.class(class).room, id, "a page outside of its class's list");
            self.class_mut(class).room = next;
        }
        if let Some(next) = next.some() {
            self.stock.record_mut(next).prev = prev;
        }
    }

    /// Whether the class can have a chunk from its own pages or from a spare page.
    pub(crate) fn has_room(&self, class: SlabClassId) -> bool {
        self.class(class).room != RecordId::NONE || self.stock.has_unreserved_spare()
    }

    /// A chunk of one of the class's pages, if one has room. Its content is arbitrary. The caller
    /// writes an item or a body header of `bytes` bytes in all before anything else looks at it.
    pub(crate) fn take_chunk(&mut self, class: SlabClassId, bytes: usize) -> Option<Location> {
        let id = self.class(class).room.some()?;
        let (chunk_bytes, chunks) =
            (self.class(class).chunk_bytes(), self.class(class).chunks_per_page());
        let page_at = self.stock.page_at(id);
        let record = &mut self.stock.records[id.index()];
        let chunk = if let Some(chunk) = record.free.some() {
            record.free = chunk::next(&self.stock.pages, chunk);
            chunk
        } else {
            let at = page_at + usize::from(record.carved) * chunk_bytes;
            self.carve(id, class, at)
        };
        let record = &mut self.stock.records[id.index()];
        record.used += 1;
        assert!(usize::from(record.used) <= chunks, "more chunks than the page has");
        if usize::from(record.used) == chunks {
            self.unlink_room(id, class);
        }
        self.class_mut(class).used_chunks += 1;
        self.class_mut(class).used_bytes += bytes;
        Some(chunk)
    }

    /// The first chunk of a page that was never handed out, which starts at byte `at`. What another
    /// use of the page left there must not look like an item once the directory counts the chunk.
    fn carve(&mut self, id: RecordId, class: SlabClassId, at: usize) -> Location {
        let chunk = self.stock.pages.location(at);
        chunk::write_free(&mut self.stock.pages, chunk, Location::NONE);
        let record = &mut self.stock.records[id.index()];
        record.carved += 1;
        let carved = record.carved;
        self.stock.note_in_class(id, class, carved);
        chunk
    }

    /// Frees a chunk that is not pinned. A page that becomes empty leaves its class.
    pub(crate) fn free_chunk(&mut self, chunk: Location) {
        let id = self.stock.record_of(chunk);
        let class = self.class_of(chunk);
        self.refusals.end();
        let bytes = chunk_used_bytes(&self.stock.pages, chunk);
        assert!(bytes > 0, "a chunk is freed twice");
        let chunks = self.class(class).chunks_per_page();
        let record = &mut self.stock.records[id.index()];
        chunk::write_free(&mut self.stock.pages, chunk, record.free);
        record.free = chunk;
        assert!(record.used > record.pinned, "a pinned chunk is freed");
        let was_full = usize::from(record.used) == chunks;
        record.used -= 1;
        let empty = record.used == 0;
        self.class_mut(class).used_chunks -= 1;
        self.class_mut(class).used_bytes -= bytes;
        let draining = self.draining == Some(id);
        if was_full && !draining {
            self.link_room(id, class);
        }
        if empty {
            if draining {
                self.draining = None;
            } else {
                self.unlink_room(id, class);
            }
            self.leave_class(id, class);
        }
    }

    /// Frees all chunks of an item.
    pub(crate) fn free_item(&mut self, item: Location) {
        let mut body = ItemRef::new(&self.stock.pages, item).first_body().some();
        self.free_chunk(item);
        while let Some(chunk) = body {
            body = chunk::next(&self.stock.pages, chunk).some();
            self.free_chunk(chunk);
        }
    }

    /// Copies what a chunk holds to a chunk of another page of its class, and returns where. The
    /// caller updates all links and frees the old chunk. `None`: no page of the class has room.
    pub(crate) fn copy_chunk(&mut self, from: Location) -> Option<Location> {
        let class = self.class_of(from);
        let bytes = chunk_used_bytes(&self.stock.pages, from);
        let to = self.take_chunk(class, bytes)?;
        chunk::copy(&mut self.stock.pages, from, to, bytes);
        Some(to)
    }

    /// From now on a page of a class hands out no chunk. If none of its chunks is used, the page
    /// leaves its class at once.
    pub(crate) fn begin_drain(&mut self, id: RecordId) {
        assert_eq!(self.draining, None, "one page is drained at a time");
        let class = self.class_of_page(id);
        let used = self.stock.record(id).used;
        if usize::from(used) < self.class(class).chunks_per_page() {
            self.unlink_room(id, class);
        }
        if used == 0 {
            // The page joined its class, which has not used it yet.
            return self.leave_class(id, class);
        }
        self.draining = Some(id);
    }

    /// Lets the drained page hand out chunks again, unless it is empty by now.
    pub(crate) fn cancel_drain(&mut self) {
        let Some(id) = self.draining.take() else { return };
        let class = self.class_of_page(id);
        if usize::from(self.stock.record(id).used) < self.class(class).chunks_per_page() {
            self.link_room(id, class);
        }
    }

    /// Whether this is the page that is being drained, and it is not empty yet.
    pub(crate) fn is_draining(&self, id: RecordId) -> bool {
        self.draining == Some(id)
    }

    /// The page that is being drained and is not empty yet.
    pub(crate) fn draining_page(&self) -> Option<RecordId> {
        self.draining
    }

    /// Whether a page has pinned chunks.
    pub(crate) fn is_pinned(&self, id: RecordId) -> bool {
        self.stock.record(id).pinned > 0
    }

    /// Whether all used chunks of a page are pinned.
    pub(crate) fn is_pinned_entirely(&self, id: RecordId) -> bool {
        let record = self.stock.record(id);
        record.pinned == record.used
    }

    /// The class that a page belongs to.
    pub(crate) fn class_of_page(&self, id: RecordId) -> SlabClassId {
        match self.stock.page_use(id) {
            PageUse::Class(class) => class,
            page_use => panic!("a page in use as {page_use:?} has no class"),
        }
    }

    /// Notes that a chunk's used bytes change. False: they need another class, and nothing is
    /// noted.
    pub(crate) fn replace_used(&mut self, chunk: Location, old: usize, new: usize) -> bool {
        let class = self.class_of(chunk);
        if self.sizes.class_for(new) != class {
            return false;
        }
        let used_bytes = &mut self.class_mut(class).used_bytes;
        *used_bytes = *used_bytes - old + new;
        true
    }

    /// Notes that a chunk's used bytes grow by `bytes`. False: the chunk is too short for that, and
    /// nothing is noted.
    pub(crate) fn grow_used(&mut self, chunk: Location, bytes: usize) -> bool {
        let class = self.class_of(chunk);
        let used = chunk_used_bytes(&self.stock.pages, chunk);
        let fits = used + bytes <= self.class(class).chunk_bytes().min(CHUNK_BYTES_MAX);
        if fits {
            self.class_mut(class).used_bytes += bytes;
        }
        fits
    }

    /// Pins one chunk: it neither moves nor is freed.
    pub(crate) fn pin_chunk(&mut self, chunk: Location) {
        let id = self.stock.record_of(chunk);
        let record = self.stock.record_mut(id);
        record.pinned += 1;
        assert!(record.pinned <= record.used);
        if record.pinned == 1 {
            let class = self.class_of_page(id);
            self.classes[class.index()].pages.note_pinned(&mut self.stock.records, id);
        }
    }

    fn unpin_chunk(&mut self, chunk: Location) {
        let id = self.stock.record_of(chunk);
        let record = self.stock.record_mut(id);
        assert!(record.pinned > 0, "a chunk is unpinned that was not pinned");
        record.pinned -= 1;
        if record.pinned == 0 {
            let class = self.class_of_page(id);
            self.classes[class.index()].pages.note_unpinned(&mut self.stock.records, id);
        }
    }

    /// Pins all chunks of an item.
    pub(crate) fn pin_item(&mut self, item: Location) {
        self.for_each_chunk(item, SlabAllocator::pin_chunk);
    }

    /// Ends a pin of each chunk of an item.
    pub(crate) fn unpin_item(&mut self, item: Location) {
        self.for_each_chunk(item, SlabAllocator::unpin_chunk);
    }

    fn for_each_chunk(&mut self, item: Location, mut change: impl FnMut(&mut Self, Location)) {
        let mut chunk = Some(item);
        let mut body = ItemRef::new(&self.stock.pages, item).first_body().some();
        while let Some(location) = chunk {
            change(self, location);
            chunk = body;
            body = chunk.and_then(|chunk| chunk::next(&self.stock.pages, chunk).some());
        }
    }

    /// Notes that a flush reused a mark: no page is clean any more.
    pub(crate) fn note_reused_mark(&mut self) {
        self.marks_reused += 1;
    }

    /// Whether a page was cleaned since a flush last reused a mark.
    pub(crate) fn is_page_clean(&self, id: RecordId) -> bool {
        self.stock.record(id).cleaned_after == self.marks_reused
    }

    /// Notes that a page is clean.
    pub(crate) fn set_page_clean(&mut self, id: RecordId) {
        let marks_reused = self.marks_reused;
        self.stock.record_mut(id).cleaned_after = marks_reused;
    }
}
