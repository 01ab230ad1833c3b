//! Random operations on a tiny store, compared with a map. The store is recounted after each.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use slabcore_storage::{
    ArithmeticError, Config, Delta, Expiry, Hold, ItemRef, KeyHasher, Miss, Moment, NewItem,
    PAGE_BYTES, PagePool, PageWish, Region, Reservation, SlabClassId, Store, StoreOutcome,
    StoreVerb,
};

/// Size of the search. Miri is slow, so it runs little.
const CASES: u32 = if cfg!(miri) { 1 } else { 256 };
const OPS_MAX: usize = if cfg!(miri) { 15 } else { 120 };
/// Keys that the operations use. Most tests use only the first twelve.
const KEYS: u8 = 120;
const PAGES: usize = if cfg!(miri) { 60 } else { 600 };

/// The item of a key in the map.
#[derive(Clone, Debug)]
struct ModelItem {
    value: Vec<u8>,
    flags: u32,
    exptime: u32,
    /// The item's unique, if the store has returned it.
    unique: Option<u64>,
}

#[derive(Clone, Debug)]
enum Op {
    Store {
        key: u8,
        len: usize,
        flags: u32,
        ttl: u32,
        verb: u8,
    },
    Arithmetic {
        key: u8,
        delta: u64,
        incr: bool,
    },
    StoreNumber {
        key: u8,
        number: u64,
    },
    Get {
        key: u8,
        with_cas: bool,
    },
    Touch {
        key: u8,
        ttl: u32,
        read: bool,
    },
    Delete {
        key: u8,
    },
    Flush,
    Tick {
        seconds: u32,
    },
    Reserve {
        key: u8,
        len: usize,
        flags: u32,
        ttl: u32,
    },
    Write {
        chunks: usize,
    },
    Commit {
        verb: u8,
    },
    Abandon,
    Hold {
        key: u8,
    },
    Release,
    Grant {
        pages: usize,
    },
    Maintain {
        budget: u32,
    },
    /// Moves the limit to so many pages above the fewest, and does all background work.
    Limit {
        pages: usize,
    },
    Protect {
        ttl: u32,
    },
    /// `from` 0 means a free page.
    Reassign {
        from: usize,
        to: usize,
    },
}

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0..200_usize, 3 => 200..20_000_usize, 2 => 30_000..34_000_usize,
        2 => 34_000..3 * PAGE_BYTES]
}

fn ops() -> impl Strategy<Value = Op> {
    let (key, ttl) = (|| 0..12_u8, || prop_oneof![3 => Just(0_u32), 2 => 1..20_u32]);
    let flags = || prop_oneof![Just(0_u32), Just(7), Just(300), Just(u32::MAX)];
    prop_oneof![
        12 => (key(), lengths(), flags(), ttl(), 0..6_u8)
            .prop_map(|(key, len, flags, ttl, verb)| Op::Store { key, len, flags, ttl, verb }),
        2 => (key(), any::<u64>(), any::<bool>())
            .prop_map(|(key, delta, incr)| Op::Arithmetic { key, delta: delta >> 20, incr }),
        2 => (key(), any::<u64>())
            .prop_map(|(key, n)| Op::StoreNumber { key, number: n >> (n % 64) }),
        4 => (key(), any::<bool>()).prop_map(|(key, with_cas)| Op::Get { key, with_cas }),
        3 => (key(), ttl(), any::<bool>())
            .prop_map(|(key, ttl, read)| Op::Touch { key, ttl, read }),
        2 => key().prop_map(|key| Op::Delete { key }),
        1 => Just(Op::Flush),
        1 => (1..5_u32).prop_map(|seconds| Op::Tick { seconds }),
        2 => (key(), lengths(), flags(), ttl())
            .prop_map(|(key, len, flags, ttl)| Op::Reserve { key, len, flags, ttl }),
        4 => (1..4_usize).prop_map(|chunks| Op::Write { chunks }),
        2 => (0..6_u8).prop_map(|verb| Op::Commit { verb }),
        1 => Just(Op::Abandon),
        2 => key().prop_map(|key| Op::Hold { key }),
        2 => Just(Op::Release),
        1 => (0..4_usize).prop_map(|pages| Op::Grant { pages }),
        2 => (0..40_u32).prop_map(|budget| Op::Maintain { budget }),
        1 => (0..20_u32).prop_map(|ttl| Op::Protect { ttl }),
        2 => (0..PAGES).prop_map(|pages| Op::Limit { pages }),
        1 => (0..60_usize, 0..60_usize).prop_map(|(from, to)| Op::Reassign { from, to }),
    ]
}

