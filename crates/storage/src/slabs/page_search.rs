//! Searches for chunks and pages: samples of a class, the page to drain, the costliest class.

use crate::item::chunk_sizes::SlabClassId;
use crate::limits::{COMPACT_LOOKS_MAX, EVICT_LOOKS};
use crate::memory::region::Location;
use crate::slabs::page_record::{PageUse, RecordId};
use crate::slabs::slab_allocator::SlabAllocator;
use crate::slabs::slab_class::SlabClass;

/// Places of a sample. At each it has two chunks.
const PLACES: usize = EVICT_LOOKS / 2;

impl SlabAllocator {
    /// The chunk of a page by its number there. `None`: it was never handed out, or the page
    /// belongs to no class.
    pub(crate) fn chunk_in_page(&self, id: RecordId, number: usize) -> Option<Location> {
        let record = self.stock.record(id);
        let PageUse::Class(class) = record.page_use else { return None };
        if number >= usize::from(record.carved) {
            return None;
        }
        let offset = number * self.class(class).chunk_bytes();
        Some(self.stock.pages.location(self.stock.page_at(id) + offset))
    }

    /// Number of chunks of a page that were handed out at least once.
    pub(crate) fn carved_chunks(&self, id: RecordId) -> usize {
        usize::from(self.stock.record(id).carved)
    }

    /// The chunks of a page that were handed out at least once.
    pub(crate) fn chunks_of_page(&self, id: RecordId) -> impl Iterator<Item = Location> {
        (0..).map_while(move |number| self.chunk_in_page(id, number))
    }

    /// The `number`th of the next samples of a class.
    #[inline]
    fn sample(&self, class: SlabClassId, number: usize) -> [Location; EVICT_LOOKS] {
        let class = self.class(class);
        let mut sample = [Location::NONE; EVICT_LOOKS];
        let pages = class.pages.all();
        if pages.is_empty() {
            return sample;
        }
        let (pairs, _) = sample.as_chunks_mut::<2>();
        for (place, [first, second]) in (number * PLACES..).zip(pairs) {
            let draw = class.sample.draw(place as u64);
            let page = ((draw >> 32) * pages.len() as u64) >> 32;
            let id = pages[page as usize];
            let carved = u64::from(self.stock.record(id).carved);
            let chunk = ((draw & 0xffff_ffff) * carved.saturating_sub(1)) >> 32;
            let at = self.stock.page_at(id) + chunk as usize * class.chunk_bytes();
            if carved > 0 {
                *first = self.stock.pages.location(at);
            }
            if carved > 1 {
                *second = self.stock.pages.location(at + class.chunk_bytes());
            }
        }
        sample
    }

    /// The chunks of the next sample of a class: pairs of neighbours at random places. `NONE`: the
    /// chunk was never handed out, or the class has no page.
    #[inline]
    pub(crate) fn next_sample(&mut self, class: SlabClassId) -> [Location; EVICT_LOOKS] {
        let sample = self.samples.take(class).unwrap_or_else(|| self.sample(class, 0));
        self.class_mut(class).sample.advance(PLACES as u64);
        sample
    }

    /// Has the next samples of a class drawn by its next allocations.
    pub(crate) fn begin_samples(&mut self, class: SlabClassId, samples: usize) {
        self.samples.begin(class, samples);
    }

    /// Draws a sample of a class if one is due, and asks the processor for its chunks.
    #[inline]
    pub(crate) fn prefetch_due_sample(&mut self, class: SlabClassId) {
        if self.samples.is_due(class) {
            self.prefetch_sample(class);
        }
    }

    #[inline(never)]
    fn prefetch_sample(&mut self, class: SlabClassId) {
        let sample = self.sample(class, self.samples.drawn());
        for chunk in sample.into_iter().filter_map(Location::some) {
            self.stock.pages.prefetch(self.stock.pages.at(chunk));
        }
        self.samples.push(sample);
    }

    /// The pages of a class in the order of their records' list, once around from a random one.
    pub(crate) fn pages_from_random(&self, class: SlabClassId) -> impl Iterator<Item = RecordId> {
        let class = self.class(class);
        let start = ((class.sample.draw(0) >> 32) * class.pages() as u64) >> 32;
        let (before, after) = class.pages.all().split_at(start as usize);
        after.iter().chain(before).copied()
    }

    /// The pages of a class, in no order.
    pub(crate) fn pages_of(&self, class: SlabClassId) -> impl Iterator<Item = RecordId> {
        self.class(class).pages.all().iter().copied()
    }

    /// The page of a class that is easiest to drain: the emptiest of those with room, or else any
    /// that is not pinned. Looks at a bounded number of pages. `None`: all are pinned.
    pub(crate) fn emptiest_page(&self, class: SlabClassId) -> Option<RecordId> {
        let unpinned = |id: &RecordId| !self.is_pinned(*id);
        let with_room = self.pages_with_room(class).take(COMPACT_LOOKS_MAX).filter(unpinned);
        let emptiest = with_room.min_by_key(|id| self.stock.record(*id).used);
        let class = self.class(class);
        let any = || {
            let movable = class.pages.movable();
            let place = class.sample.draw(0) % movable.len().max(1) as u64;
            movable.get(place as usize).copied()
        };
        emptiest.or_else(any)
    }

    /// The pages of a class with room.
    fn pages_with_room(&self, class: SlabClassId) -> impl Iterator<Item = RecordId> {
        let first = self.class(class).room.some();
        core::iter::successors(first, |id| self.stock.record(*id).next.some())
    }

    /// The class that keeps its last page of items at the highest cost, and this cost. Never
    /// `wanted`, nor a class whose pages are all pinned, nor a class of one page: without it the
    /// class would have to clear a page of others.
    pub(crate) fn costliest_class(
        &self,
        wanted: Option<SlabClassId>,
    ) -> Option<(u64, SlabClassId)> {
        let others = self.populated_classes().filter(|(id, class)| {
            Some(*id) != wanted && class.pages() > 1 && class.movable_pages() > 0
        });
        let of_class = |(id, class): (SlabClassId, &SlabClass)| {
            (class.costs.keeping_cost(), class.pages(), id)
        };
        others.map(of_class).max().map(|(cost, _, id)| (cost, id))
    }
}
