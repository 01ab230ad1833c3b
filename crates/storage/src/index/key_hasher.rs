//! The hash of a key.

use ahash::RandomState;
use core::hash::{BuildHasher, Hasher};

use crate::item::hashed_key::HashedKey;
use crate::item::item_ref::ItemRef;
use crate::limits::DATABASES;

/// What distinguishes the hashes of the same key in several databases.
const DATABASE_HASHES: [u64; DATABASES as usize] = {
    let mut hashes = [0; DATABASES as usize];
    let mut database = 1;
    while database < hashes.len() {
        hashes[database] = mixed(database as u64);
        database += 1;
    }
    hashes
};

/// A number each of whose bits depends on all bits of `word` (`SplitMix64`).
const fn mixed(word: u64) -> u64 {
    let word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

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

    /// Hashes a key of database 0.
    #[inline]
    pub fn hash<'a>(&self, key: &'a [u8]) -> HashedKey<'a> {
        self.hash_in(0, key)
    }

    /// Hashes a key of memcached's protocols: 1 to 250 bytes of database 0.
    #[expect(clippy::inline_always, reason = "each request does this")]
    #[inline(always)]
    pub fn hash_plain<'a>(&self, key: &'a [u8]) -> HashedKey<'a> {
        HashedKey::rejoin(key, self.hash_bytes(key))
    }

    /// Hashes a key of any database, below 16.
    #[inline]
    pub fn hash_in<'a>(&self, database: u8, key: &'a [u8]) -> HashedKey<'a> {
        let hash = self.hash_bytes(key) ^ DATABASE_HASHES[usize::from(database)];
        HashedKey::rejoin_in(database, key, hash)
    }

    /// The hash of an item's key.
    #[expect(clippy::inline_always, reason = "each delete and split does this")]
    #[inline(always)]
    pub(crate) fn hash_of(&self, item: ItemRef<'_>) -> u64 {
        if item.is_simple() {
            return self.hash_bytes(item.key());
        }
        self.hash_of_others(item)
    }

    #[inline(never)]
    fn hash_of_others(&self, item: ItemRef<'_>) -> u64 {
        self.hash_in(item.database(), item.key()).hash()
    }

    #[expect(clippy::inline_always, reason = "each request does this")]
    #[inline(always)]
    fn hash_bytes(&self, key: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}
