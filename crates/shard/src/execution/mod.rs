//! The shard, and how it executes requests: of its own core, and of forwarded batches.
//!
//! May use: `requests`, `observation`, `forwarding`. Must not come in: sockets, and the reply order
//! of a connection, which are the server's.
//!
//! Start reading at `shard.rs`, then `execute.rs` (requests of any kind), `plain_get.rs` (the most
//! frequent ones) and `execute_batch.rs` (forwarded ones).

mod binary;
mod binary_store;
mod decimal;
mod execute;
mod execute_batch;
mod finished_store;
mod keyspace;
mod meta_change;
mod meta_get;
mod meta_item;
mod meta_store;
mod plain_get;
mod restoring;
mod shard;
mod stats;
mod streamed_store;
mod string_changes;
mod string_reads;
mod string_storing;
mod string_values;
mod string_writes;
mod strings;
mod upload_requests;
mod uploads;

pub use self::keyspace::{CopiedItem, ExpirySample};
pub use self::plain_get::LargeHit;
pub use self::shard::Shard;
