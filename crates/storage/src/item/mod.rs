//! The layout of one item: its fields in bytes, the chain of chunks of a long value, the word that
//! notes its reads.
//!
//! May use: `memory`. Must not come in: where chunks come from, and how an item is found.
//!
//! Start reading at `item.rs` (the layout), then `item_ref.rs`.

pub(crate) mod access;
pub(crate) mod chain;
pub(crate) mod chunk_sizes;
pub(crate) mod item;
pub(crate) mod item_head;
pub(crate) mod item_ref;
pub(crate) mod item_size_limit;
pub(crate) mod item_sizes;
