//! Lua scripts of Redis' dialect.
//!
//! **Purpose.** [`run`] executes the text of a script with its keys and arguments, as Redis 7
//! does: `KEYS`, `ARGV`, the functions of `redis`, `cjson`, `bit`, and Lua's library as far as
//! Redis has it. [`ScriptCache`] keeps scripts by their SHA-1.
//!
//! **Goals.** A script cannot reach the system or another script, and nothing of it stays: its
//! globals are read-only and its own. Whatever a script does, it ends: its time has a limit, its
//! memory, the reply, the words of a command, and how deep it recurses. The replies and errors are
//! Redis', which tests compare with a real server.
//!
//! **Non-goals.** `cmsgpack`, `struct`; `redis.setresp(3)` for the replies of commands, which are
//! RESP2's (it counts for the booleans of a script's own reply); logs of scripts; settings of
//! `cjson`.
//!
//! **Limits.** [`SCRIPT_DURATION_MAX`] and [`SCRIPT_MEMORY_BYTES_MAX`]. A hook of Lua looks at the
//! clock each 200 instructions. What takes long in one call is not Lua's own: patterns and
//! `string.rep` are written here, `table.sort` compares in Lua. One call of what is left (joining,
//! copying, collecting garbage) is linear in the memory of the script: some 10 ms. JSON nests 128
//! deep (Redis: 1,000), a reply 32, coroutines 8 in each other.
//!
//! **Invariants.** A thread has one Lua state, which its first script makes. The tables of the
//! libraries are seen through empty tables that refuse changes; every function that changes a
//! table without asking its metatable (`rawset`, `table.insert`, `setmetatable`) refuses these.
//! Text alone is loaded, never bytecode. There are no finalizers, which would run without the
//! hook. A protected call gives its caller no error after the end of the script's time. `call`
//! must not run a script.
//!
//! **Where to start.** `environment.rs`, then `sandbox.lua`.

mod arguments;
mod bits;
mod clock;
mod conversions;
mod environment;
mod json_decoder;
mod json_encoder;
mod limits;
mod native;
mod number_text;
mod pattern;
mod random;
mod script_cache;
mod sha1;
mod string_functions;

pub use environment::{Call, Script, check, run};
pub use limits::{SCRIPT_DURATION_MAX, SCRIPT_MEMORY_BYTES_MAX, SCRIPTS_BYTES_MAX};
pub use script_cache::{ScriptCache, ScriptsFull};
pub use sha1::sha1_hex;
