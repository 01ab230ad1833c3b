//! What one executor keeps for all its connections.
//!
//! Its shard and the shards it has borrowed, and the batches for other shards.
//!
//! May use: `settings`, `connection`, `shared`. Must not come in: anything that looks at a request.
//!
//! Start reading at `executor.rs`, then `shards.rs` (how a shard is lent).

mod executor;
pub(crate) mod outboxes;
pub(crate) mod page_demand;
pub(crate) mod shards;

pub(crate) use self::executor::Executor;
