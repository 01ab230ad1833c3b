//! Measures that decisions about memory rest on: the age of items, their segments, the order of
//! eviction, stale classes, rates.
//!
//! May use: `item`, `slabs`. Must not come in: changes of items or pages.
//!
//! Start reading at `access_clock.rs`; `item/access.rs` says what an age means.

pub(crate) mod access_clock;
pub(crate) mod curve_counts;
mod key_sample;
pub(crate) mod miss_curve;
pub(crate) mod order_choice;
pub(crate) mod page_worth;
mod rate_meter;
pub(crate) mod segment_ages;
pub(crate) mod segment_shares;
mod shadow_cache;
pub(crate) mod stale_classes;
