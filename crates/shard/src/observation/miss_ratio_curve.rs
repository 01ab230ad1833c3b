//! The miss-ratio curve of one or more shards, as operators see it: the hit ratio that the server
//! would have with a quarter to four times its memory.

use alloc::vec::Vec;

use slabcore_storage::{CURVE_SIZES, CurveCounts, Store};

/// The curve, merged by sums over shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissRatioCurve {
    /// Since the start.
    pub all: CurveCounts,
    /// Lately: older requests count less.
    pub window: CurveCounts,
    /// Items of all simulations.
    pub sampled_items: u64,
    /// One key in this many is sampled, in the shard that samples fewest.
    pub sampled_one_in: u64,
}

impl MissRatioCurve {
    const WORDS: usize = 2 * CurveCounts::WORDS + 2;

    /// Sizes of the memory for which there is a prediction, as factors of its size now.
    pub const FACTORS: [&str; CURVE_SIZES] = ["0.25", "0.5", "1", "2", "4"];

    /// The curve of one store. `None`: nothing is simulated.
    pub(crate) fn of(store: &Store) -> Option<Self> {
        let (items, sampled_one_in) = store.curve_sample()?;
        let (all, window) = store.curve_counts();
        Some(Self { all, window, sampled_items: items as u64, sampled_one_in })
    }

    /// Adds the curve of another shard.
    pub fn merge(&mut self, other: &Self) {
        self.all = self.all.plus(&other.all);
        self.window = self.window.plus(&other.window);
        self.sampled_items += other.sampled_items;
        self.sampled_one_in = self.sampled_one_in.max(other.sampled_one_in);
    }

    /// The predicted share of reads that hit with the memory of this index in [`Self::FACTORS`].
    /// `None`: nothing was read yet.
    pub fn predicted_hit_ratio(&self, size: usize) -> Option<f64> {
        hit_ratio(self.window.reads, self.window.predicted_misses(size))
    }

    /// The share of the same reads that hit.
    pub fn measured_hit_ratio(&self) -> Option<f64> {
        hit_ratio(self.window.reads, self.window.misses)
    }

    /// Appends the curve as little-endian words for [`Self::merge_bytes`].
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        let rest = [self.sampled_items, self.sampled_one_in];
        for word in self.all.words().into_iter().chain(self.window.words()).chain(rest) {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    /// Adds the curve that another shard wrote, or nothing if that has none.
    pub fn merge_bytes(&mut self, bytes: &[u8]) {
        let (words, _) = bytes.as_chunks::<8>();
        if words.len() != Self::WORDS {
            return;
        }
        let word = |at: usize| u64::from_le_bytes(words[at]);
        let counts = |from: usize| {
            CurveCounts::from_words(core::array::from_fn(|number| word(from + number)))
        };
        let rest = 2 * CurveCounts::WORDS;
        self.merge(&Self {
            all: counts(0),
            window: counts(CurveCounts::WORDS),
            sampled_items: word(rest),
            sampled_one_in: word(rest + 1),
        });
    }
}

fn hit_ratio(reads: u64, misses: u64) -> Option<f64> {
    (reads > 0).then(|| 1.0 - misses as f64 / reads as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_of_shards_add_up() {
        let counts = |reads, misses| CurveCounts {
            reads,
            misses,
            sampled: 10,
            simulated_misses: [40, 30, 20, 10, 0],
            sampled_misses: [20; CURVE_SIZES],
        };
        let one = MissRatioCurve {
            all: counts(1_000, 200),
            window: counts(100, 20),
            sampled_items: 7,
            sampled_one_in: 64,
        };
        let other = MissRatioCurve { sampled_one_in: 128, window: counts(300, 60), ..one };
        let mut bytes = Vec::new();
        other.append_to(&mut bytes);
        let mut merged = MissRatioCurve::default();
        assert_eq!(merged.measured_hit_ratio(), None);
        merged.merge(&one);
        merged.merge_bytes(&bytes);
        merged.merge_bytes(&[]);
        assert_eq!((merged.sampled_items, merged.sampled_one_in), (14, 128));
        assert_eq!(merged.measured_hit_ratio(), Some(0.8));
        let predicted: [Option<f64>; CURVE_SIZES] =
            core::array::from_fn(|size| merged.predicted_hit_ratio(size));
        assert_eq!(predicted, [0.7, 0.75, 0.8, 0.85, 0.9].map(Some));
    }
}
