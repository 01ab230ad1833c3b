//! Indexes of items: by the hash of the key, and by the second of expiry.
//!
//! May use: `memory`, `slabs`. Must not come in: the content of items.
//!
//! Start reading at `hash_table.rs`, then `hints.rs`.

pub(crate) mod expiry_index;
pub(crate) mod hash_table;
pub(crate) mod hints;
pub(crate) mod key_hasher;
pub(crate) mod tag_search;
