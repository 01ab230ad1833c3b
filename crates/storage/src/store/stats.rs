//! Counters and gauges of a store.

use alloc::vec::Vec;

use crate::item::access::AccessWord;
use crate::item::chunk::{self, ChunkUse};
use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::Moment;
use crate::item::segment::Segment;
use crate::limits::AGE_LOOKS_MAX;
use crate::policy::curve_counts::CurveCounts;
use crate::slabs::stats::{ClassStats, StoreStats};
use crate::store::store::Store;

impl Store {
    /// Pages owned, including those of the hash table.
    pub fn pages_owned(&self) -> usize {
        self.items().slabs().stock.owned_pages()
    }

    /// The slab classes, from the smallest chunks to the largest.
    pub fn classes(&self) -> impl ExactSizeIterator<Item = SlabClassId> + use<> {
        self.items().slabs().class_ids()
    }

    /// Counters and gauges of the whole store.
    pub fn stats(&self) -> StoreStats {
        let mut stats = StoreStats {
            total_items: self.total_items,
            reservations: self.reservations as u64,
            holds: self.holds.holds() as u64,
            ..StoreStats::default()
        };
        self.allocation.moves().add_stats(&mut stats);
        stats
    }

    /// The counts of the miss-ratio curve since the start, and those of its window.
    pub fn curve_counts(&self) -> (CurveCounts, CurveCounts) {
        self.eviction().curve_counts()
    }

    /// Items of the simulations of the curve, and of how many keys one is sampled. `None`: there is
    /// no curve.
    pub fn curve_sample(&self) -> Option<(usize, u64)> {
        let curve = self.eviction().curve();
        curve.sampled_one_in().map(|one_in| (curve.items(), one_in))
    }

    /// Sizes of items in bytes, rounded up to a multiple of 32, and the number of items of each.
    /// Empty if the store does not keep them.
    pub fn item_sizes(&self) -> impl Iterator<Item = (usize, u64)> {
        self.items().item_sizes()
    }

    /// Sets the counters to 0. Gauges stay.
    pub fn reset_stats(&mut self) {
        self.allocation.moves_mut().reset_stats();
        self.total_items = 0;
    }

    /// Counters and gauges of a slab class, which is one of [`Self::classes`].
    pub fn class_stats(&self, now: Moment, id: SlabClassId) -> ClassStats {
        let class = self.items().slabs().class(id);
        ClassStats {
            chunk_size: class.chunk_bytes() as u64,
            chunks_per_page: class.chunks_per_page() as u64,
            total_pages: class.pages() as u64,
            total_chunks: class.chunks() as u64,
            used_chunks: class.used_chunks() as u64,
            free_chunks: (class.chunks() - class.used_chunks()) as u64,
            mem_requested: class.used_bytes() as u64,
            number: class.items() as u64,
            number_by_segment: class.segments.items().map(|items| items as u64),
            age_by_segment: self.longest_idle(now, id),
            counters: self.items().slabs().counters(id),
        }
    }

    /// Seconds since the longest idle item of each segment of a class was accessed, of those in the
    /// first chunks of its first pages.
    fn longest_idle(&self, now: Moment, class: SlabClassId) -> [u64; Segment::ALL.len()] {
        let (pages, slabs) = (self.pages(), self.items().slabs());
        let chunks =
            slabs.pages_of(class).flat_map(|page| slabs.chunks_of_page(page).take(AGE_LOOKS_MAX));
        let linked = chunks
            .take(AGE_LOOKS_MAX)
            .filter(|chunk| chunk::chunk_use(pages, *chunk) == ChunkUse::Linked);
        let accesses: Vec<AccessWord> =
            linked.map(|item| self.items().view(item).access()).collect();
        Segment::ALL.map(|segment| {
            let of_segment = accesses.iter().filter(|access| access.segment() == segment);
            u64::from(self.eviction().longest_idle(now, of_segment.copied()))
        })
    }
}
