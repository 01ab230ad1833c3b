//! Histograms that one thread records and any thread reads.
//!
//! Buckets are log-linear: eight per power of two. So a value is known to an eighth of itself,
//! whatever its size, and adding up histograms loses nothing.
//!
//! ```text
//! bucket         0  1 ..  7  8 .. 15  16    17    .. 23  24      .. 31  ..  215   216
//! upper border   1  2 ..  8  9 .. 16  18    20    .. 32  36      .. 64  ..  2^29  none
//! ```
//! Borders are in units. A bucket holds the values above the border before it, up to and including
//! its own: the meaning of `le` in Prometheus.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Buckets per power of two, as a power of two.
const FINENESS_BITS: u32 = 3;
const FINENESS: u64 = 1 << FINENESS_BITS;
/// Units of the highest border, as a power of two.
const RANGE_BITS: u32 = 29;
/// Buckets with an upper border.
const BOUNDED: usize = ((RANGE_BITS - FINENESS_BITS + 1) as usize) << FINENESS_BITS;
/// All buckets. The last one holds the values above all borders.
const BUCKETS: usize = BOUNDED + 1;

/// A histogram of values, whose buckets have borders at multiples of `UNIT`. One thread records.
#[derive(Debug)]
pub struct Histogram<const UNIT: u64> {
    /// Sum of all values, exactly.
    sum: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

/// A histogram of nanoseconds, from an eighth of a microsecond to 67 seconds.
pub type DurationHistogram = Histogram<125>;

/// A histogram of numbers of things, of which there is at least one.
pub type CountHistogram = Histogram<1>;

/// The numbers of one histogram, or of several together, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramSnapshot<const UNIT: u64> {
    sum: u64,
    buckets: [u64; BUCKETS],
}

const _: () = assert!(size_of::<DurationHistogram>() == 1_744);
const _: () = assert!(BUCKETS == 217);
const _: () = assert!(matches!(upper_border(0), Some(1)));
const _: () =
    assert!(matches!(upper_border(BOUNDED - 1), Some(border) if border == 1 << RANGE_BITS));
const _: () = assert!(upper_border(BOUNDED).is_none());

/// The bucket of a value in units, less one.
#[inline]
const fn bucket_of(units: u64) -> usize {
    if units < FINENESS {
        return units as usize;
    }
    if units >= 1 << RANGE_BITS {
        return BOUNDED;
    }
    let power = units.ilog2() - FINENESS_BITS;
    (((power as u64) << FINENESS_BITS) + (units >> power)) as usize
}

/// The upper border of a bucket, in units.
const fn upper_border(bucket: usize) -> Option<u64> {
    if bucket >= BOUNDED {
        return None;
    }
    let bucket = bucket as u64;
    if bucket < FINENESS {
        return Some(bucket + 1);
    }
    let power = (bucket >> FINENESS_BITS) - 1;
    Some(((bucket & (FINENESS - 1)) + FINENESS + 1) << power)
}

impl<const UNIT: u64> Histogram<UNIT> {
    /// Nothing recorded.
    pub const fn new() -> Self {
        Self { sum: AtomicU64::new(0), buckets: [const { AtomicU64::new(0) }; BUCKETS] }
    }

    /// Records a value `times` times. Only one thread may call this: load and store are two steps,
    /// so a second writer would lose counts.
    #[inline]
    pub fn record(&self, value: u64, times: u64) {
        let bucket = &self.buckets[bucket_of(value.saturating_sub(1) / UNIT)];
        bucket.store(bucket.load(Relaxed).wrapping_add(times), Relaxed);
        let sum = self.sum.load(Relaxed).wrapping_add(value.wrapping_mul(times));
        self.sum.store(sum, Relaxed);
    }
}

impl<const UNIT: u64> Default for Histogram<UNIT> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const UNIT: u64> HistogramSnapshot<UNIT> {
    /// Nothing recorded: the start of a sum over shards.
    pub const fn new() -> Self {
        Self { sum: 0, buckets: [0; BUCKETS] }
    }

    /// Adds what a histogram has recorded. A value that is recorded meanwhile may be missing from
    /// the sum or from the buckets.
    pub fn add(&mut self, recorded: &Histogram<UNIT>) {
        self.sum = self.sum.wrapping_add(recorded.sum.load(Relaxed));
        for (ours, theirs) in self.buckets.iter_mut().zip(&recorded.buckets) {
            *ours = ours.wrapping_add(theirs.load(Relaxed));
        }
    }

