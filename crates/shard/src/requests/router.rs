//! The rule that decides which shard owns a key.

use slabcore_storage::{HashedKey, KeyHasher};

use crate::requests::shard_id::ShardId;

/// A key, hashed once, and the shard that owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<'a> {
    /// The key with its hash.
    pub key: HashedKey<'a>,
    /// The shard that owns the key.
    pub shard: ShardId,
}

/// Maps keys to shards by the high half of their hash; the store uses the low half.
#[derive(Clone)]
pub struct Router {
    hasher: KeyHasher,
    shards: u64,
}

impl Router {
    /// A router over `shards` shards, 1..=[`crate::limits::SHARDS_MAX`].
    pub fn new(hasher: KeyHasher, shards: usize) -> Self {
        assert!((1..=crate::limits::SHARDS_MAX).contains(&shards));
        Self { hasher, shards: shards as u64 }
    }

    /// Hashes a key of memcached's protocols, 1 to 250 bytes of database 0, and finds its shard.
    #[inline]
    pub fn route<'a>(&self, key: &'a [u8]) -> Route<'a> {
        let key = self.hasher.hash_plain(key);
        Route { key, shard: self.shard_of(key.hash()) }
    }

    /// As [`Self::route`], for a key of any length and database, below 16.
    #[inline]
    pub fn route_in<'a>(&self, database: u8, key: &'a [u8]) -> Route<'a> {
        let key = self.hasher.hash_in(database, key);
        Route { key, shard: self.shard_of(key.hash()) }
    }

    /// The shard of a key with this hash.
    #[inline]
    pub fn shard_of(&self, hash: u64) -> ShardId {
        ShardId((((hash >> 32) * self.shards) >> 32) as u8)
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.shards as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_evenly_and_stay_in_range() {
        for shards in [1, 2, 3, 7, 64] {
            let router = Router::new(KeyHasher::new(7), shards);
            let mut counts = std::vec![0_u32; shards];
            for number in 0..6_400_u32 {
                counts[router.route(&number.to_le_bytes()).shard.index()] += 1;
            }
            let fair = 6_400 / shards as u32;
            assert!(counts.iter().all(|&count| count > fair / 2 && count < fair * 2), "{counts:?}");
        }
    }
}
