//! A store with its hasher and a clock that tests move.

use std::sync::Arc;

use slabcore_storage::{
    Config, Expiry, KeyHasher, Miss, Moment, NewItem, PAGE_BYTES, PagePool, Region, Store,
    StoreOutcome, StoreVerb,
};

pub(super) fn pool(pages: usize) -> Arc<PagePool> {
    Arc::new(PagePool::new(Region::new(Box::new(vec![0x5a_u8; pages * PAGE_BYTES]))))
}

/// A value in which no two parts are equal.
pub(super) fn pattern(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|n| (n as u8).wrapping_mul(31) ^ (n >> 8) as u8 ^ seed as u8).collect()
}

pub(super) struct Shard {
    pub(super) store: Store,
    pub(super) hasher: KeyHasher,
    pub(super) now: u32,
}

impl Shard {
    pub(super) fn new(config: &Config, pool: &Arc<PagePool>) -> Shard {
        let hasher = KeyHasher::new(1);
        let store = Store::new(config, Arc::clone(pool), hasher.clone()).unwrap();
        Shard { store, hasher, now: 1 }
    }

    pub(super) fn store(&mut self, key: &str, value: &[u8], verb: StoreVerb) -> StoreOutcome {
        let key = self.hasher.hash(key.as_bytes());
        let item = NewItem { key, value, flags: 0, expiry: Expiry::NEVER };
        self.store.store(Moment::at(self.now), &item, verb)
    }

    pub(super) fn delete(&mut self, key: &str) {
        let hashed = self.hasher.hash(key.as_bytes());
        let _ = self.store.delete(Moment::at(self.now), hashed);
    }

    /// Stores a value under two keys, the chunks of both in turn.
    pub(super) fn store_side_by_side(&mut self, keys: [&str; 2], value: &[u8]) {
        let mut reservations = keys.map(|key| {
            let hashed = self.hasher.hash(key.as_bytes());
            self.store.reserve(Moment::at(self.now), hashed, 0, Expiry::NEVER, value.len()).unwrap()
        });
        while reservations.iter().any(|reservation| reservation.missing() > 0) {
            for reservation in &mut reservations {
                let at = value.len() - reservation.missing();
                let room = self.store.spare(Moment::at(self.now), reservation).unwrap();
                let len = room.len();
                room.copy_from_slice(&value[at..at + len]);
                self.store.advance(reservation, len);
            }
        }
        for reservation in reservations {
            let outcome = self.store.commit(Moment::at(self.now), reservation, StoreVerb::Set);
            assert_eq!(outcome, StoreOutcome::Stored);
        }
    }

    /// Whether the key has this value.
    pub(super) fn has_value(&mut self, key: &str, value: &[u8]) -> bool {
        let hashed = self.hasher.hash(key.as_bytes());
        let Ok(item) = self.store.get(Moment::at(self.now), hashed) else { return false };
        let rest = item.value_parts().try_fold(value, |rest, part| rest.strip_prefix(part));
        rest.is_some_and(<[u8]>::is_empty)
    }

    pub(super) fn set(&mut self, key: &str, len: usize, exptime: u32) -> StoreOutcome {
        let value = vec![b'v'; len];
        let key = self.hasher.hash(key.as_bytes());
        let item = NewItem { key, value: &value, flags: 0, expiry: Expiry::at(exptime) };
        self.store.store(Moment::at(self.now), &item, StoreVerb::Set)
    }

    pub(super) fn get(&mut self, key: &str) -> Result<usize, Miss> {
        let hashed = self.hasher.hash(key.as_bytes());
        self.store.get(Moment::at(self.now), hashed).map(|item| item.value_len())
    }

    pub(super) fn fill(&mut self, prefix: &str, items: usize, len: usize) -> usize {
        (0..items)
            .filter(|n| self.set(&format!("{prefix}{n}"), len, 0) == StoreOutcome::Stored)
            .count()
    }

    /// As [`Self::hits`], but takes no dead item back.
    pub(super) fn live(&self, prefix: &str, items: usize) -> usize {
        let keys = (0..items).map(|n| format!("{prefix}{n}"));
        let is_live = |key: &String| {
            self.store.is_live(Moment::at(self.now), self.hasher.hash(key.as_bytes()))
        };
        keys.filter(is_live).count()
    }

    pub(super) fn hits(&mut self, prefix: &str, items: usize) -> usize {
        (0..items).filter(|n| self.get(&format!("{prefix}{n}")).is_ok()).count()
    }
}
