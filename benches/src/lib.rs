//! Load generator, side-by-side comparison of cache servers, replays of recorded requests, and
//! counts of instructions.
//!
//! **Purpose.** Figures that can be trusted. Every reply is checked byte by byte against the one
//! possible answer, and the first wrong one ends the run. The generator itself takes about 0.1 us
//! per request at 16 requests per write, so the server is what is measured.
//!
//! **Non-goals.** Protocols other than memcached's text protocol; networks between machines.
//!
//! **Entry points.** [`Generator`] sends one thread's load. [`ServerProcess`] is a server under
//! test. [`compare::rows::ROWS`] are the loads of the published table. [`replay::trace::read`] and
//! [`TraceCopies`] make the requests of a replay, for a [`LocalStore`] or a [`WireReplay`].
//! [`Responder`] is a server without a cache, which shows what the kernel costs.
//! [`growth::growth::Growth`] times the operations of a [`MappedStore`].
//! [`instructions::instruction_loads::LOADS`] are the loads whose instructions are counted.
//! [`pages`] writes the figures into the pages that people read.
//!
//! **Invariant.** A connection of the generator has at most one batch under way, so the bytes that
//! it must receive next are known in full.

pub mod compare;
pub mod growth;
pub mod host;
pub mod instructions;
pub mod limits;
pub mod load;
pub mod pages;
pub mod replay;
pub mod responder;
pub mod servers;
mod splitmix64;
pub mod table;

pub use growth::mapped_store::MappedStore;
pub use load::generator::{Generator, Until};
pub use load::load_error::LoadError;
pub use load::tally::Tally;
pub use load::workload::{KeyOrder, Operation, Workload};
pub use replay::local_store::LocalStore;
pub use replay::miss_tally::MissTally;
pub use replay::preset::Preset;
pub use replay::trace_copies::{TraceCopies, TraceRequest};
pub use replay::wire_connection::WireConnection;
pub use replay::wire_replay::WireReplay;
pub use responder::responder::Responder;
pub use servers::server_process::{Product, ServerOptions, ServerProcess};
pub use servers::stream::Endpoint;
pub use splitmix64::Splitmix64;
