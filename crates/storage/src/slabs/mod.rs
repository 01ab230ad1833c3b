//! Slab classes: pages cut into chunks of one size.
//!
//! The pages of a store, the chunks that its classes hand out and take back, and what each class
//! keeps: counts, costs, candidates for eviction.
//!
//! May use: `memory`, `item`. Must not come in: keys, and decisions about what is evicted or which
//! page moves.
//!
//! Start reading at `slab_allocator.rs`, then `slab_class.rs`.

pub(crate) mod candidates;
pub(crate) mod class_costs;
mod class_pages;
mod class_segments;
mod kept_classes;
mod kept_pages;
pub(crate) mod page_record;
pub(crate) mod page_search;
pub(crate) mod page_stock;
mod prefetched_samples;
pub(crate) mod refusals;
pub(crate) mod sample;
pub(crate) mod slab_allocator;
pub(crate) mod slab_class;
pub(crate) mod slab_recount;
pub(crate) mod stats;
