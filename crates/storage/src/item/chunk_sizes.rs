//! The table of chunk sizes, and the chunks that an item is cut into.

use alloc::{boxed::Box, vec::Vec};

use crate::item::chunk::HEADER_BYTES;
use crate::limits::{CHUNK_BYTES_MAX, CLASSES_MAX, PAGE_BYTES};

/// The table that finds a class has one entry for each this many bytes.
const STEP_BYTES: usize = 64;

/// memcached's default growth factor (`-f`). Here it selects [`STEPS`].
const DEFAULT_FACTOR: f64 = 1.25;

/// memcached's default bytes of the smallest item's key and value (`-n`). Here it selects
/// [`FINE_MIN_BYTES`].
const DEFAULT_MIN_BYTES: usize = 48;

/// Bytes of key and value that the smallest chunk takes. Few clients store less.
const FINE_MIN_BYTES: usize = 16;

/// Growth factors, each for sizes below a limit. They are small where most items are, so rounding
/// costs few percent there. Larger items that fit no chunk well are chained.
const STEPS: [(usize, f64); 3] = [(512, 1.07), (16_384, 1.10), (usize::MAX, 1.25)];

/// Items up to this many bytes always lie in one chunk.
const WHOLE_BYTES_MAX: usize = 4096;

/// Larger items are chained if rounding would take more than this part of a chunk: 1/16.
const ROUNDING_SHIFT: u32 = 4;

/// A slab class, by its place among the chunk sizes. memcached's numbers are one higher.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SlabClassId(u8);

impl SlabClassId {
    #[inline]
    pub(crate) fn new(index: usize) -> SlabClassId {
        debug_assert!(index < CLASSES_MAX);
        SlabClassId(index as u8)
    }

    /// The class of this number, from 1 as in memcached. `None`: no store has such a class.
    pub fn from_number(number: usize) -> Option<SlabClassId> {
        number.checked_sub(1).filter(|index| *index < CLASSES_MAX).map(SlabClassId::new)
    }

    #[inline]
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The number of the class, from 1 as in memcached.
    pub fn number(self) -> usize {
        self.index() + 1
    }
}

/// The chunk sizes in ascending order. The last is [`CHUNK_BYTES_MAX`].
pub(crate) struct ChunkSizes {
    sizes: Vec<u32>,
    /// The first class to try for a length, by `length / STEP_BYTES`.
    first: Box<[u8]>,
}

impl ChunkSizes {
    /// Sizes from the header plus `min_bytes` on, all multiples of `granule`. Each is larger than
    /// the one before by `factor`. memcached's defaults (48, 1.25) select a finer table, see
    /// [`STEPS`].
    ///
    /// A size is raised to the largest that fits a page equally often, so the end of a page is not
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

    #[inline]
    fn index_for(&self, bytes: usize) -> usize {
        debug_assert!(bytes <= CHUNK_BYTES_MAX);
        let mut index = usize::from(self.first[bytes / STEP_BYTES]);
        while (self.sizes[index] as usize) < bytes {
            index += 1;
        }
        index
    }

    /// The class of the smallest chunk that takes `bytes`, at most [`CHUNK_BYTES_MAX`].
    #[inline]
    pub(crate) fn class_for(&self, bytes: usize) -> SlabClassId {
        SlabClassId::new(self.index_for(bytes))
    }

    /// How many of the `bytes` that are left of an item go into its next chunk: all of them, or as
    /// many as fill a smaller chunk if rounding would waste too much.
    pub(crate) fn piece_bytes(&self, bytes: usize) -> usize {
        if bytes <= WHOLE_BYTES_MAX {
            return bytes;
        }
        if bytes > CHUNK_BYTES_MAX {
            return CHUNK_BYTES_MAX;
        }
        let index = self.index_for(bytes);
        let chunk = self.sizes[index] as usize;
        let below = index.checked_sub(1).map_or(0, |index| self.sizes[index] as usize);
        if chunk - bytes > chunk >> ROUNDING_SHIFT && below >= WHOLE_BYTES_MAX / 2 {
            below
        } else {
            bytes
        }
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
                let class = table.class_for(bytes).index();
                assert!(sizes[class] >= bytes);
                assert!(class == 0 || sizes[class - 1] < bytes);
            }
        }
    }
}
