//! The time for which a sleeping executor is not woken for background work.
//!
//! In an idle server some items may expire in every second, and a page is searched for each. So
//! background work takes only a small part of the time since it began. An executor that was busy
//! with requests for longer than its rest gets none.

use crate::settings::limits::{BACKGROUND_REST_SECONDS_MAX, BACKGROUND_TURNS_PER_SECOND};

/// The rest of an executor after background work.
#[derive(Debug, Default)]
pub(super) struct BackgroundRest {
    /// Turns since the last sleep that left background work.
    turns: u32,
    /// Tick of the first of them.
    since: u32,
}

impl BackgroundRest {
    /// Notes that this turn left background work.
    pub(super) fn note_work(&mut self, tick: u32) {
        if self.turns == 0 {
            self.since = tick;
        }
        self.turns = self.turns.saturating_add(1);
    }

    /// Begins the rest of an executor that is about to sleep: returns the tick before which it is
    /// not to be woken.
    pub(super) fn begin(&mut self) -> u32 {
        let worked = std::mem::take(&mut self.turns) / BACKGROUND_TURNS_PER_SECOND;
        self.since + worked.min(BACKGROUND_REST_SECONDS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An executor that had been busy with requests for an hour, and had reclaimed expired items
    /// meanwhile, was not woken for ten minutes once the requests ended.
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
