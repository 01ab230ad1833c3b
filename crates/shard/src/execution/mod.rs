//! The shard, and how it executes requests: of its own core, and of forwarded batches.
//!
//! May use: `requests`, `observation`, `forwarding`. Must not come in: sockets, and the reply order
//! of a connection, which are the server's.
//!
//! Start reading at `shard.rs`, then `execute.rs` (requests of any kind), `plain_get.rs` (the most
//! frequent ones) and `execute_batch.rs` (forwarded ones).

mod binary;
mod binary_store;
mod detail;
mod execute;
mod execute_batch;
mod meta_change;
mod meta_get;
mod meta_store;
pub(crate) mod plain_get;
pub(crate) mod shard;
mod streamed_store;
pub(crate) mod uploads;
mod watch;
