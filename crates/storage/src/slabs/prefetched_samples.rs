//! The samples of a class that were drawn ahead, to be prefetched.

use crate::item::chunk_sizes::SlabClassId;
use crate::limits::{EVICT_LOOKS, VICTIMS_MAX};
use crate::memory::region::Location;

type SampledChunks = [Location; EVICT_LOOKS];

/// The next samples of one class. They are forgotten when a page leaves a class, because its chunks
/// may be in them.
pub(super) struct PrefetchedSamples {
    class: Option<SlabClassId>,
    samples: [SampledChunks; VICTIMS_MAX],
    next: usize,
    end: usize,
}

impl PrefetchedSamples {
    pub(super) fn new() -> PrefetchedSamples {
        let samples = [[Location::NONE; EVICT_LOOKS]; VICTIMS_MAX];
        PrefetchedSamples { class: None, samples, next: 0, end: 0 }
    }

    /// Forgets all samples. Those of this class come next.
    pub(super) fn begin(&mut self, class: SlabClassId) {
        (self.class, self.next, self.end) = (Some(class), 0, 0);
    }

    /// Adds the class's next sample, if there is room.
    pub(super) fn push(&mut self, sample: SampledChunks) {
        if let Some(place) = self.samples.get_mut(self.end) {
            *place = sample;
            self.end += 1;
        }
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
        self.class = None;
    }
}
