//! A limit on the lines of one kind that are logged in a second.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

/// Low bits of a window: its number of lines. The high bits are its second.
const COUNT_BITS: u32 = 32;

/// The limit on log lines of one kind. Suppressed lines are counted; the count is logged with the
/// next line of a later second.
pub(super) struct LineLimit {
    /// What the lines are about.
    kind: &'static str,
    lines_per_second_max: u32,
    /// The current second, and the lines written in it.
    window: AtomicU64,
    suppressed: AtomicU64,
}

impl LineLimit {
    pub(super) const fn new(kind: &'static str, lines_per_second_max: u32) -> Self {
        assert!(lines_per_second_max > 0);
        let (window, suppressed) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { kind, lines_per_second_max, window, suppressed }
    }

    /// Whether a line may be written now. If so, it counts.
    pub(super) fn admits(&self) -> bool {
        let now = clock_gettime(ClockId::MonotonicCoarse).tv_sec;
        match self.admits_at(now as u64) {
            Some(0) => true,
            Some(suppressed) => {
                let kind = self.kind;
                warn!(kind, suppressed, "{suppressed} lines about {kind} suppressed");
                true
            }
            None => false,
        }
    }

    /// How many lines were suppressed since the last one, if a line may be written in this second.
    fn admits_at(&self, second: u64) -> Option<u64> {
        let one_more = |window: u64| {
            let begun = second << COUNT_BITS;
            let in_this = window >> COUNT_BITS == second & u64::from(u32::MAX);
            let lines = if in_this { window as u32 } else { 0 };
            (lines < self.lines_per_second_max).then_some(begun | u64::from(lines + 1))
        };
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        match self.window.fetch_update(set, fetch, one_more) {
            Ok(window) if window >> COUNT_BITS == second & u64::from(u32::MAX) => Some(0),
            Ok(_) => Some(self.suppressed.swap(0, Ordering::Relaxed)),
            Err(_) => {
                self.suppressed.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_a_count() {
        let limit = LineLimit::new("tests", 3);
        let check = |second: u64, expected: &[Option<u64>]| {
            let got: Vec<_> = expected.iter().map(|_| limit.admits_at(second)).collect();
            assert_eq!(got, expected, "in second {second}");
        };
        check(7, &[Some(0), Some(0), Some(0), None, None]);
        check(8, &[Some(2), Some(0), Some(0), None]);
        check(100, &[Some(1), Some(0)]);
        check(101, &[Some(0)]);
    }
}
