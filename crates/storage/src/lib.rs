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

mod access;
mod access_clock;
mod arithmetic;
mod candidates;
mod chain;
mod check;
mod chunk_sizes;
mod class_counts;
mod crawler;
mod drain;
mod events;
mod eviction;
mod expiry_index;
mod flush;
mod flush_epochs;
mod hash_table;
mod hints;
mod hold;
mod item;
mod item_head;
mod item_ref;
mod item_sizes;
mod key_hasher;
mod limits;
mod liveliness;
mod lookup;
mod meta;
mod page_pool;
mod page_sharing;
mod rate_meter;
mod reassign;
mod rebalance;
mod region;
mod relocation;
mod reservation;
mod slab_allocator;
mod slab_class;
mod stats;
mod store;
mod store_verb;
mod tag_search;
mod walk;

pub use access::Marks;
pub use arithmetic::{ArithmeticError, Delta};
pub use class_counts::Hit;
pub use events::{Glance, StoreEvent};
pub use hold::Hold;
pub use item_ref::ItemRef;
pub use key_hasher::KeyHasher;
pub use limits::{
    CHUNK_BYTES_MAX, CLASSES_MAX, KEY_BYTES_MAX, LONG_VALUE_BYTES, PAGE_BYTES, VALUE_BYTES_MAX,
};
pub use meta::{Amendment, NewUnique, ReadHit, ReadTerms};
pub use page_pool::{Page, PagePool};
pub use page_sharing::{PageDemand, PageWish};
pub use reassign::Reassigned;
pub use region::{Region, region_reach};
pub use reservation::Reservation;
pub use stats::{ClassCounters, ClassStats, StoreStats};
pub use store::{Config, Miss, NoMemory, Store};
pub use store_verb::{NewItem, StoreOutcome, StoreVerb};
pub use walk::{WalkPosition, Walked};
