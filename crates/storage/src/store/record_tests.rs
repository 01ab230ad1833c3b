//! A store that is attached by its record is the store that was saved, and a record that makes no
//! sense is no obstacle.

use alloc::sync::Arc;
use std::vec::Vec;

use proptest::prelude::*;

use crate::index::key_hasher::KeyHasher;
use crate::item::expiry::Expiry;
use crate::item::expiry::Moment;
use crate::memory::page_directory::{Generation, ShardNumber};
use crate::memory::page_pool::PagePool;
use crate::memory::region::{Region, record_words, region_bytes};
use crate::memory::shard_record::RecordWords;
use crate::store::recovery_tests::{
    Operation, PAGES, Shard, hashed, key_text, memory_of, operations,
};
use crate::store::store::{Config, Store};

/// Byte at which the first record begins.
const RECORDS_AT: usize = region_bytes(PAGES) - record_words(PAGES) * 8;

/// Nothing is evicted: which item is depends on candidates, which a record does not have.
fn config() -> Config {
    Config { evict: false, ..Config::default() }
}

fn pool_of(memory: Vec<u8>) -> PagePool {
    PagePool::attached(
        Region::with_directory(memory_of(memory), PAGES),
        usize::MAX,
        1,
        Generation::First,
    )
}

fn attached(memory: Vec<u8>, now: u32) -> Shard {
    let (pool, hasher) = (Arc::new(pool_of(memory)), KeyHasher::new(3));
    assert!(pool.has_records());
    let store = Store::attach(&config(), pool, hasher.clone()).expect("a record that fits");
    store.check().unwrap();
    Shard { store, hasher, now }
}

/// A store that another process may have left, which goes on from there.
fn left_after(operations: &[Operation]) -> Shard {
    let mut shard = Shard::with_config(&config());
    for operation in operations {
        shard.run(operation);
    }
    shard
}

fn saved(shard: &mut Shard) -> Vec<u8> {
    assert!(shard.store.save_record());
    shard.store.check().unwrap();
    let memory = shard.memory();
    // It goes on here, and a record would be out of date.
    shard.store.items().slabs().stock.kept_number(ShardNumber::Record).set(0);
    memory
}

fn assert_equal(left: &Shard, right: &Shard) {
    assert_eq!(left.contents(), right.contents());
    let gauges = |shard: &Shard| {
        let stats = shard.store.stats();
        (stats.curr_items, stats.bytes, stats.pages_owned, stats.hash_bytes)
    };
    assert_eq!(gauges(left), gauges(right));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn an_attached_store_goes_on_as_the_saved_one(
        before in prop::collection::vec(operations(), 0..120),
        after in prop::collection::vec(operations(), 1..60),
    ) {
        let mut shard = left_after(&before);
        let memory = saved(&mut shard);
        if shard.knows_epoch() {
            let searched = Shard::recovered(memory.clone(), shard.now);
            prop_assert_eq!(shard.contents(), searched.contents());
        }
        let mut other = attached(memory, shard.now);
        assert_equal(&shard, &other);
        for operation in &after {
            shard.run(operation);
            other.run(operation);
            assert_equal(&shard, &other);
        }
        other.store.check().unwrap();
        // The record is gone, and a process that ends now leaves items to be searched.
        prop_assert!(!pool_of(other.memory()).has_records());
        // Its items are those of a store whose flush marks are known.
        let again = saved(&mut other);
        assert_equal(&other, &attached(again, other.now));
    }

    #[test]
    fn holds_and_sweeps_end_before_a_record(
        steps in prop::collection::vec((operations(), any::<bool>()), 1..60),
    ) {
        let (mut shard, mut holds) = (Shard::with_config(&config()), Vec::new());
        for (operation, holds_next) in &steps {
            shard.run(operation);
            if let Some(key) = operation.key().filter(|_| *holds_next).map(key_text) {
                let key = hashed(&shard.hasher, &key);
                if shard.store.get(Moment::at(shard.now), key).is_ok() {
                    holds.extend(shard.store.hold(Moment::at(shard.now), key));
                }
            }
        }
        let memory = saved(&mut shard);
        assert_equal(&shard, &attached(memory, shard.now));
    }

    /// The checksum tells: another process searches for the items instead.
    #[test]
    fn a_damaged_record_is_not_used(
        before in prop::collection::vec(operations(), 1..40),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let mut shard = left_after(&before);
        let mut memory = saved(&mut shard);
        let pool = pool_of(memory.clone());
        let words = pool.saved_record(Generation::First.owner(0)).unwrap().len();
        memory[RECORDS_AT + place.index(words * 8)] ^= 1 << bit;
        let pool = pool_of(memory);
        prop_assert!(!pool.has_records());
        let knows_epoch = shard.knows_epoch();
        let searched = Shard::of_pool(pool, shard.now);
        prop_assert!(!knows_epoch || shard.contents() == searched.contents());
    }

    /// Nobody writes such records. They are refused, or a store that can be used is made of them.
    #[test]
    fn a_record_that_makes_no_sense_is_refused(
        before in prop::collection::vec(operations(), 1..40),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), prop_oneof![0..200_u64, any::<u64>()], any::<bool>()),
            1..4,
        ),
    ) {
        let mut shard = left_after(&before);
        let memory = saved(&mut shard);
        let pool = pool_of(memory);
        let mut record = pool.saved_record(Generation::First.owner(0)).unwrap();
        let mut words = record.words.words().to_vec();
        for (place, value, adds) in changes {
            let place = place.index(words.len());
            words[place] = if adds { words[place].wrapping_add(value) } else { value };
        }
        record.words = RecordWords::of(words);
        prop_assert!(pool.save_record(Generation::First.owner(0), &record));
        let pool = Arc::new(pool);
        let hasher = KeyHasher::new(3);
        if let Some(store) = Store::attach(&config(), Arc::clone(&pool), hasher.clone()) {
            let _ = store.check();
            return Ok(());
        }
        pool.recover_instead(1);
        let mut store = Store::for_recovery(&config(), pool, hasher.clone()).unwrap();
        store.recover(Moment::at(shard.now));
        store.check().unwrap();
        let searched = Shard { store, hasher, now: shard.now };
        prop_assert!(!shard.knows_epoch() || shard.contents() == searched.contents());
    }
}

#[test]
fn a_value_that_is_arriving_leaves_no_record() {
    let mut shard = Shard::with_config(&config());
    let key = shard.hasher.hash(b"key");
    let reservation =
        shard.store.reserve(Moment::at(shard.now), key, 0, Expiry::NEVER, 100_000).unwrap();
    assert!(!shard.store.save_record());
    shard.store.abandon(reservation);
    assert!(shard.store.save_record());
}
