//! The settings of the segments: their shares of the items, and the limits of their ages.

/// Bits of a share in percent.
const PERCENT_BITS: u32 = 7;

/// Bits of a factor, and those behind its binary point.
const FACTOR_BITS: u32 = 24;
const FACTOR_FRACTION_BITS: u32 = 10;

/// The settings of the segments, in one word, so that threads can share them.
///
/// ```text
/// word:  | on: 1 bit | warm factor, hot factor: 24 bits each | warm, hot: 7 bits each |
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentShares(u64);

impl SegmentShares {
    /// No segments: all new items are in COLD.
    pub const FLAT: SegmentShares = SegmentShares(0);

    /// The settings of memcached: HOT has 20 percent of the items, and none older than 0.2 times
    /// the age of the items that are evicted. WARM has 40 percent, and twice that age.
    #[must_use]
    pub fn standard() -> SegmentShares {
        SegmentShares::new(20, 40, 0.2, 2.0)
    }

    /// Shares of HOT and WARM in percent, 100 at most, and the factors of the age of the items that
    /// are evicted. Factors are rounded to multiples of 1/1024, and are less than 16,384.
    #[must_use]
    pub fn new(
        hot_percent: u32,
        warm_percent: u32,
        hot_factor: f64,
        warm_factor: f64,
    ) -> SegmentShares {
        let percent = |percent: u32| u64::from(percent.min(100));
        let unit = f64::from(1_u32 << FACTOR_FRACTION_BITS);
        // The conversion keeps to the range of the type.
        let factor = |factor: f64| ((factor * unit) as u64).clamp(1, (1 << FACTOR_BITS) - 1);
        let word = 1 << FACTOR_BITS | factor(warm_factor);
        let word = word << FACTOR_BITS | factor(hot_factor);
        let word = word << PERCENT_BITS | percent(warm_percent);
        SegmentShares(word << PERCENT_BITS | percent(hot_percent))
    }

    /// The settings of this word, which [`Self::word`] returned.
    #[must_use]
    pub fn from_word(word: u64) -> SegmentShares {
        SegmentShares(word)
    }

    /// The settings as one word.
    #[must_use]
    pub fn word(self) -> u64 {
        self.0
    }

    /// Whether there are segments.
    #[inline]
    pub(super) fn are_on(self) -> bool {
        self.0 != 0
    }

    /// Shares of HOT and WARM in percent.
    pub(super) fn percents(self) -> (u64, u64) {
        let at = |shift: u32| self.0 >> shift & ((1 << PERCENT_BITS) - 1);
        (at(0), at(PERCENT_BITS))
    }

    /// Factors of HOT and WARM, for [`Self::scale`].
    pub(super) fn factors(self) -> (u64, u64) {
        let at = |shift: u32| self.0 >> shift & ((1 << FACTOR_BITS) - 1);
        (at(2 * PERCENT_BITS), at(2 * PERCENT_BITS + FACTOR_BITS))
    }

    /// An age times a factor.
    pub(super) fn scale(age: u64, factor: u64) -> u64 {
        age.saturating_mul(factor) >> FACTOR_FRACTION_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_settings_fit_the_word() {
        for (hot, warm, hot_factor, warm_factor) in
            [(20, 40, 0.2, 2.0), (0, 80, 1.5, 0.001), (100, 0, 1e300, 5_000.0)]
        {
            let shares = SegmentShares::new(hot, warm, hot_factor, warm_factor);
            let shares = SegmentShares::from_word(shares.word());
            assert!(shares.are_on());
            assert_eq!(shares.percents(), (u64::from(hot), u64::from(warm)));
            let (hot_limit, warm_limit) = shares.factors();
            for (factor, wanted) in [(hot_limit, hot_factor), (warm_limit, warm_factor)] {
                let scaled = SegmentShares::scale(1 << 20, factor) as f64 / f64::from(1 << 20);
                let wanted = wanted.clamp(1.0 / 1024.0, 16_384.0);
                assert!((scaled - wanted).abs() <= 1.0 / 1024.0, "{scaled}, not {wanted}");
            }
        }
        assert!(!SegmentShares::FLAT.are_on());
    }
}
