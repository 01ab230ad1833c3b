//! Named maxima of the load generator.

use std::time::Duration;

/// Digits of a key's number. The rest of the key is constant.
pub const KEY_DIGITS: usize = 8;
/// Keys that [`KEY_DIGITS`] digits can number.
pub const KEYS_MAX: u32 = 100_000_000;
/// memcached's own bound on a key, in bytes.
pub const KEY_BYTES_MAX: usize = 250;
/// Longest value a load may ask for, in bytes.
pub const VALUE_BYTES_MAX: usize = 16 << 20;
/// Longest reply of the responder, in bytes.
pub const REPLY_BYTES_MAX: usize = 64 << 20;
/// Requests in one write.
pub const DEPTH_MAX: usize = 4096;
/// Keys in one `get`.
pub const KEYS_PER_GET_MAX: usize = 1000;
/// Connections of one generator.
pub const CONNECTIONS_MAX: usize = 20_000;
/// Events taken from the kernel in one call.
pub const EVENTS_MAX: usize = 512;
/// Longest silence of a server with outstanding replies, before the load fails.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Longest time from a server's start to its first reply.
pub const START_MAX: Duration = Duration::from_secs(10);
/// Largest recorded latency, in nanoseconds. Longer ones count as this.
pub const LATENCY_NANOS_MAX: u64 = 60_000_000_000;
/// Number of keys of a skewed order that are drawn ahead and then used in a circle.
pub const DRAWS: usize = 1 << 21;

const _: () = assert!(KEYS_MAX as u64 == 10u64.pow(KEY_DIGITS as u32));
const _: () = assert!(KEY_DIGITS < KEY_BYTES_MAX);
