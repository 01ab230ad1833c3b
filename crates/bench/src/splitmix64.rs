//! The random generator of all loads and replays.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// A `SplitMix64` sequence: the same numbers for a seed in every implementation of it.
#[derive(Clone, Debug)]
pub struct Splitmix64 {
    words: SplitMix64,
}

impl Splitmix64 {
    /// A sequence; each seed has its own.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { words: SplitMix64::seed_from_u64(seed) }
    }

    /// The next 64 bits.
    #[inline]
    pub fn draw(&mut self) -> u64 {
        self.words.next_u64()
    }

    /// A number below `bound`.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        // A multiplication is as uniform as a remainder, and costs less.
        (((self.draw() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// A number within (0, 1), neither end included: 53 bits and a half.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        ((self.draw() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // Outputs of the reference implementation for seed 1234567.
        let mut random = Splitmix64::new(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(expected.map(|_| random.draw()), expected);
    }

    #[test]
    fn uniform_numbers_are_spread_evenly() {
        let mut random = Splitmix64::new(1);
        let numbers: Vec<f64> = (0..10_000).map(|_| random.uniform()).collect();
        assert!(numbers.iter().all(|number| *number > 0.0 && *number < 1.0));
        let mean = numbers.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }
}