/// Four values that grow at both ends to chains of many chunks, and small items of changing sizes.
/// Pages must move for the small ones.
fn join_ops() -> impl Strategy<Value = Op> {
    let (long, small) = (|| 0..4_u8, || 12..KEYS);
    let lengths = || prop_oneof![1 => 0..200_usize, 3 => 5_000..50_000_usize];
    let small_lengths = prop_oneof![20..60_usize, 200..300_usize, 3_000..4_000_usize];
    let verbs = || prop_oneof![1 => Just(0_u8), 4 => Just(3), 4 => Just(4)];
    prop_oneof![
        12 => (long(), lengths(), verbs())
            .prop_map(|(key, len, verb)| Op::Store { key, len, flags: 0, ttl: 0, verb }),
        20 => (small(), small_lengths)
            .prop_map(|(key, len)| Op::Store { key, len, flags: 0, ttl: 0, verb: 0 }),
        4 => small().prop_map(|key| Op::Delete { key }),
        2 => (long(), any::<bool>()).prop_map(|(key, with_cas)| Op::Get { key, with_cas }),
        1 => (long(), 5..20_u32).prop_map(|(key, ttl)| Op::Touch { key, ttl, read: false }),
        1 => Just(Op::Tick { seconds: 2 }),
        3 => (long(), lengths())
            .prop_map(|(key, len)| Op::Reserve { key, len, flags: 0, ttl: 0 }),
        3 => verbs().prop_map(|verb| Op::Commit { verb }),
        1 => long().prop_map(|key| Op::Hold { key }),
        1 => Just(Op::Release),
        1 => (0..3_usize).prop_map(|pages| Op::Grant { pages }),
    ]
}

/// Items of a few sizes between flushes. Flushes come faster than background work takes dead items
/// back, so dead items have all marks.
fn flush_ops() -> impl Strategy<Value = Op> {
    let key = || 0..KEYS;
    let lengths =
        || prop_oneof![6 => 0..60_usize, 2 => 3_000..4_000_usize, 1 => 34_000..50_000_usize];
    prop_oneof![
        24 => (key(), lengths(), 0..5_u8)
            .prop_map(|(key, len, verb)| Op::Store { key, len, flags: 0, ttl: 0, verb }),
        4 => Just(Op::Flush),
        4 => (key(), any::<bool>()).prop_map(|(key, with_cas)| Op::Get { key, with_cas }),
        3 => (key(), 5..20_u32, any::<bool>())
            .prop_map(|(key, ttl, read)| Op::Touch { key, ttl, read }),
        1 => key().prop_map(|key| Op::Delete { key }),
        2 => (key(), lengths())
            .prop_map(|(key, len)| Op::Reserve { key, len, flags: 0, ttl: 0 }),
        2 => (0..5_u8).prop_map(|verb| Op::Commit { verb }),
        2 => key().prop_map(|key| Op::Hold { key }),
        1 => Just(Op::Release),
        1 => (0..8_u32).prop_map(|budget| Op::Maintain { budget }),
        1 => (0..60_usize, 0..60_usize).prop_map(|(from, to)| Op::Reassign { from, to }),
        1 => Just(Op::Tick { seconds: 1 }),
    ]
}

/// A value that is being written, and its whole content.
struct Stream {
    key: Vec<u8>,
    value: Vec<u8>,
    flags: u32,
    exptime: u32,
    reservation: Reservation,
    written: usize,
}

struct Pair {
    pool: Arc<PagePool>,
    store: Store,
    hasher: KeyHasher,
    model: BTreeMap<Vec<u8>, ModelItem>,
    /// Pages of the region.
    pages: usize,
    evict: bool,
    now: u32,
    seed: u8,
    uniques_told: Vec<u64>,
    stream: Option<Stream>,
    holds: Vec<(Hold, Vec<u8>)>,
}

