//! How long each executor has left a signal to publish unanswered.

use std::time::Instant;

use crate::shared::publish_signal::PublishSignal;

/// The oldest signal that each executor has not answered. A scrape notes its signals here, so an
/// executor that is stuck is silent for longer at each scrape.
#[derive(Debug)]
pub(super) struct Silences {
    /// Number of the signal and when it was raised; `None` before the first.
    oldest: Vec<Option<(u64, Instant)>>,
}

impl Silences {
    pub(super) fn new(shards: usize) -> Self {
        Self { oldest: vec![None; shards] }
    }

    /// Notes the signals that were raised at `now`, one per executor.
    pub(super) fn note(&mut self, signals: &[PublishSignal], raised: &[u64], now: Instant) {
        for ((oldest, signal), &number) in self.oldest.iter_mut().zip(signals).zip(raised) {
            let is_open = oldest.is_some_and(|(number, _)| !signal.is_answered(number));
            if !is_open {
                *oldest = Some((number, now));
            }
        }
    }

    /// Whole seconds since the oldest unanswered signal of each executor; 0 if there is none.
    pub(super) fn seconds(&self, signals: &[PublishSignal], now: Instant) -> Vec<u64> {
        let seconds = |(oldest, signal): (&Option<(u64, Instant)>, &PublishSignal)| match oldest {
            Some((number, raised)) if !signal.is_answered(*number) => {
                now.saturating_duration_since(*raised).as_secs()
            }
            _ => 0,
        };
        self.oldest.iter().zip(signals).map(seconds).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn silence_lasts_from_the_oldest_unanswered_signal() {
        let signals = [PublishSignal::default(), PublishSignal::default()];
        let begin = Instant::now();
        let mut silences = Silences::new(2);
        assert_eq!(silences.seconds(&signals, begin), [0, 0]);
        let mut scrape = |after: u64, answers: bool| {
            let now = begin + Duration::from_secs(after);
            let raised: Vec<u64> = signals.iter().map(PublishSignal::raise).collect();
            silences.note(&signals, &raised, now);
            signals[0].answer(raised[0]);
            if answers {
                signals[1].answer(raised[1]);
            }
            silences.seconds(&signals, now)
        };
        assert_eq!(scrape(0, true), [0, 0]);
        assert_eq!(scrape(15, false), [0, 0], "silent for no time yet");
        assert_eq!(scrape(30, false), [0, 15]);
        assert_eq!(scrape(45, false), [0, 30]);
        assert_eq!(scrape(60, true), [0, 0]);
        assert_eq!(scrape(75, false), [0, 0]);
    }
}
