//! Moves of pages: between slab classes, to the hash table, and to other shards.
//!
//! A page is drained a little at a time, for a slab class that would evict better items, for the
//! reserve, for another shard, or because an operator says so.
//!
//! May use: `memory` to `eviction`. Must not come in: allocation, and requests.
//!
//! Start reading at `drain.rs`, then `balance.rs` and `page_sharing.rs`.

mod balance;
mod clearing;
mod compaction;
pub(crate) mod drain;
mod granting;
mod page_choice;
pub(crate) mod page_sharing;
pub(crate) mod reassign;
