//! A process may end between any two stores to memory. Whatever it leaves, the next one finds what
//! had been answered, and nothing else.

use alloc::sync::Arc;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use proptest::prelude::*;

use crate::index::key_hasher::KeyHasher;
use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::Expiry;
use crate::item::expiry::Moment;
use crate::item::hashed_key::HashedKey;
use crate::memory::cuts;
use crate::memory::page_directory::{Generation, NO_EPOCH, ShardNumber};
use crate::memory::page_pool::PagePool;
use crate::memory::region::{Region, region_bytes};
use crate::store::amending::{Amendment, NewUnique};
use crate::store::arithmetic::Delta;
use crate::store::store::{Config, Store};
use crate::store::store_verb::{NewItem, StoreVerb};

pub(super) const KEYS: usize = 12;
pub(super) const PAGES: usize = 60;

/// What a client sees of an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    value: Vec<u8>,
    flags: u32,
    expiry: Expiry,
    pub(super) cas: u64,
}

pub(super) type Contents = BTreeMap<String, Seen>;

/// An operation on one of the keys, or on all.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Set { key: usize, len: usize, flags: u32, ttl: u32 },
    Append { key: usize, len: usize },
    SetNumber { key: usize, number: u64 },
    Incr { key: usize, by: u64 },
    Delete { key: usize },
    Touch { key: usize, ttl: u32 },
    AskForCas { key: usize },
    Get { key: usize },
    Flush,
    Reassign { from: usize },
    Wait { seconds: u32 },
}

impl Operation {
    pub(super) fn key(&self) -> Option<usize> {
        match *self {
            Operation::Set { key, .. }
            | Operation::Append { key, .. }
            | Operation::SetNumber { key, .. }
            | Operation::Incr { key, .. }
            | Operation::Delete { key }
            | Operation::Touch { key, .. }
            | Operation::AskForCas { key }
            | Operation::Get { key } => Some(key),
            Operation::Flush | Operation::Reassign { .. } | Operation::Wait { .. } => None,
        }
    }
}

pub(super) fn operations() -> impl Strategy<Value = Operation> {
    let key = || 0..KEYS;
    let len = || prop_oneof![4 => 0..300_usize, 2 => 300..20_000_usize, 1 => 20_000..300_000_usize];
    let ttl = || prop_oneof![2 => Just(0), 1 => 1..20_u32];
    let flags = prop_oneof![Just(0), Just(7), Just(70_000_u32)];
    prop_oneof![
        8 => (key(), len(), flags, ttl())
            .prop_map(|(key, len, flags, ttl)| Operation::Set { key, len, flags, ttl }),
        2 => (key(), len()).prop_map(|(key, len)| Operation::Append { key, len }),
        4 => (key(), 0..12_000_u64).prop_map(|(key, number)| Operation::SetNumber { key, number }),
        6 => (key(), 0..2_000_u64).prop_map(|(key, by)| Operation::Incr { key, by }),
        2 => key().prop_map(|key| Operation::Delete { key }),
        3 => (key(), ttl()).prop_map(|(key, ttl)| Operation::Touch { key, ttl }),
        3 => key().prop_map(|key| Operation::AskForCas { key }),
        2 => key().prop_map(|key| Operation::Get { key }),
        1 => Just(Operation::Flush),
        2 => (0..50_usize).prop_map(|from| Operation::Reassign { from }),
        1 => (0..5_u32).prop_map(|seconds| Operation::Wait { seconds }),
    ]
}

/// How many stores of an operation are made before it is cut. Most operations have few.
fn stores() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 0..25_usize, 1 => 25..400_usize]
}

pub(super) struct Shard {
    pub(super) store: Store,
    pub(super) hasher: KeyHasher,
    pub(super) now: u32,
}

/// A value that looks like linked items wherever a chunk might start. What another class left
/// in a chunk must not be found.
fn fake_items(len: usize) -> Vec<u8> {
    let fakes = (0..).flat_map(|number: usize| {
        let state = 0b1_0000 | (number as u8 & 0b11) << 6;
        let digit = b'0' + (number % 10) as u8;
        if number.is_multiple_of(3) {
            // An extended one.
            return [state, 254, 2, 0x80, 0, 0, 0, 0, 4, 0, 0, 0, b'k', b'e', b'y', digit];
        }
        [state, 4, 2, 0, 0, 0, 0, 0, b'k', b'e', b'y', digit, 0, 0, 0, 0]
    });
    let lead = [0; 5];
    fakes.take(len).chain(lead).skip(lead.len()).chain([len as u8; 5]).take(len).collect()
}

/// The last keys are long, and some are in other databases than the first.
pub(super) fn key_text(key: usize) -> String {
    let len = [0; KEYS - 3].into_iter().chain([300, 5, 9_000]).nth(key).unwrap_or(0);
    format!("key{key}{}", "-".repeat(len))
}

