//! Walks over a store that grows, shrinks and changes between their parts.
#![cfg(not(miri))]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use proptest::prelude::*;
use slabcore_storage::{
    CLASSES_MAX, Config, Expiry, KeyHasher, Moment, NewItem, PAGE_BYTES, PagePool, Region, Store,
    StoreOutcome, StoreVerb, WalkPosition,
};

/// Every slab class.
const ALL: u64 = !1;

/// A change between two parts of a walk: this many keys from one on are stored or deleted.
#[derive(Clone, Debug)]
enum Change {
    Store { first: u32, keys: u32 },
    Delete { first: u32, keys: u32 },
}

struct Walker {
    store: Store,
    hasher: KeyHasher,
    position: WalkPosition,
    /// How often each key was shown.
    shown: BTreeMap<Vec<u8>, u32>,
}

fn key(number: u32) -> Vec<u8> {
    format!("key{number}").into_bytes()
}

impl Walker {
    fn new(seed: u64) -> Self {
        let region = Region::new(Box::new(vec![0_u8; 256 * PAGE_BYTES]));
        let hasher = KeyHasher::new(seed);
        let pool = Arc::new(PagePool::new(region));
        let store = Store::new(&Config::default(), pool, hasher.clone()).unwrap();
        Self { store, hasher, position: WalkPosition::default(), shown: BTreeMap::new() }
    }

    fn put(&mut self, number: u32) {
        let key = key(number);
        let item =
            NewItem { key: self.hasher.hash(&key), value: b"v", flags: 0, expiry: Expiry::NEVER };
        let _ = self.store.store(Moment::at(1), &item, StoreVerb::Set);
    }

    fn delete(&mut self, number: u32) {
        let key = key(number);
        let _ = self.store.delete(Moment::at(1), self.hasher.hash(&key));
    }

    /// The same in order, with an end at some items.
    fn walk_while(&mut self, looks: usize, items_max: usize) {
        let (shown, mut left, mut last) = (&mut self.shown, items_max, None);
        self.position = self.store.walk_while(Moment::at(1), self.position, looks, |walked| {
            if left == 0 {
                last = Some(walked.item.key().to_vec());
                return ControlFlow::Break(());
            }
            left -= 1;
            *shown.entry(walked.item.key().to_vec()).or_default() += 1;
            ControlFlow::Continue(())
        });
        // The caller may take the last one in another way.
        if let Some(key) = last.filter(|_| looks.is_multiple_of(2)) {
            *shown.entry(key).or_default() += 1;
            self.position = self.position.after();
        }
    }

    fn walk(&mut self, looks: usize) {
        let shown = &mut self.shown;
        self.position = self.store.walk(Moment::at(1), self.position, ALL, looks, |walked| {
            *shown.entry(walked.item.key().to_vec()).or_default() += 1;
        });
    }
}

fn change() -> impl Strategy<Value = Change> {
    let keys = (0_u32..40_000, 1_u32..9_000);
    prop_oneof![
        keys.clone().prop_map(|(first, keys)| Change::Store { first, keys }),
        keys.prop_map(|(first, keys)| Change::Delete { first, keys }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Even keys are there during the whole walk. Odd ones are stored and deleted between its
    /// parts.
    #[test]
    fn whoever_is_there_throughout_is_shown_once(
        seed in any::<u64>(),
        changes in prop::collection::vec((change(), 1_usize..2_500), 1..24),
        is_in_order in any::<bool>(),
    ) {
        let mut walker = Walker::new(seed);
        (0..5_000).for_each(|number| walker.put(number * 2));
        for (change, looks) in changes {
            if is_in_order {
                (0..4).for_each(|part| walker.walk_while(looks / 3, looks / 7 + part));
            } else {
                walker.walk(looks);
            }
            match change {
                Change::Store { first, keys } => {
                    (first..first + keys).for_each(|number| walker.put(number * 2 + 1));
                }
                Change::Delete { first, keys } => {
                    (first..first + keys).for_each(|number| walker.delete(number * 2 + 1));
                }
            }
            // An insertion merges buckets.
            walker.put(0);
        }
        while !walker.position.is_end() {
            if is_in_order { walker.walk_while(101, 3) } else { walker.walk(100) }
        }
        for number in 0..5_000 {
            prop_assert_eq!(walker.shown.get(&key(number * 2)), Some(&1), "key{}", number * 2);
        }
        prop_assert!(walker.shown.values().all(|times| *times == 1), "some key was shown twice");
    }
}

#[test]
fn a_part_is_short_and_empty_classes_take_none() {
    let mut walker = Walker::new(1);
    (0..5_000).for_each(|number| walker.put(number));
    walker.walk(50);
    assert!((1..=70).contains(&walker.shown.len()), "{} items in a part", walker.shown.len());
    let end = walker
        .store
        .walk(Moment::at(1), WalkPosition::default(), 1 << 40, 1, |_| panic!("no item"));
    assert!(end.is_end());
}

/// A set of classes is a word. A 64th class had no bit in it, and a shift by 64 overflows.
#[test]
fn items_of_all_classes_are_shown_however_many_there_are() {
    for (growth_factor, chunk_bytes_min) in [(1.01, 1), (1.05, 48), (1.08, 48), (1.25, 48)] {
        let region = Region::new(Box::new(vec![0_u8; 512 * PAGE_BYTES]));
        let hasher = KeyHasher::new(1);
        let config = Config { growth_factor, chunk_bytes_min, ..Config::default() };
        let pool = Arc::new(PagePool::new(region));
        let mut store = Store::new(&config, pool, hasher.clone()).unwrap();
        assert!(store.classes().len() <= CLASSES_MAX);
        let lengths = || (1..33_000).step_by(97).chain([40_000]);
        for len in lengths() {
            let (key, value) = (format!("k{len}"), vec![b'v'; len]);
            let item = NewItem {
                key: hasher.hash(key.as_bytes()),
                value: &value,
                flags: 0,
                expiry: Expiry::NEVER,
            };
            let outcome = store.store(Moment::at(1), &item, StoreVerb::Set);
            assert_eq!(outcome, StoreOutcome::Stored);
        }
        let (mut shown, mut highest) = (0, 0);
        let end = store.walk(Moment::at(1), WalkPosition::default(), ALL, usize::MAX, |walked| {
            shown += 1;
            highest = highest.max(walked.class.number());
        });
        assert!(end.is_end());
        assert_eq!(
            (shown, highest),
            (lengths().count(), store.classes().len()),
            "-f {growth_factor}"
        );
        store.check().unwrap();
    }
}
