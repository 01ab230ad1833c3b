//! How a stream of bytes is cut into writes.

/// Where the cuts fall. The same value cuts the same bytes at the same places.
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
        let mut state = match self {
            Self::Random(seed) => seed,
            Self::Whole | Self::Bytewise => 0,
        };
        std::iter::repeat_with(move || match self {
            Self::Whole => usize::MAX,
            Self::Bytewise => 1,
            Self::Random(_) => {
                let random = next_random(&mut state);
                // Cuts inside a line matter most, so half of the pieces are a few bytes long.
                let longest = if random & 1 == 0 { 6 } else { 120 };
                1 + (random >> 8) as usize % longest
            }
        })
    }
}

/// The next number of the splitmix64 sequence.
pub fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
