//! A copy of an item's key, for while the item may move.

use alloc::boxed::Box;

use crate::item::hashed_key::HashedKey;
use crate::limits::KEY_BYTES_MAX;

/// A copy of a key. Only a key of more than 250 bytes is allocated.
pub(crate) struct KeyCopy {
    short: [u8; KEY_BYTES_MAX],
    len: usize,
    /// A longer key.
    long: Option<Box<[u8]>>,
    database: u8,
    hash: u64,
}

impl KeyCopy {
    pub(crate) fn new(key: HashedKey<'_>) -> KeyCopy {
        let (bytes, mut short, mut long) = (key.key(), [0; KEY_BYTES_MAX], None);
        match short.get_mut(..bytes.len()) {
            Some(room) => room.copy_from_slice(bytes),
            None => long = Some(Box::from(bytes)),
        }
        KeyCopy { short, len: bytes.len(), long, database: key.database(), hash: key.hash() }
    }

    pub(crate) fn hashed_key(&self) -> HashedKey<'_> {
        let key = self.long.as_deref().unwrap_or_else(|| &self.short[..self.len]);
        HashedKey::rejoin_in(self.database, key, self.hash)
    }
}
