//! Named maxima of the test kit.

use std::time::Duration;

/// How long a read or write may stay without progress before the test fails. Generous: a loaded
/// machine must not fail a test, and a server that never answers must.
pub const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How long a server may take from its start to its first listening socket, and from a signal to
/// its end.
pub const START_MAX: Duration = Duration::from_secs(30);

/// Longest pause between two looks at something that another process changes.
pub const POLL_PAUSE_MAX: Duration = Duration::from_millis(20);

/// Longest key that the classic protocol takes, in bytes.
pub const KEY_BYTES_MAX: usize = 250;

/// Longest ttl that counts from now, in seconds; a larger exptime is a Unix time.
pub const TTL_SECONDS_MAX: i32 = 60 * 60 * 24 * 30;

/// Most pieces that one step of a script is cut into; the rest goes out as one piece.
pub const PIECES_PER_STEP_MAX: usize = 64;
