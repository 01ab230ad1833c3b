//! One shard: the part of the cache that one core owns, and the words in which cores speak.
//!
//! **Purpose.** [`Shard::execute`] turns a request for one key into a response, at a given time.
//! [`Router`] says which shard owns a key. [`Batch`] carries requests to another core and the
//! encoded replies back, one message per source, destination and turn.
//!
//! **Goals.** A request means the same whether it came from this core's connection or in a batch;
//! no clock, no I/O, no threads: time is an argument.
//!
//! **Non-goals.** Sockets, reply order of a connection, and when a batch is sent: the server's.
//!
//! **Invariants.** A key is touched only by its shard. A batch's replies come in the order of its
//! requests. An upload or a hold ends exactly once, or with its connection.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod batch;
mod binary;
mod binary_store;
mod class_table;
mod clock;
mod detail;
mod dump;
mod entry;
mod entry_decoding;
mod entry_encoding;
mod entry_head;
mod execute;
mod execute_batch;
pub mod limits;
mod meta_change;
mod meta_get;
mod meta_store;
mod plain_get;
mod prefix_counts;
mod request;
mod response;
mod router;
mod shard;
mod streamed_store;
mod uploads;
mod watch;
mod watched_lines;

pub use batch::{Batch, ReplyPart, Ticket};
pub use class_table::{ClassTable, ItemColumns};
pub use clock::Now;
pub use dump::{DumpPart, split_dump_reply};
pub use entry::{Entry, StatsKind};
pub use plain_get::LargeHit;
pub use prefix_counts::PrefixCounts;
pub use request::KeyRequest;
pub use response::{Response, ValueEnd};
pub use router::{Route, Router};
pub use shard::{Limits, Shard};
pub use uploads::UploadId;
pub use watched_lines::{Watch, WatchedLines};
