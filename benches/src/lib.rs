//! Load generator and side-by-side comparison of cache servers that speak memcached's text
//! protocol.
//!
//! Purpose: figures that can be trusted. Every reply is checked byte by byte against the one
//! possible answer, the first wrong one ends the run, and the generator is cheap enough (about
//! 0.1 us of its own code per request at 16 per write) that the server is what is measured.
//!
//! Non-goals: other protocols, other machines' networks, recorded traffic.
//!
//! Entry points: [`Generator`] sends one thread's load, [`ServerProcess`] is a server under test,
//! [`rows::ROWS`] are the loads of the published table.
//!
//! Invariant: a connection has at most one batch under way, so the bytes it must receive next are
//! known in full.

pub mod binaries;
pub mod comparison;
mod connection;
pub mod cores;
pub mod footprint;
mod generator;
pub mod item_format;
pub mod key_chooser;
pub mod limits;
pub mod machine;
pub mod reply;
pub mod request_batch;
pub mod rows;
mod server_process;
pub mod session;
pub mod table;
mod tally;
mod workload;

pub use generator::{Generator, LoadError, Until};
pub use server_process::{Product, ServerOptions, ServerProcess};
pub use tally::Tally;
pub use workload::{KeyOrder, Operation, Workload};
