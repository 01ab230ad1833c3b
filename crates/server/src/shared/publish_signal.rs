//! The signal that has an executor publish its shard's numbers, for a scrape.
//!
//! It is not a message. The channel of a mailbox makes its reader wait for a sender that lost the
//! CPU half-way, and the scraping thread has the lowest priority. A signal makes nobody wait, and
//! signals that come faster than they are answered do not pile up.

use std::sync::atomic::{AtomicU64, Ordering};

/// The signal to publish. Any thread raises it, one executor answers.
#[derive(Debug, Default)]
pub(crate) struct PublishSignal {
    /// Number of the latest signal.
    raised: AtomicU64,
    /// Number of the latest signal answered.
    answered: AtomicU64,
}

impl PublishSignal {
    /// Raises the signal and returns its number. The executor may sleep: wake it after this.
    pub(crate) fn raise(&self) -> u64 {
        // Pairs with the acquire in `pending`: what is wanted is written before this.
        self.raised.fetch_add(1, Ordering::Release) + 1
    }

    /// True if the numbers were published after this signal was raised.
    pub(crate) fn is_answered(&self, signal: u64) -> bool {
        // Pairs with the release in `answer`: the numbers are read after this.
        self.answered.load(Ordering::Acquire) >= signal
    }

    /// Executor: the latest signal, if it is not answered.
    #[inline]
    pub(crate) fn pending(&self) -> Option<u64> {
        let signal = self.raised.load(Ordering::Acquire);
        (signal != self.answered.load(Ordering::Relaxed)).then_some(signal)
    }

    /// Executor: answers this signal, which [`Self::pending`] returned.
    pub(crate) fn answer(&self, signal: u64) {
        self.answered.store(signal, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_raised_while_another_is_answered_is_not_lost() {
        let signals = PublishSignal::default();
        assert_eq!(signals.pending(), None);
        let first = signals.raise();
        let taken = signals.pending().unwrap();
        let second = signals.raise();
        signals.answer(taken);
        assert!(signals.is_answered(first) && !signals.is_answered(second));
        signals.answer(signals.pending().unwrap());
        assert!(signals.is_answered(second));
        assert_eq!(signals.pending(), None);
    }
}
