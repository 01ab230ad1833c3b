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
    place: KeyPlace,
}

/// Which database a key is in, and whether it is a plain one: what [`HashedKey::rejoin_at`] needs
/// beside key and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPlace {
    database: u8,
    /// See [`HashedKey::code`].
    code: u8,
}

impl<'a> HashedKey<'a> {
    /// Joins a key of memcached's protocols and its hash again that were kept or sent apart, as
    /// bytes. The key has 1 to 250 bytes, and is in database 0.
    ///
    /// The hash must be that of a `HashedKey` of the same key, from the same hasher. That holds for
    /// bytes that do not leave the process. Debug builds check it at each lookup.
    #[inline]
    pub const fn rejoin(key: &'a [u8], hash: u64) -> Self {
        debug_assert!(is_plain(0, key));
        Self { key, hash, place: KeyPlace { database: 0, code: key.len() as u8 } }
    }

    /// As [`Self::rejoin`], for a key of any length and database, below 16.
    #[inline]
    pub const fn rejoin_in(database: u8, key: &'a [u8], hash: u64) -> Self {
        debug_assert!(database < DATABASES);
        let code = if is_plain(database, key) { key.len() as u8 } else { KEY_LEN_FREE };
        Self { key, hash, place: KeyPlace { database, code } }
    }

    /// As [`Self::rejoin`], for the key of a `HashedKey` that had this place.
    #[inline]
    pub const fn rejoin_at(place: KeyPlace, key: &'a [u8], hash: u64) -> Self {
        Self { key, hash, place }
    }

    /// The place of the key.
    #[inline]
    pub const fn place(self) -> KeyPlace {
        self.place
    }

    /// The key.
    #[inline]
    pub const fn key(self) -> &'a [u8] {
        self.key
    }

    /// Its database.
    #[inline]
    pub const fn database(self) -> u8 {
        self.place.database
    }

    /// Its hash.
    #[inline]
    pub const fn hash(self) -> u64 {
        self.hash
    }

    /// The key length that a plain item of this key notes. 0, which no item has: each item of this
    /// key is extended.
    #[inline]
    pub(super) const fn code(self) -> u8 {
        self.place.code
    }
}

/// Whether an item of this key needs no extension for it.
#[inline]
const fn is_plain(database: u8, key: &[u8]) -> bool {
    database == 0 && key.len().wrapping_sub(1) < KEY_BYTES_MAX
}
