//! One shard's store within this process, for a fast and repeatable replay without sockets.

use std::sync::Arc;

use slabcore_storage::{
    Config, CurveCounts, Expiry, HashedKey, KeyHasher, Moment, NewItem, PAGE_BYTES, PagePool,
    Region, Store, StoreOutcome, StoreVerb,
};

use crate::MissTally;
use crate::replay::trace::Verb;
use crate::replay::trace_copies::{TraceRequest, VALUE_BYTES_MAX};

/// Requests between two rounds of background work, like a busy server's turns.
const TURN_REQUESTS: u32 = 32;
/// Steps of background work in one turn, as the server's.
const MAINTAIN_STEPS: u32 = 64;
/// The seed of the hash table. A fixed one makes replays repeatable.
const HASH_SEED: u64 = 1;

/// A store with the whole of its memory and the server's default settings.
pub struct LocalStore {
    store: Store,
    pages: Arc<PagePool>,
    hasher: KeyHasher,
    requests: u32,
    filler: Vec<u8>,
}

impl LocalStore {
    /// An empty store of this many MiB (`-m`), at least 1.
    #[must_use]
    pub fn new(memory_mib: usize) -> Self {
        let region = Region::new(Box::new(vec![0_u8; memory_mib << 20]));
        let pages = Arc::new(PagePool::new(region));
        let hasher = KeyHasher::new(HASH_SEED);
        let config = Config { fair_share_pages: pages.pages_total(), ..Config::default() };
        let store = Store::new(&config, Arc::clone(&pages), hasher.clone())
            .expect("a MiB is more than the pages that a store starts with");
        Self { store, pages, hasher, requests: 0, filler: vec![b'v'; VALUE_BYTES_MAX as usize] }
    }

    /// Plays requests as a cache-aside client does, `speed` seconds of the trace in one second of
    /// the store, and returns their counts; a server that is sent a trace without pauses sees it at
    /// some hundreds. Panics as [`play_counting`](Self::play_counting).
    pub fn play(&mut self, requests: impl Iterator<Item = TraceRequest>, speed: u32) -> MissTally {
        let mut tally = MissTally::default();
        let count = |get: &TraceRequest, hit| tally.count(get.value_bytes, hit);
        tally.refused = self.play_counting(requests, speed, count);
        tally
    }

    /// As [`play`](Self::play), but tells `count` each get and whether it hit, and returns how many
    /// sets were refused. Panics if a hit is not the last write, or if `speed` is 0.
    pub fn play_counting(
        &mut self,
        requests: impl Iterator<Item = TraceRequest>,
        speed: u32,
        mut count: impl FnMut(&TraceRequest, bool),
    ) -> u64 {
        let mut refused = 0;
        for request in requests {
            // A running server has no second 0.
            let now = request.time_s / speed + 1;
            let key = request.key_text();
            let hashed = self.hasher.hash(&key);
            let write = match request.verb {
                Verb::Get => {
                    let hit =
                        self.store.get(Moment::at(now), hashed).ok().map(|item| item.value_len());
                    if let Some(bytes) = hit {
                        assert_eq!(bytes, request.value_bytes as usize, "key {}", request.key);
                    }
                    count(&request, hit.is_some());
                    hit.is_none()
                }
                Verb::Set => true,
                Verb::Delete => {
                    // Deleting an absent key changes nothing.
                    let _ = self.store.delete(Moment::at(now), hashed);
                    false
                }
            };
            if write && !self.store(now, hashed, request.value_bytes as usize, 0) {
                refused += 1;
            }
            self.end_request(now);
        }
        refused
    }

    /// Sets an item whose value has this many bytes, at most [`VALUE_BYTES_MAX`]; it expires after
    /// `ttl_s` seconds, or never for 0. Returns false if it was refused for lack of memory.
    pub fn set(&mut self, now: u32, key: &[u8], value_bytes: usize, ttl_s: u32) -> bool {
        let exptime = if ttl_s == 0 { 0 } else { now + ttl_s };
        let stored = self.store(now, self.hasher.hash(key), value_bytes, exptime);
        self.end_request(now);
        stored
    }

    fn store(&mut self, now: u32, key: HashedKey<'_>, bytes: usize, exptime: u32) -> bool {
        let item =
            NewItem { key, value: &self.filler[..bytes], flags: 0, expiry: Expiry::at(exptime) };
        let stored =
            self.store.store(Moment::at(now), &item, StoreVerb::Set) == StoreOutcome::Stored;
        if !stored {
            // A refused set leaves no older value behind.
            let _ = self.store.delete(Moment::at(now), key);
        }
        stored
    }

    fn end_request(&mut self, now: u32) {
        self.requests += 1;
        if self.requests == TURN_REQUESTS {
            self.requests = 0;
            self.store.maintain(Moment::at(now), MAINTAIN_STEPS);
        }
    }

    /// What was read and missed, here and in the simulations of other sizes.
    #[must_use]
    pub fn curve_counts(&self) -> CurveCounts {
        self.store.curve_counts().0
    }

    /// Items that it holds.
    #[must_use]
    pub fn curr_items(&self) -> u64 {
        self.store.stats().curr_items
    }

    /// Bytes of the pages that are not free, those of the hash table included.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        ((self.pages.pages_total() - self.pages.pages_free()) * PAGE_BYTES) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(verb: Verb, key: u64, value_bytes: u32) -> TraceRequest {
        TraceRequest { time_s: 5, verb, value_bytes, key }
    }

    #[test]
    fn a_miss_is_filled_and_a_delete_empties() {
        let mut store = LocalStore::new(1);
        let requests = [
            request(Verb::Get, 1, 100),
            request(Verb::Get, 1, 100),
            request(Verb::Set, 1, 50),
            request(Verb::Get, 1, 50),
            request(Verb::Delete, 1, 0),
            request(Verb::Get, 1, 50),
        ];
        let tally = store.play(requests.into_iter(), 1);
        assert_eq!((tally.gets, tally.misses, tally.refused), (4, 2, 0));
        assert_eq!((tally.get_bytes, tally.miss_bytes), (300, 150));
        assert_eq!(store.curr_items(), 1);
    }

    #[test]
    fn a_full_store_evicts_and_keeps_to_its_memory() {
        let mut store = LocalStore::new(1);
        let tally = store.play((0..20_000).map(|key| request(Verb::Get, key, 100)), 1);
        assert_eq!((tally.misses, tally.refused), (20_000, 0));
        assert!((3_000..10_000).contains(&store.curr_items()), "{}", store.curr_items());
        assert!(store.used_bytes() <= 1 << 20);
    }
}
