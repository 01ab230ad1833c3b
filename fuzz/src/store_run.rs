//! Operations on a tiny store. Each is compared with the model, and then the store recounts itself.

use std::sync::Arc;

use slabcore_storage::{
    ArithmeticError, Delta, Expiry, HashedKey, Hold, KeyHasher, Miss, Moment, NewItem, PAGE_BYTES,
    Page, PagePool, PageWish, Region, Reservation, Store, StoreOutcome, StoreVerb,
};

use crate::store_model::{Hit, Model, ModelItem, changed_number, expected};
use crate::store_op::{Item, Key, Op, Setup, Ttl, Verb};

/// Operations of one run at most.
const OPS_MAX: usize = 160;
/// Values that stream in at the same time at most.
const STREAMS_MAX: usize = 3;
/// Holds alive at most.
const HOLDS_ALIVE_MAX: usize = 6;
/// With more items than this the store recounts itself only after every eighth operation.
const ITEMS_RECOUNTED_MAX: u64 = 400;
/// Short items of one group of a burst.
const BURST_GROUP: u32 = 16;
/// A value above this many bytes may find no memory in a dozen pages.
const LARGE_VALUE_BYTES: usize = PAGE_BYTES;

/// A value that is being written.
struct Stream {
    key: Vec<u8>,
    item: ModelItem,
    written: usize,
    reservation: Reservation,
}

/// A store with its model.
struct Run {
    store: Store,
    pool: Arc<PagePool>,
    hasher: KeyHasher,
    model: Model,
    evict: bool,
    now: u32,
    values: u8,
    streams: Vec<Stream>,
    holds: Vec<(Hold, Vec<u8>)>,
    pages_elsewhere: Vec<Page>,
}

/// Runs `ops` on a new store. Panics where a property does not hold.
pub fn run(setup: Setup, ops: &[Op]) {
    let mut run = Run::new(setup);
    for (number, op) in ops.iter().take(OPS_MAX).enumerate() {
        run.step(*op);
        if run.store.stats().curr_items <= ITEMS_RECOUNTED_MAX || number % 8 == 0 {
            run.check();
        }
    }
    run.end();
}

