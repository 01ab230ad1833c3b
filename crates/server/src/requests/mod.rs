//! Executes the requests of a connection.
//!
//! Requests are decoded in stages. Requests for a key are executed here, or sent to the shard that
//! owns the key. Others are commands for the server, `stats`, dumps, `watch`, logins, and requests
//! by datagram. Most files add methods to [`crate::connection::Connection`], which call each other
//! one way: `replies.rs` is the lowest, `serving.rs` the highest.
//!
//! May use: `settings`, `connection`, `shared`, `executor`.
//! Must not come in: sockets, and loops over all connections.
//!
//! Start reading at `serving.rs`, then `dispatch.rs`.

mod authentication;
mod binary_server_requests;
mod data_blocks;
pub(crate) mod datagram_request;
mod dispatch;
mod dumps;
mod gathered_replies;
mod gathers;
mod key_group;
mod key_requests;
mod redis_commands;
mod redis_config;
mod redis_connection;
mod redis_exec;
mod redis_info;
mod redis_keys;
mod redis_keyspace;
mod redis_messages;
mod redis_progress;
mod redis_replies;
mod redis_scripts;
mod redis_serving;
mod redis_transactions;
mod replies;
mod reply_form;
mod request_command;
mod server_commands;
mod serving;
mod shard_replies;
mod snapshot_command;
pub(crate) mod stage;
mod staged_request;
mod stats;
mod stats_breakdowns;
mod stats_queries;
mod timing;
mod watching;
