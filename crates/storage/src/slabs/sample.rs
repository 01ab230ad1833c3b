//! Pseudorandom numbers that choose what a search looks at.

use crate::memory::shard_record::RecordWords;

/// A pseudorandom sequence of numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample(u64);

impl Sample {
    /// A sequence that begins with this number.
    pub(crate) fn new(seed: u64) -> Sample {
        Sample(seed)
    }

    /// The `number`th of the next numbers, by splitmix64 (Steele, Lea, Flood: Fast Splittable
    /// Pseudorandom Number Generators, 2014).
    #[inline]
    pub(crate) fn draw(self, number: u64) -> u64 {
        let mut word = self.0.wrapping_add(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Keeps the place in the sequence.
    pub(super) fn keep(&mut self, words: &mut RecordWords) {
        words.keep(&mut self.0);
    }

    /// Skips this many numbers.
    pub(crate) fn advance(&mut self, numbers: u64) {
        self.0 = self.0.wrapping_add(numbers);
    }
}
