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

mod authentication;
mod binary_server_requests;
mod data_blocks;
pub(crate) mod datagram_request;
mod dispatch;
mod dumps;
mod gathered_replies;
mod gathers;
mod key_requests;
mod planned;
mod replies;
mod server_commands;
mod shard_replies;
pub(crate) mod stage;
mod stats;
mod stats_breakdowns;
mod stats_queries;
mod visit;
mod watching;