fn parts(item: &ItemRef<'_>) -> Vec<u8> {
    let value = item.value_parts().collect::<Vec<_>>().concat();
    assert_eq!(value.len(), item.value_len());
    assert!(item.value().is_none_or(|whole| whole == value));
    value
}

fn key_of(number: u8) -> Vec<u8> {
    // Lengths from 1 to 250.
    let len = [1, 3, 10, 30, 60, 250][usize::from(number % 6)];
    let mut key = vec![b'k'; len];
    key[len - 1] = number + 1;
    key
}

impl Pair {
    fn new(pages: usize, evict: bool) -> Pair {
        let region = Region::new(Box::new(vec![0xa5_u8; pages * PAGE_BYTES]));
        let pool = Arc::new(PagePool::new(region));
        let hasher = KeyHasher::new(7);
        let config =
            Config { evict, fair_share_pages: pages, track_sizes: true, ..Config::default() };
        let store = Store::new(&config, Arc::clone(&pool), hasher.clone()).expect("pages enough");
        Pair {
            pool,
            store,
            hasher,
            model: BTreeMap::new(),
            pages,
            evict,
            now: 100,
            seed: 0,
            uniques_told: vec![],
            stream: None,
            holds: vec![],
        }
    }

    fn value(&mut self, len: usize) -> Vec<u8> {
        self.seed = self.seed.wrapping_add(1);
        // Under Miri a computed value takes most of the time.
        if cfg!(miri) {
            return vec![self.seed; len];
        }
        (0..len).map(|n| (n as u8).wrapping_mul(31) ^ (n >> 8) as u8 ^ self.seed).collect()
    }

    fn exptime(&self, ttl: u32) -> u32 {
        if ttl == 0 { 0 } else { self.now + ttl }
    }

    fn is_unpinned(&self) -> bool {
        self.stream.is_none() && self.holds.is_empty()
    }

    /// The item of a key, compared with the model. A live item may be missing only if it may have
    /// been evicted.
    fn sync(&mut self, key: &[u8]) -> Option<ModelItem> {
        let (hashed, now) = (self.hasher.hash(key), self.now);
        let known = self.model.get(key).filter(|item| item.exptime == 0 || item.exptime > now);
        match (self.store.peek(Moment::at(now), hashed), known) {
            (Ok(item), Some(known)) => {
                assert_eq!(item.key(), key);
                assert!(parts(&item) == known.value, "another value than the last written");
                assert_eq!(item.flags(), known.flags);
                assert_eq!(item.exptime(), known.exptime);
                if let Some(unique) = known.unique {
                    assert_eq!(item.cas(), unique);
                }
                Some(known.clone())
            }
            (Err(miss), Some(_)) => {
                assert_eq!(miss, Miss::NotFound);
                assert!(self.evict, "a live item is gone");
                self.model.remove(key);
                None
            }
            (Err(_), None) => {
                self.model.remove(key);
                None
            }
            (Ok(_), None) => panic!("a dead or deleted item is found"),
        }
    }

    fn verb(&self, number: u8, old: Option<&ModelItem>) -> StoreVerb {
        match number {
            0 => StoreVerb::Set,
            1 => StoreVerb::Add,
            2 => StoreVerb::Replace,
            3 => StoreVerb::Append,
            4 => StoreVerb::Prepend,
            _ => {
                let current = old.and_then(|item| item.unique);
                let told = self.uniques_told.last().copied().unwrap_or(0);
                StoreVerb::Cas(current.unwrap_or(told))
            }
        }
    }

