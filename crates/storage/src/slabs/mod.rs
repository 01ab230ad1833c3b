//! Slab classes: pages cut into chunks, the counts of each class, its candidates for eviction.
//!
//! May use: `memory`, `item`. Must not come in: keys, and the choice of what is evicted.
//!
//! Start reading at `slab_allocator.rs`.

pub(crate) mod candidates;
pub(crate) mod slab_allocator;
pub(crate) mod slab_class;
pub(crate) mod stats;
