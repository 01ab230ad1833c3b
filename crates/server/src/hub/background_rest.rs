//! How long an executor that sleeps is not woken for background work, after what it has done.
//!
//! In an idle server some items may expire in every second, and a page is searched for each. So
//! background work takes its small part of the time since it began, and no more. An executor that
//! was busy with requests for longer than that is not left alone.

use crate::settings::limits::{BACKGROUND_REST_SECONDS_MAX, BACKGROUND_TURNS_PER_SECOND};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct BackgroundRest {
    /// Turns since the executor last slept after which there was more background work.
    turns: u32,
    /// Tick of the first of them.
    since: u32,
}

impl BackgroundRest {
    /// After this turn there was more background work.
    pub(crate) fn note_work(&mut self, tick: u32) {
        if self.turns == 0 {
            self.since = tick;
        }
        self.turns = self.turns.saturating_add(1);
    }

    /// The executor is about to sleep: returns the tick before which it is not to be woken.
    pub(crate) fn begin(&mut self) -> u32 {
        let worked = std::mem::take(&mut self.turns) / BACKGROUND_TURNS_PER_SECOND;
        self.since + worked.min(BACKGROUND_REST_SECONDS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An executor that had been busy with requests for an hour, and took back what expired
    /// meanwhile, was left alone for ten minutes once the requests ended.
    #[test]
    fn rest_counts_from_the_start_of_the_work() {
        let mut rest = BackgroundRest::default();
        let mut rest_after = |turns, first: u32, last: u32| {
            rest.note_work(first);
            (1..turns).for_each(|_| rest.note_work(last));
            rest.begin()
        };
        assert_eq!(rest_after(999, 100, 100), 100);
        assert_eq!(rest_after(30_000, 100, 101), 130);
        assert_eq!(rest_after(5_000_000, 200, 201), 800);
        assert_eq!(rest_after(1_000_000, 1_000, 4_600), 1_600);
        assert!(rest.begin() <= 1_600, "it was woken by a request, and had nothing to do");
    }
}