    /// These numbers without those of an earlier moment.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        since.sum = self.sum.saturating_sub(earlier.sum);
        for (ours, before) in since.buckets.iter_mut().zip(&earlier.buckets) {
            *ours = ours.saturating_sub(*before);
        }
        since
    }

    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum of all values.
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// The buckets with values: lower and upper border, and count. Both are the highest border for
    /// values above all borders.
    pub fn filled(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let border = |bucket| upper_border(bucket).unwrap_or(1 << RANGE_BITS) * UNIT;
        let lower = move |bucket: usize| bucket.checked_sub(1).map_or(0, border);
        let filled = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(move |(bucket, count)| (lower(bucket), border(bucket), *count))
    }

    /// How many values were at most `border`, which is the border of a bucket.
    pub fn at_most(&self, border: u64) -> u64 {
        debug_assert!(Self::is_border(border));
        self.buckets[..=bucket_of((border - 1) / UNIT)].iter().sum()
    }

    /// True if a value is the upper border of a bucket.
    pub const fn is_border(value: u64) -> bool {
        value > 0
            && value.is_multiple_of(UNIT)
            && matches!(upper_border(bucket_of((value - 1) / UNIT)), Some(it) if it * UNIT == value)
    }

    /// The value that a share `quantile` of all recorded ones, from 0 to 1, does not exceed. It is
    /// interpolated within its bucket: off by a unit, or by an eighth of itself if that is more.
    /// Above all borders it is the highest border. `None`: nothing was recorded.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let rank = quantile * self.count() as f64;
        let mut before = 0;
        let mut lower = 0;
        for (bucket, &count) in self.buckets.iter().enumerate() {
            let upper = upper_border(bucket).unwrap_or(lower);
            if count > 0 && (before + count) as f64 >= rank {
                let share = (rank - before as f64) / count as f64;
                return Some((lower as f64 + (upper - lower) as f64 * share) * UNIT as f64);
            }
            before += count;
            lower = upper;
        }
        None
    }

    /// The upper border of the highest bucket with values. Only values above all borders exceed it.
    /// `None`: nothing was recorded.
    pub fn max(&self) -> Option<u64> {
        let highest = self.buckets.iter().rposition(|&count| count > 0)?;
        Some(upper_border(highest).unwrap_or(1 << RANGE_BITS) * UNIT)
    }
}

impl<const UNIT: u64> Default for HistogramSnapshot<UNIT> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const UNIT: u64 = 125;
    const VALUE_MAX: u64 = UNIT << RANGE_BITS;

    fn histogram_of(values: &[u64]) -> HistogramSnapshot<UNIT> {
        let histogram = Histogram::new();
        for &value in values {
            histogram.record(value, 1);
        }
        let mut snapshot = HistogramSnapshot::new();
        snapshot.add(&histogram);
        snapshot
    }

    /// Values of all magnitudes.
    fn values() -> impl Strategy<Value = Vec<u64>> {
        let value = (0..37_u32).prop_flat_map(|power| 0..=VALUE_MAX.min(1 << power));
        prop::collection::vec(value, 0..200)
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut lower = 0;
        for bucket in 0..BOUNDED {
            let upper = upper_border(bucket).unwrap();
            assert_eq!((bucket_of(lower), bucket_of(upper - 1)), (bucket, bucket));
            assert!(upper - lower == 1 || (upper - lower) * FINENESS <= lower, "{bucket}");
            lower = upper;
        }
        assert_eq!(bucket_of(lower), BOUNDED);
        assert_eq!(bucket_of(u64::MAX), BOUNDED);
    }

    #[test]
    fn values_above_all_borders_count() {
        let above = histogram_of(&[VALUE_MAX + 1, 2]);
        assert_eq!((above.count(), above.at_most(VALUE_MAX)), (2, 1));
        assert_eq!((above.max(), above.quantile(1.0)), (Some(VALUE_MAX), Some(VALUE_MAX as f64)));
        assert_eq!((histogram_of(&[]).max(), histogram_of(&[]).quantile(0.5)), (None, None));
    }

    proptest! {
        #[test]
        fn a_quantile_is_off_by_a_unit_or_an_eighth(
            mut values in values(),
            quantile in 0.0..=1.0_f64,
        ) {
            let histogram = histogram_of(&values);
            values.sort_unstable();
            let rank = (quantile * values.len() as f64).ceil() as usize;
            let Some(&exact) = values.get(rank.saturating_sub(1)) else {
                prop_assert_eq!(histogram.quantile(quantile), None);
                return Ok(());
            };
            let estimate = histogram.quantile(quantile).unwrap();
            let error = (exact as f64 / FINENESS as f64).max(UNIT as f64);
            prop_assert!((estimate - exact as f64).abs() <= error, "{} {}", estimate, exact);
            let largest = *values.last().unwrap();
            let max = histogram.max().unwrap();
            prop_assert!(max >= largest && max - largest <= UNIT.max(largest / FINENESS));
        }

        #[test]
        fn adding_histograms_is_recording_all_values_in_one(
            values in values(),
            others in values(),
        ) {
            let [first, second] = [Histogram::<UNIT>::new(), Histogram::new()];
            for &value in &values {
                first.record(value, 3);
            }
            for &value in &others {
                second.record(value, 1);
            }
            let mut sum = HistogramSnapshot::new();
            sum.add(&first);
            let earlier = sum.clone();
            sum.add(&second);
            let all = [&values[..], &values, &values, &others].concat();
            prop_assert_eq!(&sum, &histogram_of(&all));
            prop_assert_eq!(sum.since(&earlier), histogram_of(&others));
            prop_assert_eq!(sum.count(), all.len() as u64);
            prop_assert_eq!(sum.sum(), all.iter().sum::<u64>());
        }

        #[test]
        fn at_most_counts_exactly_at_borders(values in values(), bucket in 0..BOUNDED) {
            let border = upper_border(bucket).unwrap() * UNIT;
            let exact = values.iter().filter(|&&value| value <= border).count();
            prop_assert_eq!(histogram_of(&values).at_most(border), exact as u64);
            prop_assert!(HistogramSnapshot::<UNIT>::is_border(border));
            prop_assert!(!HistogramSnapshot::<UNIT>::is_border(border + 1));
        }
    }
}
