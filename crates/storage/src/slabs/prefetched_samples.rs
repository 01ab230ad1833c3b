//! The samples of a class that were drawn ahead, to be prefetched.

use crate::item::chunk_sizes::SlabClassId;
use crate::limits::{EVICT_LOOKS, VICTIMS_MAX};
use crate::memory::region::Location;

type SampledChunks = [Location; EVICT_LOOKS];

/// The next samples of one class. They are forgotten when a page leaves a class, because its chunks
/// may be in them.
///
/// The processor fetches a dozen lines or so at once. So the samples are drawn one by one, each
/// beside the work of an allocation.
pub(super) struct PrefetchedSamples {
    class: Option<SlabClassId>,
    samples: [SampledChunks; VICTIMS_MAX],
    next: usize,
    end: usize,
    /// The samples that are still to be drawn.
    due: usize,
}

impl PrefetchedSamples {
    pub(super) fn new() -> PrefetchedSamples {
        let samples = [[Location::NONE; EVICT_LOOKS]; VICTIMS_MAX];
        PrefetchedSamples { class: None, samples, next: 0, end: 0, due: 0 }
    }

    /// Forgets all samples. The next allocations of this class draw `samples` new ones, one each.
    pub(super) fn begin(&mut self, class: SlabClassId, samples: usize) {
        self.class = Some(class);
        (self.next, self.end, self.due) = (0, 0, samples.min(VICTIMS_MAX));
    }

    /// Whether an allocation of this class draws a sample.
    #[inline]
    pub(super) fn is_due(&self, class: SlabClassId) -> bool {
        self.due > 0 && self.class == Some(class)
    }

    /// Samples that were drawn and not taken.
    pub(super) fn drawn(&self) -> usize {
        self.end - self.next
    }

    /// Adds the class's next sample, which was due.
    pub(super) fn push(&mut self, sample: SampledChunks) {
        self.samples[self.end] = sample;
        self.end += 1;
        self.due -= 1;
    }

    /// Takes the next sample, if it is of this class.
    #[inline]
    pub(super) fn take(&mut self, class: SlabClassId) -> Option<SampledChunks> {
        if self.class != Some(class) || self.next == self.end {
            return None;
        }
        self.next += 1;
        Some(self.samples[self.next - 1])
    }

    /// Forgets all samples.
    pub(super) fn clear(&mut self) {
        (self.class, self.due) = (None, 0);
    }
}
