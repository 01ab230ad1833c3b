//! Named maxima of scripts.

use std::time::Duration;

/// Time that a script may take. Then it ends with an error. Redis says `BUSY` after this time.
pub const SCRIPT_DURATION_MAX: Duration = Duration::from_secs(5);

/// Bytes of memory of the Lua state of a thread.
pub const SCRIPT_MEMORY_BYTES_MAX: usize = 64 << 20;

/// Bytes of memory after a script from which the next one gets a new Lua state.
pub(super) const SCRIPT_MEMORY_KEPT_BYTES: usize = 8 << 20;

/// Bytes of all scripts that are kept by their SHA-1.
pub const SCRIPTS_BYTES_MAX: usize = 16 << 20;

/// Instructions between two looks at the clock. One may copy a string of half the memory.
pub(super) const INSTRUCTIONS_PER_LOOK: u32 = 200;

/// Depth of nested tables in a reply.
pub(super) const REPLY_DEPTH_MAX: usize = 32;

/// Steps of matching a pattern between two looks at the clock.
pub(super) const PATTERN_STEPS_PER_LOOK: u32 = 10_000;

/// Depth to which matching a pattern recurses, as in later versions of Lua.
pub(super) const PATTERN_DEPTH_MAX: usize = 200;

/// Coroutines that run within each other. Lua 5.1 bounds calls of C within each, but not these.
pub(super) const COROUTINE_DEPTH_MAX: usize = 8;

/// Depth of nested values in JSON. Redis: 1,000.
pub(super) const JSON_DEPTH_MAX: usize = 128;

/// Bytes that a script's values become outside of Lua at most: a reply, words of a command, JSON.
pub(super) const CONVERTED_BYTES_MAX: usize = SCRIPT_MEMORY_BYTES_MAX;

/// Scripts that a thread keeps compiled.
pub(super) const COMPILED_MAX: usize = 64;

/// Bytes of the text of a script that is kept compiled at most.
pub(super) const COMPILED_BYTES_MAX: usize = 4096;

const _: () = assert!(COMPILED_MAX * COMPILED_BYTES_MAX * 8 < SCRIPT_MEMORY_KEPT_BYTES);