    fn apply(&mut self, key: &[u8], new: ModelItem, verb: StoreVerb, outcome: StoreOutcome) {
        // A join that evicts the present item fails. All else was compared before.
        let old = self.model.get(key).cloned();
        let (expected, stored) = match (verb, old) {
            (StoreVerb::Set, _) | (StoreVerb::Add, None) | (StoreVerb::Replace, Some(_)) => {
                (StoreOutcome::Stored, Some(new))
            }
            (StoreVerb::Append, Some(old)) => {
                let value = [&old.value[..], &new.value[..]].concat();
                (StoreOutcome::Stored, Some(ModelItem { value, unique: None, ..old }))
            }
            (StoreVerb::Prepend, Some(old)) => {
                let value = [&new.value[..], &old.value[..]].concat();
                (StoreOutcome::Stored, Some(ModelItem { value, unique: None, ..old }))
            }
            (StoreVerb::Cas(_), None) => (StoreOutcome::NotFound, None),
            (StoreVerb::Cas(unique), Some(old)) if old.unique == Some(unique) && unique != 0 => {
                (StoreOutcome::Stored, Some(new))
            }
            (StoreVerb::Cas(_), Some(_)) => (StoreOutcome::Exists, None),
            _ => (StoreOutcome::NotStored, None),
        };
        if outcome == StoreOutcome::NoMemory {
            // Two pages, if there are eleven.
            let large_pages = (self.pool.pages_total() - 5).min(6);
            let large_bytes = large_pages * PAGE_BYTES / 3;
            let large = stored.is_some_and(|item| item.value.len() > large_bytes);
            assert!(self.evict && (large || !self.is_unpinned()), "no memory, although there is");
            return;
        }
        let too_large = stored.as_ref().is_some_and(|item| item.value.len() + 350 > 1 << 20);
        if too_large && outcome == StoreOutcome::NotStored {
            return;
        }
        assert_eq!(outcome, expected, "{verb:?}");
        if let Some(item) = stored {
            self.model.insert(key.to_vec(), item);
        }
    }

    fn store(&mut self, key: &[u8], new: ModelItem, verb: u8) {
        let old = self.sync(key);
        let verb = self.verb(verb, old.as_ref());
        let item = NewItem {
            key: self.hasher.hash(key),
            value: &new.value,
            flags: new.flags,
            expiry: Expiry::at(new.exptime),
        };
        let outcome = self.store.store(Moment::at(self.now), &item, verb);
        self.apply(key, new, verb, outcome);
    }

    fn get(&mut self, key: &[u8], with_cas: bool) {
        let known = self.sync(key);
        let (hashed, now) = (self.hasher.hash(key), self.now);
        let found = if with_cas {
            self.store.get_with_cas(Moment::at(now), hashed)
        } else {
            self.store.get(Moment::at(now), hashed)
        };
        let Ok(item) = found else {
            assert!(known.is_none());
            return;
        };
        let known = known.expect("a hit is known");
        assert!(parts(&item) == known.value);
        let unique = item.cas();
        if with_cas && unique != 0 && known.unique.is_none() {
            assert!(!self.uniques_told.contains(&unique), "a unique was told twice");
            self.uniques_told.push(unique);
            self.model.get_mut(key).unwrap().unique = Some(unique);
        }
        assert!(!with_cas || unique != 0 || self.evict);
    }

    fn touch(&mut self, key: &[u8], exptime: u32, read: bool) {
        let known = self.sync(key).is_some();
        let (hashed, now) = (self.hasher.hash(key), self.now);
        let found = if read {
            self.store
                .get_and_touch(Moment::at(now), hashed, Expiry::at(exptime), false)
                .map(|_| ())
        } else {
            self.store.touch(Moment::at(now), hashed, Expiry::at(exptime))
        };
        match found {
            Ok(()) => self.model.get_mut(key).expect("a hit is known").exptime = exptime,
            Err(_) if known => {
                assert!(self.evict, "a touch lost the item");
                self.model.remove(key);
            }
            Err(_) => {}
        }
    }

    fn arithmetic(&mut self, key: &[u8], delta: Delta) {
        let known = self.sync(key);
        let hashed = self.hasher.hash(key);
        let held = self.holds.len();
        let result = self.store.arithmetic(Moment::at(self.now), hashed, delta);
        let Some(known) = known else {
            assert_eq!(result, Err(ArithmeticError::NotFound));
            return;
        };
        let text = std::str::from_utf8(&known.value).ok().map(|text| text.trim_end_matches(' '));
        let Some(number) = text.and_then(|text| text.parse::<u64>().ok()) else {
            // Random bytes may be a number to memcached. Then the store's answer is taken.
            self.model.remove(key);
            self.store.delete(Moment::at(self.now), hashed).unwrap();
            return;
        };
        let expected = match delta {
            Delta::Incr(by) => number.wrapping_add(by),
            Delta::Decr(by) => number.saturating_sub(by),
        };
        if result == Err(ArithmeticError::NoMemory) {
            assert!(self.evict && !self.is_unpinned());
            return;
        }
        assert_eq!(result, Ok(expected));
        let exact = expected.to_string();
        let padded = format!("{exact:<len$}", len = known.value.len());
        let stored = parts(&self.store.peek(Moment::at(self.now), hashed).unwrap());
        // A held value is not padded in place. The item is replaced by one with the exact text.
        assert!(stored == padded.as_bytes() || held > 0 && stored == exact.as_bytes());
        let item = self.model.get_mut(key).unwrap();
        (item.value, item.unique) = (stored, None);
    }

