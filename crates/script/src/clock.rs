//! The end of the time of a script.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::limits::SCRIPT_DURATION_MAX;

thread_local! {
    /// When the script of this thread must have ended.
    static END: Cell<Option<Instant>> = const { Cell::new(None) };
    /// How long a script may take.
    static DURATION: Cell<Duration> = const { Cell::new(SCRIPT_DURATION_MAX) };
}

/// A script begins.
pub(super) fn begin() {
    END.set(Some(Instant::now() + DURATION.get()));
}

/// A script has ended.
pub(super) fn end() {
    END.set(None);
}

/// Whether the time of the script of this thread is over.
pub(super) fn is_over() -> bool {
    END.get().is_some_and(|end| Instant::now() > end)
}

/// How long a script of this thread may take.
pub(super) fn duration() -> Duration {
    DURATION.get()
}

/// Gives the scripts of this thread less time, or more.
#[cfg(test)]
pub(super) fn set_duration(duration: Duration) {
    DURATION.set(duration);
}
