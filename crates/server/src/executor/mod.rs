//! The state of one executor that all its connections share.
//!
//! Its own shard, the shards that it has borrowed, and the batches for other shards.
//!
//! May use: `settings`, `connection`, `shared`. Must not come in: anything that looks at a request.
//!
//! Start reading at `executor.rs`, then `shards.rs` (how a shard is lent).

mod executor;
mod load_meter;
pub(crate) mod outboxes;
pub(crate) mod own_subscribers;
pub(crate) mod page_demand;
pub(crate) mod shards;
mod snapshot_part;
pub(crate) mod turn_times;

pub(crate) use self::executor::Executor;