    fn write(&mut self, chunks: usize) {
        let Some(stream) = &mut self.stream else { return };
        for _ in 0..chunks {
            let Ok(room) = self.store.spare(Moment::at(self.now), &mut stream.reservation) else {
                assert!(self.evict);
                return;
            };
            let len = room.len().min(7_000.max(room.len() / 2));
            room[..len].copy_from_slice(&stream.value[stream.written..][..len]);
            stream.written += len;
            self.store.advance(&mut stream.reservation, len);
        }
    }

    fn reserve(&mut self, key: Vec<u8>, len: usize, flags: u32, exptime: u32) {
        if self.stream.is_some() {
            return;
        }
        let hashed = self.hasher.hash(&key);
        match self.store.reserve(Moment::at(self.now), hashed, flags, Expiry::at(exptime), len) {
            Ok(reservation) => {
                let value = self.value(len);
                let written = 0;
                self.stream = Some(Stream { key, value, flags, exptime, reservation, written });
            }
            Err(_) => assert!(self.evict),
        }
    }

    fn commit(&mut self, verb: u8) {
        let Some(stream) = self.stream.take() else { return };
        if stream.reservation.missing() > 0 {
            self.stream = Some(stream);
            return;
        }
        let Stream { key, value, flags, exptime, reservation, .. } = stream;
        let old = self.sync(&key);
        let verb = self.verb(verb, old.as_ref());
        let outcome = self.store.commit(Moment::at(self.now), reservation, verb);
        let pinned = matches!(verb, StoreVerb::Append | StoreVerb::Prepend);
        if outcome == StoreOutcome::NoMemory && pinned {
            assert!(self.evict);
            return;
        }
        self.apply(&key, ModelItem { value, flags, exptime, unique: None }, verb, outcome);
    }

    fn hold(&mut self, key: &[u8]) {
        let known = self.sync(key);
        if self.holds.len() >= 4 {
            return;
        }
        let hold = self.store.hold(Moment::at(self.now), self.hasher.hash(key));
        assert_eq!(hold.is_some(), known.is_some());
        if let (Some(hold), Some(known)) = (hold, known) {
            self.holds.push((hold, known.value));
        }
    }

    /// Pages that neither a hold nor the reservation keeps leave the store until the limit holds.
    fn limit(&mut self, pages: usize) {
        if !self.evict {
            // Nothing would leave the store, and items would not find room.
            return;
        }
        // Two pages of the hash table, and four for items.
        let pages = 6 + pages % self.pages.saturating_sub(6);
        assert!(self.pool.set_limit(pages));
        let mut steps = 0;
        while self.store.maintain(Moment::at(self.now), 40) {
            steps += 1;
            assert!(steps < 100_000, "background work without an end");
        }
        if self.holds.is_empty() && self.stream.is_none() {
            assert_eq!(self.pool.pages_over(), 0);
        }
    }

    fn check(&self) {
        // Under Miri a recount takes half a minute, and Miri checks each access itself.
        if !cfg!(miri) {
            self.store.check().unwrap();
        }
        for (hold, value) in &self.holds {
            assert_eq!(hold.value_bytes(), value.len());
            let middle = value.len() / 2;
            for offset in [0, middle, value.len(), middle, middle / 2] {
                let mut at = offset;
                for part in hold.parts(offset) {
                    assert!(!part.is_empty() && *part == value[at..at + part.len()]);
                    at += part.len();
                }
                assert_eq!(at, value.len());
            }
        }
    }

