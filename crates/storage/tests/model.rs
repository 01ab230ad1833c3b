//! Random operations on a tiny store, compared with a map. The store is recounted after each.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use slabcore_storage::{
    ArithmeticError, Config, Delta, Expiry, HashedKey, Hold, ItemRef, KeyHasher,
    LONG_KEY_BYTES_MAX, Miss, Moment, NewItem, PAGE_BYTES, PagePool, PageWish, Region, Reservation,
    SlabClassId, Store, StoreOutcome, StoreVerb,
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
    expiry: Expiry,
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
    FlushDatabase {
        database: u8,
    },
    SetExpiry {
        key: u8,
        ttl: u32,
    },
    Tick {
        milliseconds: u32,
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

/// In milliseconds. 0: no expiry.
fn ttls() -> impl Strategy<Value = u32> {
    let seconds = (1..20_u32).prop_map(|seconds| seconds * 1_000);
    prop_oneof![3 => Just(0_u32), 2 => seconds, 1 => 1..20_000_u32]
}

fn ops() -> impl Strategy<Value = Op> {
    let (key, ttl) = (|| 0..12_u8, ttls);
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
        1 => (1..5_u32).prop_map(|seconds| Op::Tick { milliseconds: seconds * 1_000 }),
        1 => (1..1_500_u32).prop_map(|milliseconds| Op::Tick { milliseconds }),
        1 => prop::sample::select(vec![0, 1, 7, 15])
            .prop_map(|database| Op::FlushDatabase { database }),
        2 => (key(), ttl()).prop_map(|(key, ttl)| Op::SetExpiry { key, ttl }),
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
        1 => (long(), 5_000..20_000_u32).prop_map(|(key, ttl)| Op::Touch { key, ttl, read: false }),
        1 => Just(Op::Tick { milliseconds: 2_000 }),
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
        3 => (key(), 5_000..20_000_u32, any::<bool>())
            .prop_map(|(key, ttl, read)| Op::Touch { key, ttl, read }),
        1 => key().prop_map(|key| Op::Delete { key }),
        2 => (key(), lengths())
            .prop_map(|(key, len)| Op::Reserve { key, len, flags: 0, ttl: 0 }),
        2 => (0..5_u8).prop_map(|verb| Op::Commit { verb }),
        2 => key().prop_map(|key| Op::Hold { key }),
        1 => Just(Op::Release),
        1 => (0..8_u32).prop_map(|budget| Op::Maintain { budget }),
        1 => (0..60_usize, 0..60_usize).prop_map(|(from, to)| Op::Reassign { from, to }),
        1 => Just(Op::Tick { milliseconds: 1_000 }),
    ]
}

/// A value that is being written, and its whole content.
struct Stream {
    key: Key,
    value: Vec<u8>,
    flags: u32,
    expiry: Expiry,
    reservation: Reservation,
    written: usize,
}

struct Pair {
    pool: Arc<PagePool>,
    store: Store,
    hasher: KeyHasher,
    model: BTreeMap<Key, ModelItem>,
    /// Pages of the region.
    pages: usize,
    evict: bool,
    /// Milliseconds.
    now: u64,
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

fn hash<'a>(hasher: &KeyHasher, (database, key): &'a Key) -> HashedKey<'a> {
    hasher.hash_in(*database, key)
}

/// A key and its database.
type Key = (u8, Vec<u8>);

