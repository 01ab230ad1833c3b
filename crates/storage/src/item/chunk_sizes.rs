//! Which chunk sizes there are, and into which chunks an item is cut.

use alloc::{boxed::Box, vec::Vec};

use crate::item::item::HEADER_BYTES;
use crate::limits::{CHUNK_BYTES_MAX, CLASSES_MAX, PAGE_BYTES};

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
