//! Slab classes: which chunk sizes there are, and what one class keeps.

use alloc::{boxed::Box, vec, vec::Vec};

use crate::access::size_weight;
use crate::candidates::Candidates;
use crate::item::HEADER_BYTES;
use crate::limits::{CHUNK_BYTES_MAX, CLASSES_MAX, PAGE_BYTES};
use crate::slab_allocator::NONE;
use crate::stats::ClassCounters;

/// Sizes are found through a table with one entry per so many bytes.
const STEP_BYTES: usize = 64;

/// memcached's default growth factor; here it stands for [`STEPS`].
const DEFAULT_FACTOR: f64 = 1.25;

/// memcached's default for the smallest item's key and value (`-n`); here it stands for
/// [`FINE_MIN_BYTES`].
const DEFAULT_MIN_BYTES: usize = 48;

/// Key and value of the smallest chunk: nothing that a client stores is much smaller.
const FINE_MIN_BYTES: usize = 16;

/// Growth below a size: fine where most items are, so that rounding costs few percent there.
/// Above, items of unfitting sizes are chained.
const STEPS: [(usize, f64); 3] = [(512, 1.07), (16_384, 1.10), (usize::MAX, 1.25)];

/// Items up to this many bytes lie in one chunk, whatever rounding costs.
const WHOLE_BYTES_MAX: usize = 4096;

/// Above, this part of a chunk may be lost to rounding before the item is chained: 1/16.
const ROUNDING_SHIFT: u32 = 4;

/// The chunk sizes, ascending, the last being the largest chunk.
pub(crate) struct ChunkSizes {
    sizes: Vec<u32>,
    /// First class worth looking at for a length, by `length / STEP_BYTES`.
    first: Box<[u8]>,
}

impl ChunkSizes {
    /// Sizes from the header plus `min_bytes`, all multiples of `granule`. Each is larger than the
    /// one before by `factor`. memcached's defaults (48, 1.25)
    /// stand for a finer table, see [`STEPS`].
    ///
    /// A size is raised to the largest that fits a page as often, so the end of a page is not
    /// wasted.
    pub(crate) fn new(min_bytes: usize, factor: f64, granule: usize) -> ChunkSizes {
        let up = |bytes: usize| bytes.div_ceil(granule) * granule;
        let step = |size: usize| {
            let fine = STEPS.iter().find(|(below, _)| size < *below).map(|(_, step)| *step);
            if (factor - DEFAULT_FACTOR).abs() < 0.001 { fine.unwrap_or(factor) } else { factor }
        };
        let min_bytes = if min_bytes == DEFAULT_MIN_BYTES { FINE_MIN_BYTES } else { min_bytes };
        let mut sizes = Vec::new();
        let mut size = up(HEADER_BYTES + min_bytes.max(granule));
        while size < CHUNK_BYTES_MAX && sizes.len() < CLASSES_MAX - 1 {
            let filling = PAGE_BYTES / (PAGE_BYTES / size) / granule * granule;
            size = filling.max(size);
            if size >= CHUNK_BYTES_MAX {
                break;
            }
            sizes.push(size as u32);
            size = up(((size as f64 * step(size)) as usize).max(size + 1));
        }
        sizes.push(CHUNK_BYTES_MAX as u32);
        let first = (0..=CHUNK_BYTES_MAX / STEP_BYTES)
            .map(|step| sizes.partition_point(|size| (*size as usize) < step * STEP_BYTES) as u8)
            .collect::<Vec<u8>>();
        ChunkSizes { sizes, first: first.into_boxed_slice() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.sizes.iter().map(|size| *size as usize)
    }

    /// The class of the smallest chunk that takes `bytes`, at most [`CHUNK_BYTES_MAX`].
    #[inline]
    pub(crate) fn class_for(&self, bytes: usize) -> usize {
        debug_assert!(bytes <= CHUNK_BYTES_MAX);
        let mut class = usize::from(self.first[bytes / STEP_BYTES]);
        while (self.sizes[class] as usize) < bytes {
            class += 1;
        }
        class
    }

    /// How many of an item's (or its rest's) `bytes` go into the next chunk: all, or as many as
    /// fill a chunk where the rounding of all would cost too much.
    pub(crate) fn piece_bytes(&self, bytes: usize) -> usize {
        if bytes <= WHOLE_BYTES_MAX {
            return bytes;
        }
        if bytes > CHUNK_BYTES_MAX {
            return CHUNK_BYTES_MAX;
        }
        let class = self.class_for(bytes);
        let chunk = self.sizes[class] as usize;
        let below = class.checked_sub(1).map_or(0, |class| self.sizes[class] as usize);
        if chunk - bytes > chunk >> ROUNDING_SHIFT && below >= WHOLE_BYTES_MAX / 2 {
            below
        } else {
            bytes
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_ascend_and_every_length_finds_its_smallest() {
        for (min, factor, granule) in
            [(48, 1.25, 8), (1, 1.01, 8), (48, 2.0, 64), (1024, 1.5, 16), (60_000, 1.25, 8)]
        {
            let table = ChunkSizes::new(min, factor, granule);
            let sizes: Vec<usize> = table.iter().collect();
            assert!(sizes.len() <= CLASSES_MAX);
            assert!(sizes.windows(2).all(|pair| pair[0] < pair[1]), "{sizes:?}");
            assert!(sizes.iter().all(|size| size.is_multiple_of(granule)));
            assert_eq!(sizes.last(), Some(&CHUNK_BYTES_MAX));
            for bytes in 0..=CHUNK_BYTES_MAX {
                let class = table.class_for(bytes);
                assert!(sizes[class] >= bytes);
                assert!(class == 0 || sizes[class - 1] < bytes);
            }
        }
    }
}
