//! How an item is found: by its key's hash, and by the second at which it expires.
//!
//! May use: `memory`. Must not come in: the content of items.
//!
//! Start reading at `hash_table.rs`.

pub(crate) mod expiry_index;
pub(crate) mod hash_table;
pub(crate) mod hints;
pub(crate) mod key_hasher;
pub(crate) mod tag_search;
