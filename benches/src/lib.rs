//! Load generator and side-by-side comparison of cache servers that speak memcached's text
//! protocol.
//!
//! Purpose: figures that can be trusted. Every reply is checked byte by byte against the one
//! possible answer, the first wrong one ends the run, and the generator is cheap enough (about
//! 0.1 us of its own code per request at 16 per write) that the server is what is measured.
//!
//! Beside it a replay of recorded request sequences, which counts misses instead of time, a look at
//! the store alone as it grows, operation by operation, and a count of instructions per request.
//!
//! Non-goals: other protocols, other machines' networks.
//!
//! Entry points: [`Generator`] sends one thread's load, [`ServerProcess`] is a server under test,
//! [`rows::ROWS`] are the loads of the published table; [`trace::read`] and [`TraceCopies`] make a
//! replay's requests, [`LocalStore`] and [`WireReplay`] are what they are played to;
//! [`growth::Growth`] times the operations of a [`MappedStore`];
//! [`instruction_loads::LOADS`] are the loads whose instructions are counted.
//!
//! Invariant of the generator: a connection has at most one batch under way, so the bytes it must
//! receive next are known in full.

pub mod binaries;
pub mod comparison;
mod connection;
pub mod cores;
pub mod data_set;
pub mod disturbances;
pub mod exact_lru;
pub mod footprint;
mod generator;
pub mod growth;
mod handshakes;
pub mod held_items;
pub mod instruction_loads;
pub mod instruction_table;
pub mod item_format;
pub mod key_chooser;
pub mod limits;
mod load_error;
mod local_store;
pub mod machine;
pub mod mapped_store;
mod miss_tally;
pub mod own_work;
pub mod pages;
mod preset;
pub mod replay_row;
pub mod reply;
pub mod request_batch;
pub mod resident_memory;
pub mod rows;
mod server_process;
pub mod session;
pub mod size_distribution;
mod splitmix64;
mod stream;
pub mod table;
mod tally;
pub mod trace;
pub mod trace_copies;
mod wire_connection;
mod wire_replay;
mod workload;

pub use generator::{Generator, Until};
pub use load_error::LoadError;
pub use local_store::LocalStore;
pub use mapped_store::MappedStore;
pub use miss_tally::MissTally;
pub use preset::Preset;
pub use server_process::{Product, ServerOptions, ServerProcess};
pub use splitmix64::Splitmix64;
pub use stream::Endpoint;
pub use tally::Tally;
pub use trace_copies::{TraceCopies, TraceRequest};
pub use wire_connection::WireConnection;
pub use wire_replay::WireReplay;
pub use workload::{KeyOrder, Operation, Workload};
