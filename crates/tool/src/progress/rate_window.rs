//! Items and bytes per second of the last few seconds.

use std::collections::VecDeque;
use std::time::Duration;

/// The time that rates are of.
const WINDOW: Duration = Duration::from_secs(5);

/// Samples in the window at most.
const COUNTS_MAX: usize = 100;

/// Counts at some times.
#[derive(Debug, Default)]
pub(super) struct RateWindow {
    samples: VecDeque<CountsAt>,
}

/// Counts at a time since the beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CountsAt {
    pub(super) at: Duration,
    pub(super) items: u64,
    pub(super) bytes: u64,
}

impl RateWindow {
    /// Adds the latest counts.
    pub(super) fn add(&mut self, sample: CountsAt) {
        self.samples.push_back(sample);
        let is_old = |it: &CountsAt| sample.at.saturating_sub(it.at) > WINDOW;
        while self.samples.len() > COUNTS_MAX || self.samples.get(1).is_some_and(is_old) {
            self.samples.pop_front();
        }
    }

    /// Items and bytes per second; `None` before there is a difference.
    pub(super) fn rates(&self) -> Option<(f64, f64)> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let seconds = last.at.saturating_sub(first.at).as_secs_f64();
        let rate = |from: u64, to: u64| to.saturating_sub(from) as f64 / seconds;
        (seconds > 0.0).then(|| (rate(first.items, last.items), rate(first.bytes, last.bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_last_seconds() {
        let mut window = RateWindow::default();
        assert_eq!(window.rates(), None);
        for second in 0..20 {
            // Ten items a second, and 100 from the tenth second on.
            let items = if second < 10 { 10 * second } else { 100 * second };
            let at = Duration::from_secs(second);
            window.add(CountsAt { at, items, bytes: 7 * items });
        }
        assert_eq!(window.rates(), Some((100.0, 700.0)));
        assert!(window.samples.len() <= 7);
    }
}
