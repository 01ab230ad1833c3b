//! What a connection executes.
//!
//! Decoding in stages, requests by key here or by batch to another shard, data blocks, admin
//! commands, `stats`, dumps, watchers, logins, and requests by datagram. Most files add methods to
//! [`crate::connection::Connection`].
//!
//! May use: `settings`, `connection`, `shared`, `executor`. Must not come in: sockets, and loops
//! over all connections.
//!
//! Start reading at `visit.rs` (one visit of one connection), then `commands.rs`.

pub(crate) mod authentication;
pub(crate) mod binary_orders;
pub(crate) mod commands;
pub(crate) mod data_blocks;
pub(crate) mod datagram_request;
pub(crate) mod dumps;
pub(crate) mod gathered_replies;
pub(crate) mod key_requests;
pub(crate) mod orders;
pub(crate) mod planned;
pub(crate) mod stage;
pub(crate) mod stats;
pub(crate) mod stats_more;
pub(crate) mod visit;
pub(crate) mod watching;
