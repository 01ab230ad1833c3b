//! Named maxima of the test kit.

use std::time::Duration;

/// Longest time without progress of a read or write before the test fails. It is long, because a
/// loaded machine must not fail a test.
pub const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Longest time from a server's start to its first listening socket, and from a signal to its end.
pub const START_MAX: Duration = Duration::from_secs(30);

/// Longest pause between two checks of something that another process changes.
pub const POLL_PAUSE_MAX: Duration = Duration::from_millis(20);

/// Longest key of the classic protocol, in bytes.
pub const KEY_BYTES_MAX: usize = 250;

/// Longest relative ttl, in seconds. A larger exptime is a Unix time.
pub const TTL_SECONDS_MAX: i32 = 60 * 60 * 24 * 30;

/// Largest number of pieces that one step of a script is cut into. The rest is sent as one piece.
pub const PIECES_PER_STEP_MAX: usize = 64;
