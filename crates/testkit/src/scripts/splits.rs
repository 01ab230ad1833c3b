//! How a stream of bytes is cut into writes.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// A way to cut a stream. The same value cuts the same bytes at the same positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Splits {
    /// One write.
    Whole,
    /// A write per byte.
    Bytewise,
    /// Short and long pieces mixed, from this seed.
    Random(u64),
}

impl Splits {
    /// An endless sequence of piece lengths, each at least 1.
    pub fn lengths(self) -> impl Iterator<Item = usize> {
        let seed = match self {
            Self::Random(seed) => seed,
            Self::Whole | Self::Bytewise => 0,
        };
        let mut words = SplitMix64::seed_from_u64(seed);
        std::iter::repeat_with(move || match self {
            Self::Whole => usize::MAX,
            Self::Bytewise => 1,
            Self::Random(_) => {
                let random = words.next_u64();
                // Cuts inside a line matter most, so half of the pieces are a few bytes long.
                let longest = if random & 1 == 0 { 6 } else { 120 };
                1 + (random >> 8) as usize % longest
            }
        })
    }
}
