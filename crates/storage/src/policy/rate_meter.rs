//! A meter of events per second.

use crate::memory::shard_record::RecordWords;

/// Seconds over which the rate is averaged.
const SECONDS: u64 = 8;

/// A moving average over about 8 seconds.
#[derive(Default)]
pub(super) struct RateMeter {
    /// The latest second.
    second: u32,
    /// Events in this second so far.
    count: u32,
    /// Per second, before this second; `None` in the first.
    rate: Option<u64>,
}

impl RateMeter {
    /// Keeps the rate.
    pub(super) fn keep(&mut self, words: &mut RecordWords) {
        words.keep(&mut self.second);
        words.keep(&mut self.count);
        words.keep(&mut self.rate);
    }

    /// Counts this many events at this second (not 0). A second before the latest counts as the
    /// latest: another thread may use the store in a turn that began earlier.
    #[inline]
    pub(crate) fn add(&mut self, now: u32, count: u32) {
        if now > self.second {
            if self.second != 0 {
                self.rate = Some(self.per_second(now));
            }
            (self.second, self.count) = (now, 0);
        }
        self.count = self.count.saturating_add(count);
    }

    /// The rate at this second.
    pub(super) fn per_second(&self, now: u32) -> u64 {
        let count = u64::from(self.count);
        let elapsed = u64::from(now.saturating_sub(self.second));
        match self.rate {
            None => count / elapsed.max(1),
            Some(rate) if elapsed == 0 => rate,
            // Of the seconds that have passed, only the first has a count.
            Some(rate) => (rate * SECONDS.saturating_sub(elapsed) + count) / SECONDS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_follows_the_last_seconds() {
        let mut meter = RateMeter::default();
        assert_eq!(meter.per_second(5), 0);
        (0..100).for_each(|_| meter.add(5, 3));
        assert_eq!(meter.per_second(5), 300);
        meter.add(6, 1);
        assert_eq!(meter.per_second(6), 300);
        for second in 7..60 {
            meter.add(second, 80);
        }
        assert!((80..=88).contains(&meter.per_second(59)), "{}", meter.per_second(59));
        // Nothing more: the rate falls to nothing.
        assert!(meter.per_second(63) < 60 && meter.per_second(70) == 10);
    }

    /// Threads that share a store see a second begin at different times.
    #[test]
    fn a_second_that_comes_again_changes_no_rate() {
        let (mut steady, mut disturbed) = (RateMeter::default(), RateMeter::default());
        for second in 1..60 {
            for number in 0..800 {
                steady.add(second, 1);
                disturbed.add(second - u32::from(number % 2 == 1 && number < 20 && second > 1), 1);
            }
        }
        assert_eq!(disturbed.per_second(59), steady.per_second(59));
    }
}
