//! The server around the shards: executors, sockets, mailboxes, statistics.
//!
//! **Purpose.** [`listen`] binds the sockets. [`Listening::serve`] starts one executor per core,
//! each with its shard, its connections and its data-plane ring, the acceptor, which distributes
//! connections, and the admin endpoint.
//!
//! **Goals.** One system call per turn. A request that stays on its executor takes no lock,
//! allocates nothing and writes no shared cache line. An idle server uses no CPU.
//!
//! **Non-goals.** The command line, identity and signals of the process: the binary's.
//!
//! **Invariants.** A connection is on one executor at a time. Replies leave in the order of the
//! requests. All that a client can make the server keep is bounded, see [`limits`].

mod admin;
mod connection;
mod drivers;
mod executor;
mod hub;
mod in_memory;
mod launch;
#[cfg(test)]
mod moving_tests;
mod requests;
pub mod settings;
#[cfg(test)]
mod shard_ports_tests;
mod shared;
mod snapshots;
mod takeover;
#[cfg(test)]
mod whole_server;

pub use admin::metric_families::{MetricFamily, metric_families};
pub use in_memory::{InMemoryConnection, InMemoryServer};
pub use launch::hand_over::{HandOverError, HandedOver};
pub use launch::running::{Listening, Running, listen, take_over};
pub use launch::summary::Summary;
pub use settings::kept_settings::{ExternalStorage, KeptSettings, TlsWords};
pub use settings::start_error::StartError;
pub use settings::tls::{ClientCertificates, KeyFormat, Tls, TlsError, TlsSettings};
pub use settings::tls_ciphers::TlsCiphers;
pub use settings::users::{Users, UsersError};
pub use settings::{Settings, limits};
