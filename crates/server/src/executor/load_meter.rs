//! The load of one executor, measured by the kernel's account of its thread.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::settings::limits::LOAD_WINDOW_MS;
use crate::shared::serving::Load;

/// What the kernel counts of a thread, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct ThreadTimes {
    ran: u64,
    /// Time for which it could have run, and no core was free.
    waited: u64,
}

/// Measures the load of the executor that calls it.
#[derive(Debug)]
pub(super) struct LoadMeter {
    /// When the present window may end. `u64::MAX`: nothing is measured.
    due_ms: u64,
    begun_ms: u64,
    times: ThreadTimes,
    /// `/proc/thread-self/schedstat` of the executor.
    schedstat: Option<File>,
}

impl LoadMeter {
    /// `measures`: whether anything is measured.
    pub(super) fn new(measures: bool) -> Self {
        let due_ms = if measures { 0 } else { u64::MAX };
        Self { due_ms, begun_ms: 0, times: ThreadTimes::default(), schedstat: None }
    }

    /// Whether the present window may end.
    #[inline]
    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        self.due_ms <= now_ms
    }

    /// Ends the window, and returns its load. `None`: this was the first one, or the kernel keeps
    /// no account.
    #[cold]
    pub(super) fn end_window(&mut self, now_ms: u64) -> Option<Load> {
        let is_first = self.schedstat.is_none();
        if is_first {
            self.schedstat = File::open("/proc/thread-self/schedstat").ok();
        }
        let Some(times) = self.schedstat.as_ref().and_then(read) else {
            self.due_ms = u64::MAX;
            return None;
        };
        let begun_ms = std::mem::replace(&mut self.begun_ms, now_ms);
        let before = std::mem::replace(&mut self.times, times);
        self.due_ms = now_ms + LOAD_WINDOW_MS;
        if is_first || now_ms <= begun_ms {
            return None;
        }
        let ran = times.ran.saturating_sub(before.ran);
        let waited = times.waited.saturating_sub(before.waited);
        Some(Load::new((begun_ms, now_ms), ran, waited))
    }
}

fn read(schedstat: &File) -> Option<ThreadTimes> {
    let mut text = [0; 64];
    let length = schedstat.read_at(&mut text, 0).ok()?;
    parse(std::str::from_utf8(&text[..length]).ok()?)
}

/// Parses the nanoseconds that a thread ran, those that it waited, and a number of slices.
fn parse(text: &str) -> Option<ThreadTimes> {
    let mut words = text.split_ascii_whitespace().map(|word| word.parse::<u64>().ok());
    Some(ThreadTimes { ran: words.next()??, waited: words.next()?? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_of_a_thread() {
        assert_eq!(parse("12 345 6\n"), Some(ThreadTimes { ran: 12, waited: 345 }));
        assert_eq!(parse("12"), None);
        assert_eq!(parse("a 1 2"), None);
    }

    #[test]
    fn a_window_ends_when_it_is_due() {
        let mut meter = LoadMeter::new(true);
        assert!(meter.is_due(1_000));
        assert_eq!(meter.end_window(1_000), None);
        assert!(!meter.is_due(1_000 + LOAD_WINDOW_MS - 1));
        assert!(meter.is_due(1_000 + LOAD_WINDOW_MS));
        assert!(meter.end_window(601_000).is_some());
        assert!(!meter.is_due(601_000));
        assert!(!LoadMeter::new(false).is_due(u64::MAX - 1));
    }
}
