//! The bytes of all items, and the pages that they are cut into.
//!
//! May use: `limits`. Must not come in: what a page is used for.
//!
//! Start reading at `region.rs`, then `page_pool.rs`.

#[cfg(test)]
pub(crate) mod cuts;
pub(crate) mod page;
pub(crate) mod page_directory;
pub(crate) mod page_pool;
#[cfg(test)]
mod page_pool_tests;
pub(crate) mod region;
pub(crate) mod shard_record;
