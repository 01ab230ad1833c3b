//! Waits for events in another process.

use std::time::{Duration, Instant};

/// Longest wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pause between two checks.
const PAUSE: Duration = Duration::from_millis(2);

/// Calls `look` until it returns a value. Panics after the longest wait.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "no sign of {what}");
        std::thread::sleep(PAUSE);
    }
}
