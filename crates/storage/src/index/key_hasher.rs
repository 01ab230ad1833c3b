//! The one hash of a key.

use ahash::RandomState;
use core::hash::{BuildHasher, Hasher};

/// Hashes keys. All shards of a server use the same seed.
///
/// The low 32 bits belong to the hash table (bucket and tag), the high 32 bits to the router that
/// chooses a shard; a table of a shard therefore sees evenly spread low bits.
#[derive(Clone)]
pub struct KeyHasher {
    state: RandomState,
}

impl KeyHasher {
    /// A hasher of its own order of keys; a secret seed keeps peers from finding collisions.
    pub fn new(seed: u64) -> KeyHasher {
        // Four words out of one: odd multiples of the golden ratio, distinct for every seed.
        let word = |n: u64| seed.wrapping_add(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        KeyHasher { state: RandomState::with_seeds(word(1), word(2), word(3), word(4)) }
    }

    /// Hash of a key.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}
