//! The store of one shard: what requests do to its items, and its background work.
//!
//! May use: all other rooms. Must not come in: protocols, clocks, threads.
//!
//! Start reading at `store.rs`, then `lookup.rs` and `store_verb.rs`.

pub(crate) mod allocation;
pub(crate) mod amending;
pub(crate) mod arithmetic;
mod background;
mod cas_uniques;
mod databases;
pub(crate) mod glance;
pub(crate) mod hit_counts;
mod holding;
mod index_growth;
mod item_changes;
pub(crate) mod leaving_items;
mod lookup;
mod new_items;
pub(crate) mod reading;
#[cfg(test)]
mod record_tests;
mod recount;
mod recovery;
#[cfg(test)]
mod recovery_tests;
mod rehoming;
#[cfg(test)]
mod rehoming_tests;
pub(crate) mod reservation;
pub(crate) mod restoring;
mod stats;
pub(crate) mod store;
mod store_record;
pub(crate) mod store_verb;
pub(crate) mod walk;
