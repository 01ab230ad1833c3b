//! A store that is full, as a cache is nearly always, and the traffic to it.

use slabcore_storage::{Config, Expiry, Moment, PAGE_BYTES, Reservation, StoreOutcome, StoreVerb};

use crate::shard::{Shard, pool};

/// Bytes of an item in the count of a turnover, besides its value: its key, its header and its part
/// of the hash table.
pub(super) const ITEM_BYTES: usize = 30;
/// Requests between two rounds of background work, like a busy server's turns.
const TURN_REQUESTS: u64 = 32;
/// Requests in a second.
const REQUESTS_PER_SECOND: u64 = 1_000;

/// A full store, and other clients' traffic to it.
pub(super) struct FullStore {
    pub(super) shard: Shard,
    /// Bytes of the values that other clients store, in turn.
    lens: Vec<usize>,
    pub(super) memory_bytes: usize,
    requests: u64,
    random: u64,
}

impl FullStore {
    /// A store that other clients have filled twice.
    pub(super) fn new(pages: usize, lens: &[usize]) -> FullStore {
        let config = Config { fair_share_pages: pages, ..Config::default() };
        FullStore::with(Shard::new(&config, &pool(pages)), pages * PAGE_BYTES, lens)
    }

    pub(super) fn with(shard: Shard, memory_bytes: usize, lens: &[usize]) -> FullStore {
        let lens = lens.to_vec();
        let mut store = FullStore { shard, lens, memory_bytes, requests: 0, random: 1 };
        store.let_others_store(2 * memory_bytes);
        store
    }

    /// A random number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) as usize % bound
    }

    /// Another client stores an item with a new key. Returns its bytes.
    pub(super) fn let_other_store(&mut self) -> usize {
        let number = self.requests as usize;
        let len = self.lens[number % self.lens.len()];
        self.set(&format!("other{number}"), len);
        len + ITEM_BYTES
    }

    /// Other clients store this many bytes.
    pub(super) fn let_others_store(&mut self, bytes: usize) {
        let mut stored = 0;
        while stored < bytes {
            stored += self.let_other_store();
        }
    }

    pub(super) fn set(&mut self, key: &str, len: usize) {
        assert_eq!(self.shard.set(key, len, 0), StoreOutcome::Stored, "{len} bytes");
        self.end_request();
    }

    pub(super) fn hits(&mut self, key: &str) -> bool {
        let hit = self.shard.get(key).is_ok();
        self.end_request();
        hit
    }

    /// Begins to receive a value that arrives in parts.
    pub(super) fn reserve(&mut self, key: &str, len: usize) -> Reservation {
        let hashed = self.shard.hasher.hash(key.as_bytes());
        self.shard.store.reserve(Moment::at(self.shard.now), hashed, 0, Expiry::NEVER, len).unwrap()
    }

    /// Receives the next part of this value, of 16 KiB at most.
    pub(super) fn receive(&mut self, arriving: &mut Reservation, value: &[u8]) {
        let at = value.len() - arriving.missing();
        let room = self.shard.store.spare(Moment::at(self.shard.now), arriving).unwrap();
        let part = room.len().min(16 << 10);
        room[..part].copy_from_slice(&value[at..at + part]);
        self.shard.store.advance(arriving, part);
    }

    /// Stores the value that has arrived.
    pub(super) fn commit(&mut self, arrived: Reservation) {
        let outcome = self.shard.store.commit(Moment::at(self.shard.now), arrived, StoreVerb::Set);
        assert_eq!(outcome, StoreOutcome::Stored);
    }

    fn end_request(&mut self) {
        self.requests += 1;
        self.shard.now += u32::from(self.requests.is_multiple_of(REQUESTS_PER_SECOND));
        if self.requests.is_multiple_of(TURN_REQUESTS) {
            self.shard.store.maintain(Moment::at(self.shard.now), 64);
        }
    }
}
