//! What leaves a store: dead items, and live items when memory is needed.
//!
//! The age of items by the clock of accesses, the search for the item that costs most to keep, the
//! crawler for expired and flushed items, and the emptying of a page.
//!
//! May use: `memory` to `linked`. Must not come in: which page moves to where, and allocation.
//!
//! Start reading at `eviction.rs`, then `victims.rs`.

mod crawl;
mod emptying;
pub(crate) mod event_log;
pub(crate) mod eviction;
pub(crate) mod victims;
