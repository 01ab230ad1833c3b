//! One shard: the part of the cache that one core owns, and the messages between cores.
//!
//! **Purpose.** [`Shard::execute`] turns a request for one key into a response, at a given time.
//! [`Router`] says which shard owns a key. [`Batch`] carries requests to another core and the
//! encoded replies back, one message per source, destination and turn.
//!
//! **Goals.** A request has the same effect whether it comes from a connection of this core or in a
//! batch. No clock, no I/O, no threads: the time is an argument.
//!
//! **Non-goals.** Sockets, the reply order of a connection, and when a batch is sent; they belong
//! to the server.
//!
//! **Invariants.** Only its shard touches a key. The replies of a batch are in the order of its
//! requests. An upload or a hold ends exactly once, or with its connection.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod execution;
mod forwarding;
pub mod limits;
mod observation;
mod requests;

pub use execution::{CopiedItem, ExpirySample, LargeHit, Shard};
pub use forwarding::batch::{Batch, ReplyPart, Ticket};
pub use forwarding::forwarded_request::ForwardedRequest;
pub use observation::class_table::{ClassTable, ItemColumns};
pub use observation::dump::{DumpPart, split_dump_reply};
pub use observation::hot_key_list::{HotKey, HotKeyList};
pub use observation::miss_ratio_curve::MissRatioCurve;
pub use observation::prefix_counts::{PrefixCounts, PrefixRequests};
pub use observation::shard_query::{ShardCommand, ShardQuery};
pub use observation::watched_lines::{Watch, WatchedLines};
pub use requests::clock::Now;
pub use requests::flush_time::FlushTime;
pub use requests::request::KeyRequest;
pub use requests::response::{Response, ValueEnd};
pub use requests::router::{Route, Router};
pub use requests::shard_id::ShardId;
pub use requests::string_reply::StringReply;
pub use requests::upload_id::UploadId;
