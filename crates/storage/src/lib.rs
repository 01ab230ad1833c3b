//! The storage of one shard: slab classes, item layout, hash table and eviction.
//!
//! **Purpose.** A [`Store`] keeps items in pages of 64 KiB that it takes from a [`PagePool`], which
//! all shards of a server share. All memory of items and of the hash table lies in these pages, so
//! the size of the [`Region`] is the memory limit.
//!
//! **Goals.** Few bytes per item beside key and value (8 in the item, 10 to 11 in the hash table).
//! A lookup that touches one bucket and one item. No pause when the table grows. No allocation, no
//! lock and no reference count on a hit. Values of any length, written and read in place.
//!
//! **Non-goals.** No clock (`now` is an argument), no I/O, no threads, no protocol. The
//! caller checks the item size limit, except for append and prepend.
//!
//! **Invariants.** [`Store::check`] recounts them:
//! - every chunk is exactly one of free, reserved, part of a chain, or a live item;
//! - every live item is in one bucket;
//! - a page belongs to the pool or to exactly one store;
//! - pinned chunks (of reservations and holds) are neither evicted nor moved;
//! - a hit returns the last write.
//!
//! **Entry point.** [`Store::new`], then [`Store::get`] and [`Store::store`]. Values that arrive or
//! leave in parts use [`Store::reserve`] and [`Store::hold`].
//!
//! **Rooms**, from the ground up; each uses only those before it, and its `mod.rs` says more:
//!
//! ```text
//! memory      bytes and pages
//! item        the layout of an item
//! slabs       pages cut into chunks of slab classes
//! index       hash table, hints, expiry index
//! policy      ages, rates, stale classes
//! linked      LinkedItems: items in the hash table, and their counts
//! eviction    Eviction: what leaves the store; owns LinkedItems
//! page_moves  PageMoves: drains of pages; owns Eviction
//! store       Allocation, which owns PageMoves, and the Store
//! ```
//!
//! Memory is addressed by position in the region, never by pointer.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod eviction;
mod index;
mod item;
mod limits;
mod linked;
mod memory;
mod page_moves;
mod policy;
mod slabs;
mod store;

pub use eviction::event_log::StoreEvent;
pub use index::key_hasher::KeyHasher;
pub use item::access::{AccessHistory, Marks};
pub use item::chunk_sizes::SlabClassId;
pub use item::expiry::{Expiry, Moment};
pub use item::hashed_key::{HashedKey, KeyPlace};
pub use item::item_ref::ItemRef;
pub use item::item_size_limit::ItemSizeLimit;
pub use item::segment::Segment;
pub use limits::{
    CHUNK_BYTES_MAX, CLASSES_MAX, CURVE_QUARTERS, CURVE_SIZES, DATABASES, KEY_BYTES_MAX,
    LONG_KEY_BYTES_MAX, LONG_VALUE_BYTES, PAGE_BYTES, VALUE_BYTES_MAX,
};
pub use linked::hold::Hold;
pub use linked::linked_items::Miss;
pub use linked::recovery::Recovered;
pub use memory::page::Page;
pub use memory::page_directory::Generation;
pub use memory::page_pool::{GenerationShards, PagePool};
pub use memory::region::{
    Region, directory_end, granule_bytes, granule_reach, move_directory, region_bytes,
};
pub use page_moves::page_sharing::{PageDemand, PageWish};
pub use page_moves::reassign::Reassigned;
pub use policy::curve_counts::CurveCounts;
pub use policy::segment_shares::SegmentShares;
pub use slabs::stats::{ClassCounters, ClassStats, StoreStats};
pub use store::allocation::NoMemory;
pub use store::amending::{Amendment, NewUnique};
pub use store::arithmetic::{ArithmeticError, Delta};
pub use store::glance::Glance;
pub use store::hit_counts::Hit;
pub use store::leaving_items::{LeavingGroup, LeavingItems};
pub use store::reading::{ReadHit, ReadTerms};
pub use store::reservation::Reservation;
pub use store::restoring::{RestoreOutcome, RestoredItem};
pub use store::store::{Config, Store};
pub use store::store_verb::{NewItem, StoreOutcome, StoreVerb};
pub use store::walk::{WalkPosition, Walked};
