//! The counts that the miss-ratio curve is computed from.

use crate::limits::CURVE_SIZES;

/// What was read and missed, in the store and in simulations of other sizes.
///
/// The counts of sampled requests are weighted: one in 64 counts 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CurveCounts {
    /// Reads of all keys.
    pub reads: u64,
    /// Of these, reads that found no item.
    pub misses: u64,
    /// Sampled reads, not weighted.
    pub sampled: u64,
    /// Sampled reads that a simulation missed, by its size.
    pub simulated_misses: [u64; CURVE_SIZES],
    /// Reads of the same sample that the store missed.
    pub sampled_misses: [u64; CURVE_SIZES],
}

impl CurveCounts {
    /// Length of [`Self::words`].
    pub const WORDS: usize = 3 + 2 * CURVE_SIZES;

    /// The counts as words.
    pub fn words(&self) -> [u64; Self::WORDS] {
        let mut words = [0; Self::WORDS];
        let (single, by_size) = words.split_at_mut(3);
        single.copy_from_slice(&[self.reads, self.misses, self.sampled]);
        by_size[..CURVE_SIZES].copy_from_slice(&self.simulated_misses);
        by_size[CURVE_SIZES..].copy_from_slice(&self.sampled_misses);
        words
    }

    /// The counts that [`Self::words`] returned.
    pub fn from_words(words: [u64; Self::WORDS]) -> CurveCounts {
        CurveCounts {
            reads: words[0],
            misses: words[1],
            sampled: words[2],
            simulated_misses: core::array::from_fn(|size| words[3 + size]),
            sampled_misses: core::array::from_fn(|size| words[3 + CURVE_SIZES + size]),
        }
    }

    /// The sum of two counts.
    #[must_use]
    pub fn plus(&self, other: &CurveCounts) -> CurveCounts {
        self.joined(other, |one, other| one + other)
    }

    /// These counts without earlier ones.
    pub(super) fn since(&self, earlier: &CurveCounts) -> CurveCounts {
        self.joined(earlier, u64::saturating_sub)
    }

    /// Half of the counts.
    pub(super) fn halved(&self) -> CurveCounts {
        CurveCounts::from_words(self.words().map(|word| word / 2))
    }

    fn joined(&self, other: &CurveCounts, join: impl Fn(u64, u64) -> u64) -> CurveCounts {
        let (one, other) = (self.words(), other.words());
        CurveCounts::from_words(core::array::from_fn(|at| join(one[at], other[at])))
    }

    /// Reads that a store of another size is predicted to miss: what this store has missed, and
    /// what the simulation has missed more than this store in the same sample. So a sample with
    /// many or few frequent keys does not matter.
    pub fn predicted_misses(&self, size: usize) -> u64 {
        let missed = self.misses + self.simulated_misses[size];
        missed.saturating_sub(self.sampled_misses[size]).min(self.reads)
    }
}
