//! The hash of a key, and a key together with its hash.

use ahash::RandomState;
use core::hash::{BuildHasher, Hasher};

/// Hashes keys. All shards of a server use the same seed.
///
/// The low 32 bits choose a bucket of the hash table, the 16 bits above them are the tag there, and
/// the high 32 bits choose a shard.
#[derive(Clone)]
pub struct KeyHasher {
    state: RandomState,
}

impl KeyHasher {
    /// A hasher with this seed. If the seed is secret, clients cannot find keys that collide.
    pub fn new(seed: u64) -> KeyHasher {
        // Four words from one: multiples of the golden ratio, distinct for every seed.
        let word = |n: u64| seed.wrapping_add(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        KeyHasher { state: RandomState::with_seeds(word(1), word(2), word(3), word(4)) }
    }

    /// Hashes a key.
    #[inline]
    pub fn hash<'a>(&self, key: &'a [u8]) -> HashedKey<'a> {
        let mut hasher = self.state.build_hasher();
        hasher.write(key);
        HashedKey { key, hash: hasher.finish() }
    }
}

/// A key and its hash. Only [`KeyHasher::hash`] makes one from a key, so no store is asked for a
/// key under the hash of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashedKey<'a> {
    key: &'a [u8],
    hash: u64,
}

impl<'a> HashedKey<'a> {
    /// Joins a key and its hash again that were kept or sent apart, as bytes.
    ///
    /// The hash must be that of a `HashedKey` of the same key, from the same hasher. That holds for
    /// bytes that do not leave the process. Debug builds check it at each lookup.
    #[inline]
    pub const fn rejoin(key: &'a [u8], hash: u64) -> Self {
        Self { key, hash }
    }

    /// The key.
    #[inline]
    pub const fn key(self) -> &'a [u8] {
        self.key
    }

    /// Its hash.
    #[inline]
    pub const fn hash(self) -> u64 {
        self.hash
    }
}
