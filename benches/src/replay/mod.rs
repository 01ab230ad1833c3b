//! Recorded requests, replayed to count misses and held items instead of time.
//!
//! May use: `limits`, `table`, `servers`, and `zipf.rs` of `load`. Must not come in: times.
//!
//! Start reading at `trace.rs` and `trace_copies.rs`, then `local_store.rs` and `wire_replay.rs`.

pub mod curve_check;
pub mod exact_lru;
pub mod held_items;
pub mod local_store;
pub mod miss_tally;
pub mod mix;
pub mod preset;
pub mod replay_row;
pub mod size_distribution;
pub mod trace;
pub mod trace_copies;
pub mod wire_connection;
pub mod wire_replay;
