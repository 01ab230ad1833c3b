//! Keeps items and bytes per second under a limit, over all threads.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::stop::Stop;
use crate::item::ListedKey;
use crate::limits::{BATCH_BYTES_MAX, BATCH_ITEMS_MAX, PACE_SLEEP_MAX, PACED_BATCHES_PER_SECOND};

/// The limits that an operator sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RateLimits {
    pub(crate) items_per_second: Option<u64>,
    pub(crate) bytes_per_second: Option<u64>,
}

/// When the next batch may begin.
#[derive(Debug)]
pub(crate) struct Pace {
    rates: RateLimits,
    next: Mutex<Instant>,
    stop: Stop,
}

impl Pace {
    /// A pace that begins now.
    pub(crate) fn new(rates: RateLimits, stop: &Stop) -> Self {
        Self { rates, next: Mutex::new(Instant::now()), stop: stop.clone() }
    }

    /// Most items of a batch.
    pub(crate) fn batch_items_max(&self) -> usize {
        let items = self.rates.items_per_second.map(|it| it / PACED_BATCHES_PER_SECOND);
        items.map_or(BATCH_ITEMS_MAX, |it| it.clamp(1, BATCH_ITEMS_MAX as u64) as usize)
    }

    /// Most bytes of a batch with more than one item.
    pub(crate) fn batch_bytes_max(&self) -> u64 {
        let bytes = self.rates.bytes_per_second.map(|it| it / PACED_BATCHES_PER_SECOND);
        bytes.map_or(BATCH_BYTES_MAX, |it| it.clamp(1, BATCH_BYTES_MAX))
    }

    /// Waits until a batch of these keys may begin, or all must end.
    pub(crate) fn wait_for(&self, keys: &[ListedKey]) {
        self.wait(keys.len() as u64, keys.iter().map(|key| key.bytes).sum());
    }

    /// Waits until a batch may begin, or all must end.
    pub(crate) fn wait(&self, items: u64, bytes: u64) {
        let begin = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = (*next).max(Instant::now());
            *next = begin + duration(self.rates, items, bytes);
            begin
        };
        while !self.stop.is_set() {
            let left = begin.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(PACE_SLEEP_MAX));
        }
    }
}

/// How long a batch takes at these rates.
fn duration(rates: RateLimits, items: u64, bytes: u64) -> Duration {
    let seconds = |count: u64, rate: Option<u64>| rate.map_or(0.0, |it| count as f64 / it as f64);
    let seconds =
        seconds(items, rates.items_per_second).max(seconds(bytes, rates.bytes_per_second));
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).min(Duration::from_hours(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slower_rate_counts() {
        let check = |items_per_second, bytes_per_second, expected: u64| {
            let rates = RateLimits { items_per_second, bytes_per_second };
            assert_eq!(duration(rates, 100, 5000), Duration::from_secs(expected));
        };
        check(None, None, 0);
        check(Some(50), None, 2);
        check(None, Some(1000), 5);
        check(Some(50), Some(1000), 5);
    }

    #[test]
    fn slow_rates_make_small_batches() {
        let check = |items_per_second, expected: usize| {
            let pace = Pace::new(
                RateLimits { items_per_second, bytes_per_second: Some(50) },
                &Stop::default(),
            );
            assert_eq!((pace.batch_items_max(), pace.batch_bytes_max()), (expected, 5));
        };
        check(None, BATCH_ITEMS_MAX);
        check(Some(5), 1);
        check(Some(100), 10);
        check(Some(1_000_000), BATCH_ITEMS_MAX);
    }

    /// What was waited for is given: batches may not begin before.
    #[test]
    fn batches_begin_one_after_the_other() {
        let rates = RateLimits { items_per_second: Some(1000), bytes_per_second: None };
        let pace = Pace::new(rates, &Stop::default());
        let begin = Instant::now();
        for _ in 0..3 {
            pace.wait(10, 0);
        }
        assert!(begin.elapsed() >= Duration::from_millis(20));
    }
}