impl Run {
    fn new(setup: Setup) -> Self {
        let memory = vec![0_u8; setup.pages() * PAGE_BYTES];
        let pool = Arc::new(PagePool::new(Region::new(Box::new(memory))));
        let (config, hasher) = (setup.config(), KeyHasher::new(7));
        let store = Store::new(&config, Arc::clone(&pool), hasher.clone()).expect("pages enough");
        Self {
            store,
            pool,
            hasher,
            model: Model::default(),
            evict: config.evict,
            now: 100,
            values: 0,
            streams: Vec::new(),
            holds: Vec::new(),
            pages_elsewhere: Vec::new(),
        }
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Store { item, verb } => self.store(item, verb),
            Op::Number { key, number, digits } => {
                let value = (number >> (digits % 64)).to_string().into_bytes();
                let new = ModelItem { value, flags: 0, exptime: 0, unique: None };
                self.store_item(&key.bytes(), &new, Verb::Set);
            }
            Op::Arithmetic { key, delta, incr } => {
                let delta = if incr { Delta::Incr(delta) } else { Delta::Decr(delta) };
                self.arithmetic(&key.bytes(), delta);
            }
            Op::Get { key, with_cas } => self.get(&key.bytes(), with_cas),
            Op::GetAndTouch { key, ttl, with_cas } => self.touch(key, ttl, Some(with_cas)),
            Op::Touch { key, ttl } => self.touch(key, ttl, None),
            Op::Peek { key, with_cas } => self.peek(&key.bytes(), with_cas),
            Op::Delete { key } => self.delete(&key.bytes()),
            Op::Flush => {
                self.store.flush_all();
                self.model.clear();
            }
            Op::Tick { seconds } => self.now += u32::from(seconds),
            Op::Reserve { item } => self.reserve(item),
            Op::Write { stream, bytes } => {
                self.write(stream, usize::from(bytes));
            }
            Op::Commit { stream, verb } => self.commit(stream, verb),
            Op::Abandon { stream } => {
                if let Some(stream) = self.take_stream(stream) {
                    self.store.abandon(stream.reservation);
                }
            }
            Op::Hold { key } => self.hold(&key.bytes()),
            Op::ReadHold { hold, at } => {
                if let Some(number) = usize::from(hold).checked_rem(self.holds.len()) {
                    self.read_hold(number, at as usize);
                }
            }
            Op::Release { hold } => {
                if let Some(number) = usize::from(hold).checked_rem(self.holds.len()) {
                    let (hold, _) = self.holds.swap_remove(number);
                    self.store.release(hold);
                }
            }
            Op::Grant { pages } => {
                let worth = if pages >= 128 { u64::MAX } else { u64::from(pages >> 4) };
                self.store.grant(PageWish { pages: u32::from(pages % 16), worth });
            }
            Op::Maintain { budget } => {
                self.store.maintain(Moment::at(self.now), u32::from(budget));
            }
            Op::OtherShard { takes: true } => self.pages_elsewhere.extend(self.pool.take()),
            Op::OtherShard { takes: false } => {
                if let Some(page) = self.pages_elsewhere.pop() {
                    self.pool.give(page);
                }
            }
            Op::Burst { from, groups } => self.burst(u32::from(from), u32::from(groups % 64)),
            Op::Sweep => self.sweep(),
        }
    }

    fn hash<'a>(&self, key: &'a [u8]) -> HashedKey<'a> {
        self.hasher.hash(key)
    }

    /// A new value that is not a number.
    fn value(&mut self, bytes: usize) -> Vec<u8> {
        self.values = self.values.wrapping_add(1);
        let letter = |at: usize| b'a' + (at as u8 ^ (at >> 8) as u8 ^ self.values) % 26;
        (0..bytes).map(letter).collect()
    }

    fn new_item(&mut self, item: Item) -> ModelItem {
        let flags = [0, 1, 255, 256, u32::MAX][usize::from(item.flags % 5)];
        let exptime = item.ttl.expiry(self.now);
        ModelItem { value: self.value(item.length.bytes()), flags, exptime, unique: None }
    }

    /// A key that is live in the model missed: it must have been evicted.
    fn missed(&mut self, key: &[u8], miss: Option<Miss>) {
        if self.model.live(self.now, key).is_some() {
            assert!(self.evict, "a live item is gone although evictions are off");
            assert!(miss.is_none_or(|miss| miss == Miss::NotFound), "a live item was {miss:?}");
        }
        self.model.remove(key);
    }

    fn saw(&mut self, key: &[u8], found: Result<Hit, Miss>) {
        match found {
            Ok(hit) => self.model.check_hit(self.now, key, &hit),
            Err(miss) => self.missed(key, Some(miss)),
        }
    }

    fn get(&mut self, key: &[u8], with_cas: bool) {
        let (now, hashed) = (self.now, self.hash(key));
        // Groups continue over other operations, which may invalidate what was found.
        if hashed.hash().is_multiple_of(8) {
            self.store.begin_group();
        }
        self.store.prefetch_bucket(hashed.hash());
        self.store.prefetch_item(hashed.hash());
        let found = if with_cas {
            self.store.get_with_cas(Moment::at(now), hashed)
        } else {
            self.store.get(Moment::at(now), hashed)
        };
        let found = found.map(|item| Hit::of(&item, key, with_cas));
        self.saw(key, found);
    }

    fn peek(&mut self, key: &[u8], with_cas: bool) {
        let (now, hashed) = (self.now, self.hash(key));
        let found = if with_cas {
            self.store.peek_with_cas(Moment::at(now), hashed)
        } else {
            self.store.peek(Moment::at(now), hashed)
        };
        let found = found.map(|item| Hit::of(&item, key, with_cas));
        self.saw(key, found);
    }

    fn touch(&mut self, key: Key, ttl: Ttl, read: Option<bool>) {
        let (now, key, exptime) = (self.now, key.bytes(), ttl.expiry(self.now));
        let hashed = self.hash(&key);
        let found = match read {
            Some(with_cas) => {
                let found = self.store.get_and_touch(
                    Moment::at(now),
                    hashed,
                    Expiry::at(exptime),
                    with_cas,
                );
                found.map(|item| Some(Hit::of(&item, &key, with_cas)))
            }
            None => self.store.touch(Moment::at(now), hashed, Expiry::at(exptime)).map(|()| None),
        };
        match found {
            Ok(hit) => {
                let known = self.model.live_mut(now, &key);
                known.expect("a key that is dead or deleted is touched").exptime = exptime;
                if let Some(hit) = hit.filter(|_| exptime == 0 || exptime > now) {
                    self.model.check_hit(now, &key, &hit);
                }
            }
            // Without memory for the exptime field the item is dropped, with evictions on or off.
            Err(Miss::NotFound) => self.model.remove(&key),
            Err(miss) => self.missed(&key, Some(miss)),
        }
    }

    fn delete(&mut self, key: &[u8]) {
        match self.store.delete(Moment::at(self.now), self.hash(key)) {
            Ok(()) => assert!(self.model.live(self.now, key).is_some(), "a dead key was deleted"),
            Err(miss) => self.missed(key, Some(miss)),
        }
        self.model.remove(key);
    }

    fn store_verb(&self, key: &[u8], verb: Verb) -> StoreVerb {
        let current = self.model.live(self.now, key).and_then(|item| item.unique);
        match verb {
            Verb::Set => StoreVerb::Set,
            Verb::Add => StoreVerb::Add,
            Verb::Replace => StoreVerb::Replace,
            Verb::Append => StoreVerb::Append,
            Verb::Prepend => StoreVerb::Prepend,
            Verb::Cas => StoreVerb::Cas(current.unwrap_or(0)),
            Verb::StaleCas => StoreVerb::Cas(self.model.stale_unique(current)),
        }
    }

    fn store(&mut self, item: Item, verb: Verb) {
        let (key, new) = (item.key.bytes(), self.new_item(item));
        self.store_item(&key, &new, verb);
    }

    fn store_item(&mut self, key: &[u8], new: &ModelItem, verb: Verb) {
        let verb = self.store_verb(key, verb);
        let item = NewItem {
            key: self.hash(key),
            value: &new.value,
            flags: new.flags,
            expiry: Expiry::at(new.exptime),
        };
        let outcome = self.store.store(Moment::at(self.now), &item, verb);
        self.stored(key, new, verb, outcome);
    }

    /// Compares the outcome of a storage command with the possible ones: for the present item, or
    /// for no item if it may have been evicted.
    fn stored(&mut self, key: &[u8], new: &ModelItem, verb: StoreVerb, outcome: StoreOutcome) {
        let old = self.model.live(self.now, key);
        let (if_there, stored) = expected(verb, old, new);
        let bytes = stored.as_ref().map_or(0, |item| item.value.len()) + new.value.len();
        if outcome == StoreOutcome::NoMemory {
            assert!(self.is_tight(bytes), "no memory, although there is");
            return;
        }
        if outcome == StoreOutcome::NotStored && bytes > 400 << 10 {
            // Over the item size; an old item that was evicted is noticed later.
            return;
        }
        let (if_gone, stored_anew) = expected(verb, None, new);
        let stored = if outcome == if_there {
            stored
        } else {
            assert!(self.evict && old.is_some() && outcome == if_gone, "{verb:?}: {outcome:?}");
            self.model.remove(key);
            stored_anew
        };
        if let Some(item) = stored {
            self.model.put(key, item);
        }
    }

    /// Whether a value of this many bytes may find no memory.
    fn is_tight(&self, bytes: usize) -> bool {
        let pinned = !self.streams.is_empty() || !self.holds.is_empty();
        let all_here = self.pages_elsewhere.is_empty();
        !self.evict || pinned || !all_here || bytes > LARGE_VALUE_BYTES
    }

    fn arithmetic(&mut self, key: &[u8], delta: Delta) {
        let (now, hashed) = (self.now, self.hash(key));
        let result = self.store.arithmetic(Moment::at(now), hashed, delta);
        let Some(known) = self.model.live(now, key) else {
            assert_eq!(result, Err(ArithmeticError::NotFound));
            return;
        };
        let change = changed_number(&known.value, delta);
        match (result, change) {
            (Err(ArithmeticError::NotFound), _) => self.missed(key, None),
            (Err(ArithmeticError::NonNumeric), None) => {}
            (Err(ArithmeticError::NoMemory), Some(_)) => assert!(self.is_tight(0)),
            (Ok(number), Some((expected, padded, exact))) => {
                assert_eq!(number, expected);
                let item = self.store.peek(Moment::at(now), hashed).expect("it was just changed");
                let value = item.value().expect("a number is short").to_vec();
                // A held value is not padded in place but replaced.
                assert!(value == padded || !self.holds.is_empty() && value == exact);
                let known = self.model.live_mut(now, key).expect("looked up above");
                (known.value, known.unique) = (value, None);
            }
            (result, change) => panic!("{result:?}, not {change:?}"),
        }
    }

    fn reserve(&mut self, item: Item) {
        if self.streams.len() == STREAMS_MAX {
            return;
        }
        let (key, new) = (item.key.bytes(), self.new_item(item));
        let (bytes, hashed) = (new.value.len(), self.hash(&key));
        match self.store.reserve(
            Moment::at(self.now),
            hashed,
            new.flags,
            Expiry::at(new.exptime),
            bytes,
        ) {
            Ok(reservation) => {
                self.streams.push(Stream { key, item: new, written: 0, reservation });
            }
            Err(_) => assert!(self.is_tight(bytes), "no memory, although there is"),
        }
    }

    fn take_stream(&mut self, number: u8) -> Option<Stream> {
        let number = usize::from(number).checked_rem(self.streams.len())?;
        Some(self.streams.swap_remove(number))
    }

    /// Writes up to `bytes` of a stream. Returns false if memory ran out.
    fn write(&mut self, number: u8, mut bytes: usize) -> bool {
        let Some(number) = usize::from(number).checked_rem(self.streams.len()) else { return true };
        let stream = &mut self.streams[number];
        while bytes > 0 && stream.reservation.missing() > 0 {
            let Ok(room) = self.store.spare(Moment::at(self.now), &mut stream.reservation) else {
                return false;
            };
            assert!(!room.is_empty(), "room for what is missing");
            let count = room.len().min(bytes);
            room[..count].copy_from_slice(&stream.item.value[stream.written..][..count]);
            self.store.advance(&mut stream.reservation, count);
            stream.written += count;
            bytes -= count;
            assert_eq!(stream.reservation.missing(), stream.item.value.len() - stream.written);
        }
        true
    }

    fn commit(&mut self, number: u8, verb: Verb) {
        if !self.write(number, usize::MAX) {
            return;
        }
        let Some(Stream { key, item, reservation, .. }) = self.take_stream(number) else { return };
        let verb = self.store_verb(&key, verb);
        let outcome = self.store.commit(Moment::at(self.now), reservation, verb);
        // The new value itself was pinned meanwhile.
        let joins = matches!(verb, StoreVerb::Append | StoreVerb::Prepend);
        if outcome != StoreOutcome::NoMemory || !joins {
            self.stored(&key, &item, verb, outcome);
        }
    }

    fn hold(&mut self, key: &[u8]) {
        if self.holds.len() == HOLDS_ALIVE_MAX {
            return;
        }
        let Some(hold) = self.store.hold(Moment::at(self.now), self.hash(key)) else {
            self.missed(key, None);
            return;
        };
        let known = self.model.live(self.now, key).expect("a dead or deleted key is held");
        self.holds.push((hold, known.value.clone()));
    }

    fn read_hold(&self, number: usize, at: usize) {
        let (hold, value) = &self.holds[number];
        let at = at % (value.len() + 1);
        assert!(hold.parts(at).flatten().eq(&value[at..]), "a held value changed");
    }

    fn burst(&mut self, from: u32, groups: u32) {
        for number in from * BURST_GROUP..(from + groups) * BURST_GROUP {
            let key = format!("burst{number}").into_bytes();
            let value = (number ^ self.now).to_string().into_bytes();
            let new = ModelItem { value, flags: 0, exptime: 0, unique: None };
            self.store_item(&key, &new, Verb::Set);
        }
    }

    fn sweep(&mut self) {
        for key in self.model.keys() {
            self.peek(&key, false);
        }
    }

    fn check(&self) {
        if let Err(wrong) = self.store.check() {
            panic!("{wrong}");
        }
        let pages = self.store.pages_owned() + self.pool.pages_free() + self.pages_elsewhere.len();
        assert_eq!(pages, self.pool.pages_total(), "pages went missing");
        for (hold, value) in &self.holds {
            assert!(hold.parts(0).flatten().eq(value), "a held value changed");
        }
    }

    /// Releases everything, after which the store is empty.
    fn end(mut self) {
        self.sweep();
        for stream in std::mem::take(&mut self.streams) {
            self.store.abandon(stream.reservation);
        }
        for (hold, _) in std::mem::take(&mut self.holds) {
            self.store.release(hold);
        }
        self.check();
        self.store.flush_all();
        while self.store.maintain(Moment::at(self.now), u32::MAX >> 8) {}
        self.model.clear();
        self.check();
        let stats = self.store.stats();
        let left = (stats.curr_items, stats.bytes, stats.reservations, stats.holds);
        assert_eq!(left, (0, 0, 0, 0));
    }
}