    fn step(&mut self, op: &Op) {
        match *op {
            Op::Store { key, len, flags, ttl, verb } => {
                let (value, exptime) = (self.value(len), self.exptime(ttl));
                self.store(&key_of(key), ModelItem { value, flags, exptime, unique: None }, verb);
            }
            Op::StoreNumber { key, number } => {
                let value = number.to_string().into_bytes();
                let item = ModelItem { value, flags: 3, exptime: 0, unique: None };
                self.store(&key_of(key), item, 0);
            }
            Op::Arithmetic { key, delta, incr } => {
                let delta = if incr { Delta::Incr(delta) } else { Delta::Decr(delta) };
                self.arithmetic(&key_of(key), delta);
            }
            Op::Get { key, with_cas } => self.get(&key_of(key), with_cas),
            Op::Touch { key, ttl, read } => self.touch(&key_of(key), self.exptime(ttl), read),
            Op::Delete { key } => {
                let key = key_of(key);
                let known = self.sync(&key).is_some();
                let deleted = self.store.delete(Moment::at(self.now), self.hasher.hash(&key));
                assert_eq!(deleted.is_ok(), known);
                self.model.remove(&key);
            }
            Op::Flush => {
                self.store.flush_all();
                self.model.clear();
            }
            Op::Tick { seconds } => self.now += seconds,
            Op::Reserve { key, len, flags, ttl } => {
                self.reserve(key_of(key), len, flags, self.exptime(ttl));
            }
            Op::Write { chunks } => self.write(chunks),
            Op::Commit { verb } => {
                self.write(100);
                self.commit(verb);
            }
            Op::Abandon => {
                if let Some(stream) = self.stream.take() {
                    self.store.abandon(stream.reservation);
                }
            }
            Op::Hold { key } => self.hold(&key_of(key)),
            Op::Release => {
                if let Some((hold, _)) = self.holds.pop() {
                    self.store.release(hold);
                }
            }
            Op::Grant { pages } => {
                let worth = if pages.is_multiple_of(2) { u64::MAX } else { 1 << 40 };
                self.store.grant(PageWish { pages: pages as u32, worth });
            }
            Op::Maintain { budget } => {
                self.store.maintain(Moment::at(self.now), budget);
            }
            Op::Limit { pages } => self.limit(pages),
            Op::Protect { ttl } => self.store.set_temporary_ttl(ttl),
            Op::Reassign { from: 0, to } => {
                if let Some(to) = SlabClassId::from_number(to) {
                    self.store.assign_free_page(to);
                }
            }
            Op::Reassign { from, to } => {
                // Most classes have no page to spare.
                let from = SlabClassId::from_number(from).filter(|_| from % 4 == 0);
                self.store.reassign(from, SlabClassId::from_number(to));
            }
        }
    }

    fn run(mut self, ops: Vec<Op>) {
        for op in ops {
            self.step(&op);
            self.check();
        }
        if let Some(stream) = self.stream.take() {
            self.store.abandon(stream.reservation);
        }
        for (hold, _) in std::mem::take(&mut self.holds) {
            self.store.release(hold);
        }
        for number in 0..KEYS {
            self.sync(&key_of(number));
        }
        self.store.flush_all();
        while self.store.maintain(Moment::at(self.now), 100) {}
        self.check();
        let stats = self.store.stats();
        assert_eq!((stats.curr_items, stats.bytes), (0, 0));
        assert!(!stats.is_moving_page, "a page is drained for ever");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn a_hit_is_the_last_write_where_everything_is_evicted(
        ops in prop::collection::vec(ops(), 1..OPS_MAX)
    ) {
        Pair::new(11, true).run(ops);
    }

    #[test]
    fn long_values_grow_while_chunks_move(
        ops in prop::collection::vec(join_ops(), 1..2 * OPS_MAX)
    ) {
        Pair::new(24, true).run(ops);
    }

    #[test]
    fn many_flushes_end_what_was_stored_before_and_nothing_after(
        ops in prop::collection::vec(flush_ops(), 1..2 * OPS_MAX), evict in any::<bool>()
    ) {
        Pair::new(if evict { 24 } else { PAGES }, evict).run(ops);
    }

    #[test]
    fn nothing_is_lost_where_there_is_room(ops in prop::collection::vec(ops(), 1..OPS_MAX)) {
        Pair::new(PAGES, false).run(ops);
    }
}
