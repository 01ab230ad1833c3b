//! A key together with its database and its hash.

use crate::item::chunk::KEY_LEN_FREE;
use crate::limits::{DATABASES, KEY_BYTES_MAX};

/// A key, the database that it is in, and its hash. Only a [`KeyHasher`](crate::KeyHasher) makes
/// one from a key, so no store is asked for a key under the hash of another one.
///
/// Keys are equal if bytes and database are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashedKey<'a> {
    key: &'a [u8],
    hash: u64,
    database: u8,
    /// See [`Self::code`].
    code: u8,
}

impl<'a> HashedKey<'a> {
    /// Joins a key of database 0 and its hash again that were kept or sent apart, as bytes.
    ///
    /// The hash must be that of a `HashedKey` of the same key, from the same hasher. That holds for
    /// bytes that do not leave the process. Debug builds check it at each lookup.
    #[inline]
    pub const fn rejoin(key: &'a [u8], hash: u64) -> Self {
        Self::rejoin_in(0, key, hash)
    }

    /// As [`Self::rejoin`], for a key of any database, below 16.
    #[inline]
    pub const fn rejoin_in(database: u8, key: &'a [u8], hash: u64) -> Self {
        debug_assert!(database < DATABASES);
        let is_plain = database == 0 && key.len().wrapping_sub(1) < KEY_BYTES_MAX;
        let code = if is_plain { key.len() as u8 } else { KEY_LEN_FREE };
        Self { key, hash, database, code }
    }

    /// The key.
    #[inline]
    pub const fn key(self) -> &'a [u8] {
        self.key
    }

    /// Its database.
    #[inline]
    pub const fn database(self) -> u8 {
        self.database
    }

    /// Its hash.
    #[inline]
    pub const fn hash(self) -> u64 {
        self.hash
    }

    /// The key length of an item that needs no extension for this key, or 0 if each does.
    #[inline]
    pub(super) const fn code(self) -> u8 {
        self.code
    }
}
