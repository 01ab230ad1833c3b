//! What the Redis dialect asks of the keys of a database.

use alloc::vec::Vec;

use slabcore_storage::{Expiry, HashedKey, ItemRef, NewItem, StoreOutcome, StoreVerb};

use crate::execution::shard::Shard;
use crate::execution::string_values::{bytes_of, version_of};
use crate::requests::clock::Now;

/// A copy of an item, without its key.
#[derive(Debug, Clone)]
pub struct CopiedItem {
    value: Vec<u8>,
    flags: u32,
    expiry: Expiry,
}

/// How many items of a sample expire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpirySample {
    /// Items looked at.
    pub items: u64,
    /// Those among them that expire.
    pub expiring: u64,
    /// Milliseconds that these have left, in sum.
    pub left_ms: u64,
}

impl Shard {
    /// Whether a key has a live item.
    pub fn is_live(&self, now: Now, key: HashedKey<'_>) -> bool {
        self.store.is_live(now.moment(), key)
    }

    /// Removes the item of a key, if it has one, without counting it.
    pub fn remove(&mut self, now: Now, key: HashedKey<'_>) {
        // Without one there is nothing to do.
        let _ = self.store.discard(now.moment(), key);
    }

    /// A number that changes with each change of a key's item. `None`: it has none.
    pub fn version(&mut self, now: Now, key: HashedKey<'_>) -> Option<i64> {
        self.store.peek_with_cas(now.moment(), key).ok().map(|item| version_of(&item))
    }

    /// Copies the item of a key.
    pub fn copy_out(&mut self, now: Now, key: HashedKey<'_>) -> Option<CopiedItem> {
        let item = self.store.peek(now.moment(), key).ok()?;
        let (flags, expiry) = (item.flags(), item.expiry());
        Some(CopiedItem { value: bytes_of(&item), flags, expiry })
    }

    /// Stores a copy under a key, in place of its item. False if there is no memory.
    pub fn put_copy(&mut self, now: Now, key: HashedKey<'_>, copied: &CopiedItem) -> bool {
        let &CopiedItem { ref value, flags, expiry } = copied;
        let item = NewItem { key, value, flags, expiry };
        let outcome = self.store.store(now.moment(), &item, StoreVerb::Set);
        if outcome == StoreOutcome::Stored {
            self.store.count_set();
        }
        outcome == StoreOutcome::Stored
    }

    /// Items of a database. Expired ones count until they are found.
    pub fn items_in(&self, database: u8) -> u64 {
        self.store.items_in(database)
    }

    /// Makes all items of a database misses.
    pub fn flush_database(&mut self, database: u8) {
        self.store.flush_database(database);
    }

    /// Shows live items of a database, see [`slabcore_storage::Store::scan`].
    pub fn scan(
        &self,
        now: Now,
        cursor: u64,
        database: u8,
        looks: usize,
        show: impl FnMut(ItemRef<'_>),
    ) -> u64 {
        self.store.scan(now.moment(), cursor, database, looks, show)
    }

    /// A key of a database, of those that follow a random place. `None`: it has none.
    pub fn random_key(&self, now: Now, database: u8, random: u64) -> Option<Vec<u8>> {
        if self.items_in(database) == 0 {
            return None;
        }
        let mut found: Vec<Vec<u8>> = Vec::new();
        // From the random place to the end, then from the begin.
        for begin in [random & u64::from(u32::MAX), 0] {
            let mut cursor = begin;
            loop {
                cursor = self.scan(now, cursor, database, 1, |item| found.push(item.key().into()));
                if !found.is_empty() {
                    let chosen = (random >> 32) as usize % found.len();
                    return Some(found.swap_remove(chosen));
                }
                if cursor == 0 {
                    break;
                }
            }
        }
        None
    }

    /// Looks at some items of a database: until it has seen `items`, or has looked at `looks`
    /// items and buckets.
    pub fn sample_expiring(
        &self,
        now: Now,
        database: u8,
        items: usize,
        looks: usize,
    ) -> ExpirySample {
        let mut sample = ExpirySample::default();
        let (mut cursor, mut looked) = (0, 0);
        while sample.items < self.items_in(database).min(items as u64) && looked < looks {
            cursor = self.scan(now, cursor, database, items, |item| {
                sample.items += 1;
                if !item.expiry().is_never() {
                    sample.expiring += 1;
                    let left = now.unix_ms_of(item.expiry()) - now.unix_ms();
                    sample.left_ms += left.max(0).cast_unsigned();
                }
            });
            looked += items;
            if cursor == 0 {
                break;
            }
        }
        sample
    }
}
