//! What a dump has of an item.

use crate::item::Item;

/// An item, or why there is none to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    Item(Box<Item>),
    /// The ttl of the item with this key is over.
    Expired(Vec<u8>),
    /// The item with this key is stale, or a client is about to store it, or memcached's protocols
    /// cannot name it.
    Unfinished(Vec<u8>),
}

impl Record {
    /// Bytes of key and value.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Item(item) => item.bytes(),
            Self::Expired(key) | Self::Unfinished(key) => key.len() as u64,
        }
    }
}
