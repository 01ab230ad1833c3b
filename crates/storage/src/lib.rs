//! The storage of one shard: slab classes, item layout, hash table and eviction.
//!
//! **Purpose.** A [`Store`] keeps items in pages of 64 KiB that it takes from a [`PagePool`],
//! which all shards of a server share. Everything an item costs lies in those pages, the hash
//! table too, so the size of the [`Region`] is the memory limit.
//!
//! **Goals.** Few bytes per item beside key and value (8 in the item, 10 to 11 in the hash
//! table); a lookup that touches one bucket and one item; no pause for growth; no allocation, no
//! lock and no reference count on a hit; values of any length written and read in place.
//!
//! **Non-goals.** No clock (`now` is an argument, in seconds), no I/O, no threads, no protocol. The
//! item size limit is the caller's to check, but for append and prepend.
//!
//! **Invariants.** [`Store::check`] recounts them:
//! - every chunk is free, reserved, part of a chain, or live, exactly one of these;
//! - every live item is in one bucket;
//! - a page belongs to the pool or to exactly one store;
//! - pinned chunks (of reservations and holds) are neither evicted nor moved;
//! - a hit equals the last write.
//!
//! **Entry point.** [`Store::new`], then [`Store::get`] and [`Store::store`]; values that arrive or
//! leave in parts use [`Store::reserve`] and [`Store::hold`].
//!
//! Memory is addressed by position in the region, never by pointer.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod index;
mod item;
mod limits;
mod memory;
mod policy;
mod slabs;
mod store;

pub use index::key_hasher::{HashedKey, KeyHasher};
pub use item::access::Marks;
pub use item::item_ref::ItemRef;
pub use item::item_size_limit::ItemSizeLimit;
pub use limits::{
    CHUNK_BYTES_MAX, CLASSES_MAX, KEY_BYTES_MAX, LONG_VALUE_BYTES, PAGE_BYTES, VALUE_BYTES_MAX,
};
pub use memory::page_pool::{Page, PagePool};
pub use memory::region::{Region, region_reach};
pub use slabs::stats::{ClassCounters, ClassStats, StoreStats};
pub use store::arithmetic::{ArithmeticError, Delta};
pub use store::class_counts::Hit;
pub use store::events::{Glance, StoreEvent};
pub use store::hold::Hold;
pub use store::meta::{Amendment, NewUnique, ReadHit, ReadTerms};
pub use store::page_sharing::{PageDemand, PageWish};
pub use store::reassign::Reassigned;
pub use store::reservation::Reservation;
pub use store::store::{Config, Miss, NoMemory, Store};
pub use store::store_verb::{NewItem, StoreOutcome, StoreVerb};
pub use store::walk::{WalkPosition, Walked};
