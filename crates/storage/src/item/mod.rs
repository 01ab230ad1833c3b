//! The layout of an item in memory.
//!
//! Its fields, the chain of chunks of a long value, the word that counts its reads, and the chunk
//! sizes that it is cut into.
//!
//! May use: `memory`. Must not come in: where chunks come from, and how an item is found.
//!
//! Start reading at `chunk.rs` (the layout), then `item_ref.rs`.

pub(crate) mod access;
pub(crate) mod body;
pub(crate) mod chain;
pub(crate) mod chunk;
pub(crate) mod chunk_sizes;
pub(crate) mod eviction_order;
pub(crate) mod expiry;
mod extension;
pub(crate) mod hashed_key;
pub(crate) mod item_fields;
pub(crate) mod item_head;
pub(crate) mod item_ref;
pub(crate) mod item_shape;
pub(crate) mod item_size_limit;
pub(crate) mod kept_item;
pub(crate) mod key_copy;
pub(crate) mod segment;
