//! The linked items of a store: the items in the hash table, and all that is counted of them.
//!
//! An item is linked when it is complete, found by its key while it is alive, and unlinked before
//! it is freed. This room keeps slab classes, hash table, expiry index and counts in agreement.
//!
//! May use: `memory`, `item`, `slabs`, `index`. Must not come in: the choice of what is evicted,
//! and allocation.
//!
//! Start reading at `linked_items.rs`, then `flush.rs`.

pub(crate) mod flush;
pub(crate) mod flush_epochs;
pub(crate) mod hold;
mod item_accounts;
mod item_sizes;
mod kept_items;
pub(crate) mod linked_items;
mod linked_recount;
pub(crate) mod recovery;
mod relocation;
