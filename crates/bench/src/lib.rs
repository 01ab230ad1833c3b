//! Load generator and side-by-side comparison of cache servers: the parts of `slabcore-bench`, for
//! it and for other measurements.
//!
//! **Purpose.** Figures that can be trusted. Every reply is checked byte by byte against the one
//! possible answer, and the first wrong one ends the run. The generator itself takes about 0.1 us
//! per request at 16 requests per write, so the server is what is measured.
//!
//! **Non-goals.** Networks between machines.
//!
//! **Entry points.** [`Generator`] sends one thread's load. [`ServerProcess`] is a server under
//! test. [`compare::rows::ROWS`] are the loads of the published table. [`Responder`] is a server
//! without a cache, which shows what the kernel costs.
//!
//! **Invariant.** A connection of the generator has at most one batch under way, so the bytes that
//! it must receive next are known in full.

pub mod command;
pub mod compare;
pub mod host;
pub mod limits;
pub mod load;
pub mod responder;
pub mod servers;
pub mod splitmix64;
pub mod table;

pub use load::generator::{Generator, Until};
pub use load::load_error::LoadError;
pub use load::tally::Tally;
pub use load::workload::{KeyOrder, Operation, Workload};
pub use responder::responder::Responder;
pub use servers::server_process::{Product, ServerOptions, ServerProcess};
pub use servers::stream::Endpoint;