/// Plain keys, longer ones and an empty one. Some keys are in two databases.
fn key_of(number: u8) -> Key {
    let plain = |number: u8| {
        let len = [1, 3, 10, 30, 60, 250][usize::from(number % 6)];
        let mut key = vec![b'k'; len];
        key[len - 1] = number + 1;
        key
    };
    match number {
        6 => (0, vec![b'k'; 251]),
        7 => (7, vec![b'k'; 1_024]),
        8 => (0, vec![b'k'; LONG_KEY_BYTES_MAX]),
        9 => (7, plain(0)),
        10 => (15, plain(5)),
        11 => (0, Vec::new()),
        _ => (if number.is_multiple_of(8) { 7 } else { 0 }, plain(number)),
    }
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
            now: 100_000,
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

    fn now(&self) -> Moment {
        Moment::at_millisecond((self.now / 1_000) as u32, (self.now % 1_000) as u16)
    }

    /// Milliseconds count only in a ttl that has any, as in the two dialects.
    fn expiry(&self, ttl: u32) -> Expiry {
        let at = self.now + u64::from(ttl);
        match ttl {
            0 => Expiry::NEVER,
            _ if ttl.is_multiple_of(1_000) => Expiry::at((at / 1_000) as u32),
            _ => Expiry::at_millisecond((at / 1_000) as u32, (at % 1_000) as u16),
        }
    }

    fn is_unpinned(&self) -> bool {
        self.stream.is_none() && self.holds.is_empty()
    }

    /// The item of a key, compared with the model. A live item may be missing only if it may have
    /// been evicted.
    fn sync(&mut self, key: &Key) -> Option<ModelItem> {
        let (hashed, now) = (hash(&self.hasher, key), self.now());
        let known = self.model.get(key).filter(|item| !item.expiry.has_come(now));
        match (self.store.peek(now, hashed), known) {
            (Ok(item), Some(known)) => {
                assert_eq!((item.database(), item.key()), (key.0, &key.1[..]));
                assert!(parts(&item) == known.value, "another value than the last written");
                assert_eq!(item.flags(), known.flags);
                assert_eq!(item.expiry(), known.expiry);
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

    fn apply(&mut self, key: &Key, new: ModelItem, verb: StoreVerb, outcome: StoreOutcome) {
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
            self.model.insert(key.clone(), item);
        }
    }

    fn store(&mut self, key: &Key, new: ModelItem, verb: u8) {
        let old = self.sync(key);
        let verb = self.verb(verb, old.as_ref());
        let item = NewItem {
            key: hash(&self.hasher, key),
            value: &new.value,
            flags: new.flags,
            expiry: new.expiry,
        };
        let outcome = self.store.store(self.now(), &item, verb);
        self.apply(key, new, verb, outcome);
    }

    fn get(&mut self, key: &Key, with_cas: bool) {
        let known = self.sync(key);
        let (hashed, now) = (hash(&self.hasher, key), self.now());
        let found = if with_cas {
            self.store.get_with_cas(now, hashed)
        } else {
            self.store.get(now, hashed)
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

    fn touch(&mut self, key: &Key, expiry: Expiry, read: bool) {
        let known = self.sync(key).is_some();
        let (hashed, now) = (hash(&self.hasher, key), self.now());
        let found = if read {
            self.store.get_and_touch(now, hashed, expiry, false).map(|_| ())
        } else {
            self.store.touch(now, hashed, expiry)
        };
        self.note_expiry(key, expiry, known, found);
    }

    fn note_expiry(&mut self, key: &Key, expiry: Expiry, known: bool, found: Result<(), Miss>) {
        match found {
            Ok(()) => {
                // Where there is no memory for a millisecond, it is rounded up.
                let item = self.store.peek(Moment::at(2), hash(&self.hasher, key));
                let stored = item.expect("it is there").expiry();
                let is_rounded = self.evict && stored == Expiry::at(expiry.whole_tick());
                assert!(stored == expiry || is_rounded, "{stored:?}, not {expiry:?}");
                self.model.get_mut(key).expect("a hit is known").expiry = stored;
            }
            Err(_) if known => {
                assert!(self.evict, "a touch lost the item");
                self.model.remove(key);
            }
            Err(_) => {}
        }
    }

    fn arithmetic(&mut self, key: &Key, delta: Delta) {
        let known = self.sync(key);
        let hashed = hash(&self.hasher, key);
        let held = self.holds.len();
        let result = self.store.arithmetic(self.now(), hashed, delta);
        let Some(known) = known else {
            assert_eq!(result, Err(ArithmeticError::NotFound));
            return;
        };
        let text = std::str::from_utf8(&known.value).ok().map(|text| text.trim_end_matches(' '));
        let Some(number) = text.and_then(|text| text.parse::<u64>().ok()) else {
            // Random bytes may be a number to memcached. Then the store's answer is taken.
            self.model.remove(key);
            self.store.delete(self.now(), hashed).unwrap();
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
        let stored = parts(&self.store.peek(self.now(), hashed).unwrap());
        // A held value is not padded in place. The item is replaced by one with the exact text.
        assert!(stored == padded.as_bytes() || held > 0 && stored == exact.as_bytes());
        let item = self.model.get_mut(key).unwrap();
        (item.value, item.unique) = (stored, None);
    }

    fn write(&mut self, chunks: usize) {
        let now = self.now();
        let Some(stream) = &mut self.stream else { return };
        for _ in 0..chunks {
            let Ok(room) = self.store.spare(now, &mut stream.reservation) else {
                assert!(self.evict);
                return;
            };
            let len = room.len().min(7_000.max(room.len() / 2));
            room[..len].copy_from_slice(&stream.value[stream.written..][..len]);
            stream.written += len;
            self.store.advance(&mut stream.reservation, len);
        }
    }

    fn reserve(&mut self, key: Key, len: usize, flags: u32, expiry: Expiry) {
        if self.stream.is_some() {
            return;
        }
        let hashed = hash(&self.hasher, &key);
        match self.store.reserve(self.now(), hashed, flags, expiry, len) {
            Ok(reservation) => {
                let value = self.value(len);
                let written = 0;
                self.stream = Some(Stream { key, value, flags, expiry, reservation, written });
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
        let Stream { key, value, flags, expiry, reservation, .. } = stream;
        let old = self.sync(&key);
        let verb = self.verb(verb, old.as_ref());
        let outcome = self.store.commit(self.now(), reservation, verb);
        let pinned = matches!(verb, StoreVerb::Append | StoreVerb::Prepend);
        if outcome == StoreOutcome::NoMemory && pinned {
            assert!(self.evict);
            return;
        }
        self.apply(&key, ModelItem { value, flags, expiry, unique: None }, verb, outcome);
    }

    fn hold(&mut self, key: &Key) {
        let known = self.sync(key);
        if self.holds.len() >= 4 {
            return;
        }
        let hold = self.store.hold(self.now(), hash(&self.hasher, key));
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
        while self.store.maintain(self.now(), 40) {
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
                let (value, expiry) = (self.value(len), self.expiry(ttl));
                self.store(&key_of(key), ModelItem { value, flags, expiry, unique: None }, verb);
            }
            Op::StoreNumber { key, number } => {
                let value = number.to_string().into_bytes();
                let item = ModelItem { value, flags: 3, expiry: Expiry::NEVER, unique: None };
                self.store(&key_of(key), item, 0);
            }
            Op::Arithmetic { key, delta, incr } => {
                let delta = if incr { Delta::Incr(delta) } else { Delta::Decr(delta) };
                self.arithmetic(&key_of(key), delta);
            }
            Op::Get { key, with_cas } => self.get(&key_of(key), with_cas),
            Op::Touch { key, ttl, read } => self.touch(&key_of(key), self.expiry(ttl), read),
            Op::Delete { key } => {
                let key = key_of(key);
                let known = self.sync(&key).is_some();
                let deleted = self.store.delete(self.now(), hash(&self.hasher, &key));
                assert_eq!(deleted.is_ok(), known);
                self.model.remove(&key);
            }
            Op::Flush => {
                self.store.flush_all();
                self.model.clear();
            }
            Op::FlushDatabase { database } => self.flush_database(database),
            Op::SetExpiry { key, ttl } => self.set_expiry(&key_of(key), self.expiry(ttl)),
            Op::Tick { milliseconds } => self.now += u64::from(milliseconds),
            Op::Reserve { key, len, flags, ttl } => {
                self.reserve(key_of(key), len, flags, self.expiry(ttl));
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
                self.store.maintain(self.now(), budget);
            }
            Op::Limit { pages } => self.limit(pages),
            Op::Protect { ttl } => self.store.set_temporary_ttl(ttl),
            Op::Reassign { from, to } => self.reassign(from, to),
        }
    }

    fn reassign(&mut self, from: usize, to: usize) {
        let to = SlabClassId::from_number(to);
        if from != 0 {
            // Most classes have no page to spare.
            let from = SlabClassId::from_number(from).filter(|_| from.is_multiple_of(4));
            self.store.reassign(from, to);
        } else if let Some(to) = to {
            self.store.assign_free_page(to);
        }
    }

    fn flush_database(&mut self, database: u8) {
        self.store.flush_database(database);
        assert_eq!(self.store.items_in(database), 0);
        self.model.retain(|key, _| key.0 != database);
    }

    fn set_expiry(&mut self, key: &Key, expiry: Expiry) {
        let known = self.sync(key).is_some();
        let found = self.store.set_expiry(self.now(), hash(&self.hasher, key), expiry);
        self.note_expiry(key, expiry, known, found);
        if let Some(item) = self.model.get_mut(key) {
            let now = item.unique.take();
            let renewed = self.store.peek(Moment::at(2), hash(&self.hasher, key)).unwrap().cas();
            assert!(now.is_none_or(|unique| unique != renewed), "the unique is the old one");
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
        for database in 0..16 {
            self.store.flush_database(database);
        }
        while self.store.maintain(self.now(), 100) {}
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
