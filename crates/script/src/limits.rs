//! Named maxima of scripts.

use std::time::Duration;

/// Time that a script may take. Then it ends with an error. Redis says `BUSY` after this time.
pub const SCRIPT_DURATION_MAX: Duration = Duration::from_secs(5);

/// Bytes of memory of the Lua state of a thread.
pub const SCRIPT_MEMORY_BYTES_MAX: usize = 64 << 20;

/// Bytes of memory after a script from which the next one gets a new Lua state.
pub(crate) const SCRIPT_MEMORY_KEPT_BYTES: usize = 8 << 20;

/// Bytes of all scripts that are kept by their SHA-1.
pub const SCRIPTS_BYTES_MAX: usize = 16 << 20;

/// Instructions between two looks at the clock.
pub(crate) const INSTRUCTIONS_PER_LOOK: u32 = 10_000;

/// Depth of nested tables in a reply.
pub(crate) const REPLY_DEPTH_MAX: usize = 32;
