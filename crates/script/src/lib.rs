//! Lua scripts of Redis' dialect.
//!
//! **Purpose.** [`run`] executes the text of a script with its keys and arguments, as Redis 7 does:
//! `KEYS`, `ARGV`, `redis.call`, `redis.pcall`, `redis.error_reply`, `redis.status_reply`,
//! `redis.sha1hex`, `redis.log`, `redis.setresp`. [`ScriptCache`] keeps scripts by their SHA-1.
//!
//! **Goals.** A script cannot reach the system or another script, and nothing of it stays: each run
//! has an environment of its own. Its memory and its time have limits.
//!
//! **Non-goals.** `cjson`, `cmsgpack`, `struct`, `bit`. Interrupting one call of Lua's library: a
//! pattern that takes for ever does. Who may send scripts is trusted that far, as with Redis.
//!
//! **Invariants.** A thread has one Lua state. What a script did to the tables that it sees is gone
//! with the run; what it cannot see does not change.

mod conversions;
mod environment;
mod limits;
mod script_cache;
mod sha1;

pub use environment::{Call, Script, run};
pub use limits::{SCRIPT_DURATION_MAX, SCRIPT_MEMORY_BYTES_MAX, SCRIPTS_BYTES_MAX};
pub use script_cache::{ScriptCache, ScriptsFull};
pub use sha1::sha1_hex;
