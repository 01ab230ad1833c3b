//! The state of one slab class.

use alloc::vec::Vec;

use crate::item::chunk_sizes::ChunkSizes;
use crate::limits::{COMPACT_SLACK_PART, PAGE_BYTES};
use crate::slabs::candidates::Candidates;
use crate::slabs::class_costs::ClassCosts;
use crate::slabs::class_pages::ClassPages;
use crate::slabs::class_segments::ClassSegments;
use crate::slabs::page_record::RecordId;
use crate::slabs::sample::Sample;
use crate::slabs::stats::ClassCounters;

/// One slab class.
pub(crate) struct SlabClass {
    chunk_bytes: usize,
    chunks_per_page: usize,
    pub(super) pages: ClassPages,
    /// First record of a page with a chunk that is free or was never used.
    pub(super) room: RecordId,
    pub(super) used_chunks: usize,
    pub(super) used_bytes: usize,
    pub(crate) segments: ClassSegments,
    pub(super) sample: Sample,
    pub(crate) candidates: Candidates,
    pub(crate) costs: ClassCosts,
    pub(crate) counters: ClassCounters,
}

impl SlabClass {
    pub(super) fn all(sizes: &ChunkSizes) -> Vec<SlabClass> {
        let class = |chunk_bytes| SlabClass {
            chunk_bytes,
            chunks_per_page: PAGE_BYTES / chunk_bytes,
            pages: ClassPages::new(),
            room: RecordId::NONE,
            used_chunks: 0,
            used_bytes: 0,
            segments: ClassSegments::default(),
            sample: Sample::new(0),
            candidates: Candidates::new(),
            costs: ClassCosts::new(),
            counters: ClassCounters::default(),
        };
        sizes.iter().map(class).collect()
    }

    #[inline]
    pub(crate) fn chunk_bytes(&self) -> usize {
        self.chunk_bytes
    }

    pub(crate) fn chunks_per_page(&self) -> usize {
        self.chunks_per_page
    }

    /// Number of its pages.
    pub(crate) fn pages(&self) -> usize {
        self.pages.all().len()
    }

    /// Number of its pages without pinned chunks.
    pub(crate) fn movable_pages(&self) -> usize {
        self.pages.movable().len()
    }

    /// Number of chunks in its pages.
    pub(crate) fn chunks(&self) -> usize {
        self.pages() * self.chunks_per_page
    }

    pub(crate) fn used_chunks(&self) -> usize {
        self.used_chunks
    }

    /// Bytes used in the used chunks. The rest of these chunks is rounding.
    pub(crate) fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// Linked items whose head chunk is of this class.
    pub(crate) fn items(&self) -> usize {
        self.segments.all()
    }

    /// Forgets all costs and candidates: the order of eviction has changed.
    pub(crate) fn forget_costs(&mut self) {
        self.costs.forget_costs();
        self.candidates.retain(|_| false);
    }

    /// Whether the items of one of its pages fit the free chunks of the others.
    pub(crate) fn fits_fewer_pages(&self) -> bool {
        self.chunks() - self.used_chunks >= self.chunks_per_page
    }

    /// Whether it can give a page and still has more free chunks than it will soon fill.
    pub(crate) fn has_page_of_slack(&self) -> bool {
        let chunks = self.chunks();
        let slack = self.chunks_per_page.max(chunks / COMPACT_SLACK_PART);
        chunks - self.used_chunks >= self.chunks_per_page + slack
    }

    /// Adds a sample of the class's items to its costs.
    pub(crate) fn note_sample(&mut self, costs: &mut [u64], expected_hits: u64) {
        self.costs.note_sample(self.pages(), self.items(), costs, expected_hits);
    }
}
