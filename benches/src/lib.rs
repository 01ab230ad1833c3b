//! Replays of recorded requests, and counts of instructions.
//!
//! **Purpose.** What the comparison of `slabcore-bench` does not show: which items a cache keeps,
//! how long single operations of the store take, how many instructions a request costs.
//!
//! **Entry points.** [`replay::trace::read`] and [`TraceCopies`] make the requests of a replay, for
//! a [`LocalStore`] or a [`WireReplay`]. [`growth::growth::Growth`] times the operations of a
//! [`MappedStore`]. [`instructions::instruction_loads::LOADS`] are the loads whose instructions are
//! counted. [`pages`] writes the figures into the pages that people read.

pub mod growth;
pub mod instructions;
pub mod pages;
pub mod replay;

pub use growth::mapped_store::MappedStore;
pub use replay::local_store::LocalStore;
pub use replay::miss_tally::MissTally;
pub use replay::preset::Preset;
pub use replay::trace_copies::{TraceCopies, TraceRequest};
pub use replay::wire_connection::WireConnection;
pub use replay::wire_replay::WireReplay;
