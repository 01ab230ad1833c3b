//! The server around the shards: executors, sockets, mailboxes, statistics.
//!
//! **Purpose.** [`listen`] binds the sockets, and [`Listening::serve`] starts one executor per
//! core, each with its shard, its connections and its data-plane ring, an acceptor that deals
//! connections out, and the admin endpoint.
//!
//! **Goals.** One system call per turn; no lock, no allocation and no shared cache line written on
//! the path of a request that stays on its core; idle costs nothing.
//!
//! **Non-goals.** The command line, identity and signals of the process: the binary's.
//!
//! **Invariants.** A connection is on one executor at a time. Replies leave in request order. What
//! a client can make the server keep is bounded, see [`limits`].

mod acceptor;
mod admin;
mod admin_connection;
mod admin_http;
#[cfg(test)]
mod admin_tests;
mod affinity;
mod authentication;
mod backend;
mod background_rest;
mod binary_orders;
mod certificate_reload;
mod class_exposition;
mod clock;
mod cluster;
mod commands;
mod connection;
mod core;
mod cut_lines;
mod data_blocks;
mod due_ticks;
mod dump_progress;
mod dumps;
mod entry;
mod epoll_driver;
mod exchange;
mod exchanges;
mod executor_start;
mod executors;
mod exposition;
mod farewell;
mod fatal;
mod gather;
mod gathered_replies;
mod heartbeat;
mod hub;
mod idle;
mod in_memory;
mod item_memory;
mod kept_settings;
mod key_requests;
pub mod limits;
mod line_limit;
mod listener;
mod locked_memory;
mod log;
mod login;
mod mailbox;
mod memory_limit;
#[cfg(test)]
mod moving_tests;
mod numbers;
mod orders;
mod outboxes;
mod outgoing;
mod output;
mod page_demand;
mod peer;
mod planned;
mod port_file;
mod port_socket;
mod publish_order;
mod receive_buffers;
mod reload_orders;
mod resource_usage;
mod ring;
mod ring_driver;
mod ring_executor;
mod ring_size;
mod run_time_settings;
mod running;
mod seat;
mod send_message;
pub mod settings;
#[cfg(test)]
mod shard_ports_tests;
mod shards;
mod sizes;
mod slot;
mod spare_buffers;
mod stage;
mod start_error;
mod stats;
mod stats_conns;
mod stats_more;
mod tls;
mod tls_ciphers;
mod tls_handshakes;
mod tls_session;
mod told_connections;
mod udp_port;
mod users;
mod visit;
mod wake_timer;
mod watchers;
mod watching;
#[cfg(test)]
mod whole_server;

pub use in_memory::{InMemoryConnection, InMemoryServer};
pub use kept_settings::{ExternalStorage, KeptSettings, TlsWords};
pub use running::{Listening, Running, listen};
pub use settings::Settings;
pub use start_error::StartError;
pub use tls::{ClientCertificates, KeyFormat, Tls, TlsError, TlsSettings};
pub use tls_ciphers::TlsCiphers;
pub use users::{Users, UsersError};
