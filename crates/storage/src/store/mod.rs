//! The store of one shard, and everything that a request does to it.
//!
//! May use: all other rooms. Must not come in: protocols, clocks, threads.
//!
//! Start reading at `store.rs`, then `lookup.rs` and `store_verb.rs`.

pub(crate) mod arithmetic;
pub(crate) mod check;
pub(crate) mod class_counts;
pub(crate) mod crawler;
pub(crate) mod drain;
pub(crate) mod events;
pub(crate) mod eviction;
pub(crate) mod flush;
pub(crate) mod hold;
pub(crate) mod lookup;
pub(crate) mod meta;
pub(crate) mod page_sharing;
pub(crate) mod reassign;
pub(crate) mod rebalance;
pub(crate) mod relocation;
pub(crate) mod reservation;
pub(crate) mod store;
pub(crate) mod store_verb;
pub(crate) mod walk;