/// The key of a text that [`key_text`] returned.
pub(super) fn hashed<'a>(hasher: &KeyHasher, text: &'a str) -> HashedKey<'a> {
    let database = match text.as_bytes() {
        [b'k', b'e', b'y', b'8', ..] => 3,
        [b'k', b'e', b'y', b'1', b'0', ..] => 15,
        _ => 0,
    };
    hasher.hash_in(database, text.as_bytes())
}

pub(super) fn memory_of(copy: Vec<u8>) -> Box<dyn AsMut<[u8]> + Send> {
    Box::new(copy)
}

impl Shard {
    pub(super) fn new() -> Shard {
        Shard::with_config(&Config::default())
    }

    pub(super) fn with_config(config: &Config) -> Shard {
        let region = Region::with_directory(memory_of(vec![0xa5; region_bytes(PAGES)]), PAGES);
        let (pool, hasher) = (Arc::new(PagePool::new(region)), KeyHasher::new(3));
        let store = Store::new(config, pool, hasher.clone()).unwrap();
        Shard { store, hasher, now: 10 }
    }

    /// The store of a process that finds this memory.
    pub(super) fn recovered(memory: Vec<u8>, now: u32) -> Shard {
        let region = Region::with_directory(memory_of(memory), PAGES);
        Shard::of_pool(PagePool::recovered(region, usize::MAX, 1, Generation::First), now)
    }

    pub(super) fn of_pool(pool: PagePool, now: u32) -> Shard {
        assert!(pool.has_pages_for(1));
        let pool = Arc::new(pool);
        let hasher = KeyHasher::new(3);
        let store = Store::for_recovery(&Config::default(), pool, hasher.clone());
        let mut store = store.unwrap();
        let found = store.recover(Moment::at(now));
        store.check().unwrap();
        assert_eq!(store.stats().curr_items, found.items);
        Shard { store, hasher, now }
    }

    pub(super) fn knows_epoch(&self) -> bool {
        let stock = &self.store.items().slabs().stock;
        stock.kept_number(ShardNumber::Epoch).get() != NO_EPOCH
    }

    pub(super) fn memory(&self) -> Vec<u8> {
        self.store.items().slabs().stock.pool().region().copy()
    }

    pub(super) fn run(&mut self, operation: &Operation) {
        let (store, now) = (&mut self.store, self.now);
        let text = operation.key().map(key_text).unwrap_or_default();
        let key = hashed(&self.hasher, &text);
        let until = |ttl: u32| match ttl % 3 {
            _ if ttl == 0 => Expiry::NEVER,
            0 => Expiry::at_millisecond(now + ttl, 700),
            _ => Expiry::at(now + ttl),
        };
        match *operation {
            Operation::Set { len, flags, ttl, .. } => {
                let value = fake_items(len);
                let item = NewItem { key, value: &value, flags, expiry: until(ttl) };
                let _ = store.store(Moment::at(now), &item, StoreVerb::Set);
            }
            Operation::Append { len, .. } => {
                let value = vec![b'+'; len];
                let item = NewItem { key, value: &value, flags: 0, expiry: Expiry::NEVER };
                let _ = store.store(Moment::at(now), &item, StoreVerb::Append);
            }
            Operation::SetNumber { number, .. } => {
                let value = format!("{number}");
                let item =
                    NewItem { key, value: value.as_bytes(), flags: 0, expiry: Expiry::NEVER };
                let _ = store.store(Moment::at(now), &item, StoreVerb::Set);
            }
            Operation::Incr { by, .. } => {
                let _ = store.arithmetic(Moment::at(now), key, Delta::Incr(by));
            }
            Operation::Delete { .. } => {
                let _ = store.delete(Moment::at(now), key);
            }
            Operation::Touch { ttl, .. } => {
                let _ = store.touch(Moment::at(now), key, until(ttl));
            }
            Operation::AskForCas { .. } => {
                let amendment =
                    Amendment { with_cas: true, unique: NewUnique::Renew, ..Amendment::default() };
                if store.get(Moment::at(now), key).is_ok() {
                    let _ = store.amend(Moment::at(now), key, &amendment);
                }
            }
            Operation::Get { .. } => {
                let _ = store.get(Moment::at(now), key);
            }
            Operation::Flush => store.flush_all(),
            Operation::Reassign { from } => {
                let from = SlabClassId::from_number(from + 1);
                let _ = store.reassign(from, None);
                (0..20).for_each(|_| _ = store.maintain(Moment::at(now), 64));
            }
            Operation::Wait { seconds } => {
                self.now += seconds;
                let _ = self.store.maintain(Moment::at(self.now), 64);
            }
        }
    }

