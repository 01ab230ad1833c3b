//! Measures for decisions: the age of items, hits that slab classes should have, rates.
//!
//! May use: `item`, `slabs`. Must not come in: changes of items or pages.
//!
//! Start reading at `access_clock.rs`.

pub(crate) mod access_clock;
pub(crate) mod flush_epochs;
pub(crate) mod liveliness;
pub(crate) mod rate_meter;
