//! What one slab class keeps.

use alloc::{vec, vec::Vec};

use crate::item::access::size_weight;
use crate::item::chunk_sizes::ChunkSizes;
use crate::limits::PAGE_BYTES;
use crate::slabs::candidates::Candidates;
use crate::slabs::slab_allocator::NONE;
use crate::slabs::stats::ClassCounters;

/// Which chunks a class's eviction looks at next: a sequence of numbers that looks random.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample(u64);

impl Sample {
    /// A number of 64 even bits, by splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom
    /// Number Generators, 2014).
    #[inline]
    pub(crate) fn draw(self, number: u64) -> u64 {
        let mut word = self.0.wrapping_add(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Goes on by so many numbers.
    pub(crate) fn advance(&mut self, numbers: u64) {
        self.0 = self.0.wrapping_add(numbers);
    }
}

/// One slab class: its pages, and which of the items in them go next.
pub(crate) struct SlabClass {
    pub(crate) chunk_bytes: usize,
    pub(crate) chunks_per_page: usize,
    /// Records of its pages.
    pub(crate) pages: Vec<u32>,
    /// First page record with a free or never used chunk.
    pub(crate) room: u32,
    pub(crate) used_chunks: usize,
    pub(crate) requested_bytes: usize,
    /// Linked items whose head chunk is of this class.
    pub(crate) items: usize,
    pub(crate) sample: Sample,
    pub(crate) candidates: Candidates,
    /// Above this cost (see `access.rs`) the class keeps about a page of items: a moving average
    /// over about four samples.
    pub(crate) page_cost: u64,
    /// Above this cost an eighth of its items is kept, averaged likewise.
    pub(crate) tail_cost: u64,
    /// What its items promise: the mean reciprocal of their dispensability, averaged likewise.
    pub(crate) promise: u64,
    /// Counted hits, and items stored, in this window.
    pub(crate) window_hits: u64,
    pub(crate) window_stores: u64,
    /// By how much the costs of its items are understated, see `liveliness.rs`.
    pub(crate) staleness: u64,
    /// The size weight of an item that fills a chunk.
    pub(crate) size_weight: u64,
    pub(crate) counters: ClassCounters,
    /// Evictions since the last look for a page of another class.
    pub(crate) unbalanced_evictions: u32,
}

impl SlabClass {
    pub(crate) fn all(sizes: &ChunkSizes) -> Vec<SlabClass> {
        let class = |chunk_bytes| SlabClass {
            chunk_bytes,
            chunks_per_page: PAGE_BYTES / chunk_bytes,
            pages: Vec::new(),
            room: NONE,
            used_chunks: 0,
            requested_bytes: 0,
            items: 0,
            sample: Sample(0),
            candidates: Candidates::new(),
            page_cost: 0,
            tail_cost: 0,
            promise: 0,
            window_hits: 0,
            window_stores: 0,
            staleness: 1,
            size_weight: size_weight(chunk_bytes),
            counters: ClassCounters::default(),
            unbalanced_evictions: 0,
        };
        let mut classes = vec![];
        classes.extend(sizes.iter().map(class));
        classes
    }

    /// Takes a sample of the class's items into account: their costs, and the sum of what they
    /// promise.
    pub(crate) fn note_sample(&mut self, costs: &mut [u64], promise: u64) {
        // One page of so many is this share of the sample.
        let rank = costs.len().div_ceil(self.pages.len().max(1)).max(1);
        costs.sort_unstable_by(|a, b| b.cmp(a));
        let tail = costs.get((costs.len() / 8).saturating_sub(1));
        if let (Some(cost), Some(tail)) = (costs.get(rank - 1), tail) {
            self.page_cost = self.page_cost - self.page_cost / 4 + cost / 4;
            self.tail_cost = self.tail_cost - self.tail_cost / 4 + tail / 4;
            self.promise = self.promise - self.promise / 4 + promise / costs.len() as u64 / 4;
        }
    }

    /// What the class's last page of items costs to keep, judged by its hits, too.
    pub(crate) fn keeping_cost(&self) -> u64 {
        self.page_cost.saturating_mul(self.staleness)
    }

    /// Chunks of its pages.
    pub(crate) fn chunks(&self) -> usize {
        self.pages.len() * self.chunks_per_page
    }
}
