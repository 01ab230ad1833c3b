//! Items that a walk shows, stored in another store.
#![cfg(not(miri))]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use slabcore_storage::{
    AccessHistory, Amendment, Config, Expiry, KeyHasher, Marks, Moment, NewItem, PAGE_BYTES,
    PagePool, Region, RestoreOutcome, RestoredItem, Segment, Store, StoreOutcome, StoreVerb,
    WalkPosition,
};

const SEED: u64 = 7;

/// An item as a test keeps it.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    value: Vec<u8>,
    flags: u32,
    exptime: u32,
    cas: u64,
    history: AccessHistory,
}

fn store_of(pages: usize, config: &Config) -> Store {
    let region = Region::new(Box::new(vec![0_u8; pages * PAGE_BYTES]));
    Store::new(config, Arc::new(PagePool::new(region)), KeyHasher::new(SEED)).unwrap()
}

fn put(store: &mut Store, key: &str, value: &[u8], flags: u32, exptime: u32) {
    let key = KeyHasher::new(SEED).hash(key.as_bytes());
    let item = NewItem { key, value, flags, expiry: Expiry::at(exptime) };
    assert_eq!(store.store(Moment::at(1), &item, StoreVerb::Set), StoreOutcome::Stored);
}

fn all_items(store: &Store) -> BTreeMap<Vec<u8>, Kept> {
    let mut items = BTreeMap::new();
    let end = store.walk_while(Moment::at(1), WalkPosition::default(), usize::MAX, |walked| {
        let item = walked.item;
        let value = item.value_parts().flatten().copied().collect();
        let (flags, exptime, cas) = (item.flags(), item.exptime(), item.cas());
        let kept = Kept { value, flags, exptime, cas, history: walked.history };
        assert!(items.insert(item.key().to_vec(), kept).is_none());
        ControlFlow::Continue(())
    });
    assert!(end.is_end());
    items
}

fn restore(store: &mut Store, key: &[u8], kept: &Kept) -> RestoreOutcome {
    let key = KeyHasher::new(SEED).hash(key);
    let Kept { ref value, flags, exptime, cas, history } = *kept;
    let item = NewItem { key, value, flags, expiry: Expiry::at(exptime) };
    store.restore(Moment::at(1), &RestoredItem { item, cas, history })
}

/// A store with items of all kinds.
fn filled() -> Store {
    let mut store = store_of(256, &Config::default());
    let hasher = KeyHasher::new(SEED);
    for number in 0..3_000_u32 {
        let (key, value) = (format!("key{number}"), vec![number as u8; number as usize % 300]);
        let flags = [0, 1, 300, u32::MAX][number as usize % 4];
        put(&mut store, &key, &value, flags, number % 3 * 1_000);
        for _ in 0..number % 5 {
            let _ = store.get(Moment::at(1), hasher.hash(key.as_bytes()));
        }
        if number % 7 == 0 {
            let marks = Some(Marks { stale: true, claimed: number % 2 == 0, key_encoded: false });
            let amendment = Amendment { marks, with_cas: true, ..Amendment::default() };
            assert!(store.amend(Moment::at(1), hasher.hash(key.as_bytes()), &amendment).is_some());
        }
    }
    for number in 1..6_usize {
        put(&mut store, &format!("long{number}"), &vec![number as u8; number * 100_000], 5, 0);
    }
    store
}

#[test]
fn items_are_what_they_were() {
    let items = all_items(&filled());
    assert!(items.values().any(|it| it.history.reads == 3 && it.cas > 0));
    let mut other = store_of(256, &Config { shards: 3, shard: 1, ..Config::default() });
    for (key, kept) in &items {
        assert_eq!(restore(&mut other, key, kept), RestoreOutcome::Restored);
    }
    other.check().unwrap();
    assert_eq!(all_items(&other), items);
    let highest = items.values().map(|it| it.cas).max().unwrap();
    other.go_on_above_unique(highest);
    let key = KeyHasher::new(SEED).hash(b"key1");
    let amendment = Amendment { with_cas: true, ..Amendment::default() };
    let unique = other.amend(Moment::at(1), key, &amendment).unwrap().cas();
    assert!((highest + 1..=highest + 3).contains(&unique), "{unique} after {highest}");
}

#[test]
fn a_key_that_has_an_item_keeps_it() {
    let items = all_items(&filled());
    let mut other = store_of(256, &Config::default());
    put(&mut other, "key1", b"newer", 9, 0);
    put(&mut other, "long3", b"newer", 9, 0);
    let outcomes = |outcome, other: &mut Store| {
        items.iter().filter(|(key, kept)| restore(other, key, kept) == outcome).count()
    };
    assert_eq!(outcomes(RestoreOutcome::Present, &mut other), 2);
    assert_eq!(all_items(&other)[&b"key1"[..]].value, b"newer");
    other.check().unwrap();
}

#[test]
fn long_values_come_in_parts() {
    let items = all_items(&filled());
    let mut other = store_of(256, &Config::default());
    for (key, kept) in items.iter().filter(|it| it.0.starts_with(b"long")) {
        let (hashed, value) = (KeyHasher::new(SEED).hash(key), &kept.value[..]);
        let mut reservation = other
            .reserve(Moment::at(1), hashed, kept.flags, Expiry::at(kept.exptime), value.len())
            .unwrap();
        let mut rest = value;
        while !rest.is_empty() {
            let room = other.spare(Moment::at(1), &mut reservation).unwrap();
            let len = room.len().min(rest.len()).min(10_000);
            room[..len].copy_from_slice(&rest[..len]);
            other.advance(&mut reservation, len);
            rest = &rest[len..];
        }
        let item = NewItem {
            key: hashed,
            value: b"",
            flags: kept.flags,
            expiry: Expiry::at(kept.exptime),
        };
        let restored = RestoredItem { item, cas: kept.cas, history: kept.history };
        let outcome = other.commit_restored(Moment::at(1), reservation, &restored);
        assert_eq!(outcome, RestoreOutcome::Restored);
        assert_eq!(all_items(&other)[key], *kept);
    }
    other.check().unwrap();
}

/// The memory is a quarter of what the items need. They come in the order of their hashes.
#[test]
fn too_little_memory_keeps_what_eviction_would_keep() {
    let mut other = store_of(64, &Config::default());
    let value = vec![b'v'; 1_000];
    let items_max = 16_000_u32;
    let mut order: Vec<u32> = (0..items_max).collect();
    order.sort_by_key(|number| number.wrapping_mul(0x9e37_79b9));
    for number in order {
        let cold = number % 4 != 0;
        let history = AccessHistory {
            age: if cold { 5_000 + number % 1_000 } else { number % 100 },
            reads: if cold { 0 } else { 2 },
            segment: if cold { Segment::Cold } else { Segment::Warm },
            marks: Marks::default(),
        };
        let kept = Kept { value: value.clone(), flags: 0, exptime: 0, cas: 0, history };
        let outcome = restore(&mut other, format!("key{number}").as_bytes(), &kept);
        assert_eq!(outcome, RestoreOutcome::Restored);
    }
    other.check().unwrap();
    let left = all_items(&other);
    let warm = left.values().filter(|it| it.history.reads > 0).count();
    assert!(left.len() < 4_200, "{} items in 4 MiB", left.len());
    assert!(warm * 100 > left.len() * 85, "{warm} of {} were read", left.len());
}