    /// All that a client can see, without reading it.
    pub(super) fn contents(&self) -> Contents {
        let items = self.store.items();
        let seen = (0..KEYS).map(key_text).filter_map(|text| {
            let item = items.find_linked(hashed(&self.hasher, &text))?;
            let view = items.view(item);
            let value = view.value_parts().flatten().copied().collect();
            let (flags, expiry, cas) = (view.flags(), view.expiry(), view.cas());
            let is_alive = items.death_of(Moment::at(self.now), item).is_none();
            is_alive.then_some((text, Seen { value, flags, expiry, cas }))
        });
        seen.collect()
    }
}

/// Items that may be lost because they were moving when the process ended.
const MOVING_MAX: usize = 1;

/// Compares what a cut left with what a client saw before and after the operation that was cut.
fn check_cut(left: &Contents, before: &Contents, after: &Contents, key: Option<usize>) {
    let own = key.map(key_text);
    for (text, seen) in left {
        let known = [before.get(text), after.get(text)];
        // A cas unique is handed out with the reply, which did not leave.
        let is_seen = |known: &Seen| Seen { cas: seen.cas, ..known.clone() } == *seen;
        assert!(known.into_iter().flatten().any(is_seen), "{text}: {:?}", seen.value.len());
    }
    let stayed = before.keys().filter(|text| after.contains_key(*text));
    let lost = stayed.filter(|text| !left.contains_key(*text) && own.as_ref() != Some(*text));
    assert!(lost.count() <= MOVING_MAX);
}

/// No item is there twice.
fn check_count(shard: &Shard) {
    assert_eq!(shard.store.stats().curr_items, shard.contents().len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_left_is_found(
        steps in prop::collection::vec((operations(), stores(), any::<bool>()), 1..80),
    ) {
        let mut shard = Shard::new();
        for (operation, stores, goes_on) in steps {
            let before = shard.contents();
            let cut = cuts::during_store(stores, || shard.run(&operation));
            let after = shard.contents();
            if let Some(memory) = cut {
                let left = Shard::recovered(memory, shard.now);
                check_count(&left);
                if matches!(operation, Operation::Flush) {
                    prop_assert!(left.contents() == before || left.contents() == after);
                } else {
                    check_cut(&left.contents(), &before, &after, operation.key());
                }
            }
            let whole = Shard::recovered(shard.memory(), shard.now);
            check_count(&whole);
            if shard.knows_epoch() {
                prop_assert_eq!(&whole.contents(), &after);
            }
            if goes_on && whole.contents() == after {
                shard = whole;
            }
        }
    }

    /// A file that was damaged, or is of another program: nothing is found that is not well-formed.
    #[test]
    fn any_memory_is_recovered(
        steps in prop::collection::vec(operations(), 1..40),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..200),
        block in any::<prop::sample::Index>(),
        fill in any::<u8>(),
    ) {
        let mut shard = Shard::new();
        for operation in &steps {
            shard.run(operation);
        }
        let mut memory = shard.memory();
        for (place, byte) in damage {
            let place = place.index(memory.len());
            memory[place] = byte;
        }
        let start = block.index(memory.len());
        let end = memory.len().min(start + 5_000);
        memory[start..end].fill(fill);
        let region = Region::with_directory(memory_of(memory), PAGES);
        let pool = PagePool::recovered(region, usize::MAX, 1, Generation::First);
        if !pool.has_pages_for(1) {
            return Ok(());
        }
        let mut left = Shard::of_pool(pool, shard.now);
        for operation in &steps {
            left.run(operation);
        }
        left.store.check().unwrap();
    }
}

/// After a recovery that took all items for dead, each later one did so, too.
#[test]
fn an_unknown_epoch_is_known_after_a_recovery() {
    let mut shard = Shard::new();
    shard.run(&Operation::Set { key: 1, len: 10, flags: 0, ttl: 0 });
    shard.store.items().slabs().stock.kept_number(ShardNumber::Epoch).set(NO_EPOCH);
    shard = Shard::recovered(shard.memory(), shard.now);
    assert!(shard.contents().is_empty());
    shard.run(&Operation::Set { key: 2, len: 10, flags: 0, ttl: 0 });
    shard = Shard::recovered(shard.memory(), shard.now);
    assert_eq!(shard.contents().len(), 1);
}

#[test]
fn uniques_are_not_handed_out_twice() {
    let mut shard = Shard::new();
    let mut seen = 0;
    for _ in 0..3 {
        for key in 0..KEYS {
            shard.run(&Operation::Set { key, len: 10, flags: 0, ttl: 0 });
            shard.run(&Operation::AskForCas { key });
        }
        let uniques = shard.contents().values().map(|item| item.cas).collect::<Vec<_>>();
        assert!(uniques.iter().all(|unique| *unique > seen));
        seen = uniques.into_iter().max().unwrap();
        shard = Shard::recovered(shard.memory(), shard.now);
    }
}
