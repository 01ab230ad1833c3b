//! Values that a full store keeps whatever their size: those that were just stored, and those that
//! are read often. A turnover is as many stored bytes as the memory has.

use std::sync::{Arc, Mutex};

use slabcore_storage::{Config, Moment, PAGE_BYTES};

use crate::full_store::{FullStore, ITEM_BYTES};
use crate::shard::{Shard, pattern, pool};

/// Sizes of values from a small one to nearly the largest that memcached takes by default.
const LENS: [usize; 6] = [100, 5_000, 20_000, 100_000, 500_000, 900_000];

/// A value of 500,000 bytes was evicted by the next set of 5,000 bytes. Values of 700,000 bytes
/// were gone at the next get, without anything between.
#[test]
fn a_value_is_there_for_the_next_get() {
    let loads: [&[usize]; 5] =
        [&[100], &[1_000], &[5_000], &[20_000], &[100, 1_000, 5_000, 20_000, 300_000]];
    for lens in loads {
        let mut store = FullStore::new(128, lens);
        for round in 0..30 {
            for len in LENS {
                // Some keys are new, and some have a value that is replaced.
                let key = format!("value{len}-{}", round % 20);
                store.set(&key, len);
                assert!(store.hits(&key), "{len} bytes among {lens:?}, round {round}");
                store.let_other_store();
                assert!(store.hits(&key), "{len} bytes among {lens:?} after a set, round {round}");
                let others = store.below(50);
                (0..others).for_each(|_| _ = store.let_other_store());
            }
        }
        store.shard.store.check().unwrap();
    }
}

/// The page of a small item was cleared at once for another client's long value, with all items in
/// it.
#[test]
fn a_small_value_is_there_after_the_next_long_one() {
    for (pages, lens) in [(64, &[100][..]), (128, &[1_000]), (288, &[100])] {
        let mut store = FullStore::new(pages, lens);
        for round in 0..40 {
            let keys: Vec<String> =
                (0..20).map(|number| format!("small{round}-{number}")).collect();
            for key in &keys {
                store.set(key, lens[0]);
                store.let_other_store();
            }
            let len = LENS[2 + round % 4];
            store.set(&format!("long{round}"), len);
            for key in &keys {
                assert!(store.hits(key), "{key} after {len} bytes, {pages} pages of {lens:?}");
            }
            store.let_others_store(store.memory_bytes / 16);
        }
        store.shard.store.check().unwrap();
    }
}

/// While a long value arrives in parts, other clients store. The value is there afterwards.
#[test]
fn a_value_that_arrived_slowly_is_there_for_the_next_get() {
    for lens in [&[100][..], &[5_000], &[100, 20_000]] {
        let mut store = FullStore::new(128, lens);
        for (round, len) in (0..20).flat_map(|round| LENS.map(|len| (round, len))) {
            let (key, value) = (format!("value{round}-{len}"), pattern(round, len));
            let mut arriving = store.reserve(&key, len);
            while arriving.missing() > 0 {
                store.receive(&mut arriving, &value);
                store.let_other_store();
            }
            store.commit(arriving);
            store.let_other_store();
            assert!(store.shard.has_value(&key, &value), "{len} bytes among {lens:?}");
        }
        store.shard.store.check().unwrap();
    }
}

/// Two shards of one pool. A value needs pages of the other shard.
#[test]
fn a_value_larger_than_its_shard_is_there_for_the_next_get() {
    const PAGES: usize = 64;
    let pool = pool(PAGES);
    let config = Config { shards: 2, fair_share_pages: PAGES / 2, ..Config::default() };
    let shard = |shard| Shard::new(&Config { shard, ..config.clone() }, &pool);
    let other = Arc::new(Mutex::new(shard(1)));
    let giver = Arc::clone(&other);
    let mut own = shard(0);
    own.store.set_page_demand(Box::new(move |now| giver.lock().unwrap().store.give_now(now)));
    let mut own = FullStore::with(own, PAGES * PAGE_BYTES / 2, &[100, 1_000]);
    for round in 0..40 {
        other.lock().unwrap().fill(&format!("other{round}-"), 2_000, 1_000);
        for len in [20_000, 700_000, 900_000, 2_200_000] {
            let key = format!("value{len}");
            own.set(&key, len);
            assert!(own.hits(&key), "{len} bytes, round {round}");
            own.let_other_store();
            assert!(own.hits(&key), "{len} bytes after a set, round {round}");
        }
    }
    own.shard.store.check().unwrap();
    other.lock().unwrap().store.check().unwrap();
}

/// Values that one client keeps reading while others store.
struct ReadValues {
    keys: Vec<(String, usize)>,
}

impl ReadValues {
    /// A number of keys for each length.
    fn new(lens: &[(usize, usize)]) -> ReadValues {
        let keys = lens.iter().flat_map(|(count, len)| {
            (0..*count).map(move |number| (format!("read{len}-{number}"), *len))
        });
        ReadValues { keys: keys.collect() }
    }

    fn store(&self, store: &mut FullStore) {
        for (key, len) in &self.keys {
            store.set(key, *len);
        }
    }

    /// Reads each value once while others store this part of a turnover; each call of `others`
    /// returns the bytes that it stored. Returns the values that were missed, and stores them
    /// again.
    fn read_during(
        &self,
        store: &mut FullStore,
        part: f64,
        mut others: impl FnMut(&mut FullStore) -> usize,
    ) -> Vec<&str> {
        let bytes = (store.memory_bytes as f64 * part) as usize;
        let (mut stored, mut missed) = (0, Vec::new());
        for (number, (key, len)) in self.keys.iter().enumerate() {
            while stored < bytes * (number + 1) / self.keys.len() {
                stored += others(store);
            }
            if !store.hits(key) {
                missed.push(key.as_str());
                store.set(key, *len);
            }
        }
        missed
    }
}

/// Pages, fragments and sessions never hit once small traffic filled the cache. Values that are
/// read 16 times in a turnover stay, once the memory has been shared out.
#[test]
fn a_value_that_is_read_often_stays() {
    let kept =
        [&[(200, 100), (20, 1_000), (20, 5_000), (10, 20_000), (1, 500_000)][..], &[(50, 20_000)]];
    for (kept, len) in kept.into_iter().flat_map(|kept| [1_000, 20_000].map(|len| (kept, len))) {
        let mut store = FullStore::new(128, &[len]);
        let values = ReadValues::new(kept);
        values.store(&mut store);
        for round in 0..64 {
            let missed = values.read_during(&mut store, 1.0 / 16.0, FullStore::let_other_store);
            let what = format!("{kept:?} among {len}, round {round}");
            assert!(round < 32 || missed.is_empty(), "{what}: {missed:?}");
        }
        store.shard.store.check().unwrap();
    }
}

/// Values lasted for 50 to 350 sets of 1,000 bytes, even after three reads.
#[test]
fn a_value_that_nobody_reads_lasts_a_part_of_a_turnover() {
    for len in [100, 20_000, 100_000, 300_000, 500_000, 900_000] {
        for reads in [0, 1, 3] {
            let mut store = FullStore::new(256, &[1_000]);
            for round in 0..8 {
                let key = format!("value{round}");
                store.set(&key, len);
                (0..reads).for_each(|_| assert!(store.hits(&key)));
                store.let_others_store(store.memory_bytes / 8);
                assert!(store.hits(&key), "{len} bytes after {reads} reads, round {round}");
            }
        }
    }
}

/// Keys that a cache-aside client reads, in equal parts of its requests for each length.
struct WorkingSet(Vec<(usize, usize)>);

impl WorkingSet {
    /// For each length, the percentage of the memory that its items take.
    fn new(store: &FullStore, shares: &[(usize, usize)]) -> WorkingSet {
        let keys = |(len, percent): &(usize, usize)| {
            (*len, (store.memory_bytes * percent / 100 / (len + ITEM_BYTES)).max(1))
        };
        WorkingSet(shares.iter().map(keys).collect())
    }

    /// Asks for each key this many times on average, but stops after `turnovers` if many requests
    /// miss. Returns the hit ratio for each length.
    fn play(&self, store: &mut FullStore, times: usize, turnovers: usize) -> Vec<f64> {
        let rounds_max = times * self.0.iter().map(|(_, keys)| *keys).max().unwrap();
        let mut hits = vec![0; self.0.len()];
        let (mut rounds, mut stored) = (0, 0);
        while rounds < rounds_max && stored < turnovers * store.memory_bytes {
            rounds += 1;
            for ((len, keys), hits) in self.0.iter().zip(&mut hits) {
                let key = format!("{len}-{}", store.below(*keys));
                if store.hits(&key) {
                    *hits += 1;
                } else {
                    store.set(&key, *len);
                    stored += len + ITEM_BYTES;
                }
            }
        }
        hits.iter().map(|hits| f64::from(*hits) / rounds as f64).collect()
    }
}

/// The memory follows a load that moves between small and large values: the hit ratio of what is
/// read now recovers within some turnovers, and no value is refused.
#[test]
fn the_hit_ratio_recovers_when_shares_of_sizes_change() {
    let mut store = FullStore::new(256, &[100]);
    let phases: [&[(usize, usize)]; 8] = [
        &[(100, 55)],
        &[(20_000, 55)],
        &[(900_000, 55)],
        &[(20_000, 55)],
        &[(100, 55)],
        &[(100, 45), (20_000, 6), (900_000, 6)],
        &[(100, 6), (20_000, 6), (900_000, 45)],
        &[(100, 6), (20_000, 45), (900_000, 6)],
    ];
    for (number, shares) in phases.into_iter().enumerate() {
        let working_set = WorkingSet::new(&store, shares);
        working_set.play(&mut store, 8, 3);
        let hits = working_set.play(&mut store, 2, 3);
        assert!(hits.iter().all(|hits| *hits > 0.85), "phase {number}, {shares:?}: {hits:?}");
        store.shard.store.check().unwrap();
    }
}

/// Values that a client has read some times stay while it reads them once in a turnover, whatever
/// they and their neighbours weigh. Others store, and read small items of their own.
#[test]
fn a_value_that_is_read_once_a_turnover_stays() {
    let several =
        [&[(200, 100), (20, 1_000), (20, 5_000), (10, 20_000), (1, 500_000)][..], &[(50, 20_000)]];
    let long = [&[(2, 700_000)][..], &[(1_000, 100), (1, 900_000)]];
    let kept = several.map(|kept| (kept, &[0, 4][..])).into_iter();
    for (kept, hot_reads) in kept.chain(long.map(|kept| (kept, &[0][..]))) {
        let loads = [100, 1_000, 20_000].map(|len| hot_reads.iter().map(move |hot| (len, *hot)));
        for (len, hot_reads) in loads.into_iter().flatten() {
            let mut store = FullStore::new(128, &[len]);
            let mut others = |store: &mut FullStore| {
                let mut stored = store.let_other_store();
                for _ in 0..hot_reads {
                    let hot = format!("hot{}", store.below(2_000));
                    if !store.hits(&hot) {
                        store.set(&hot, 100);
                        stored += 100 + ITEM_BYTES;
                    }
                }
                stored
            };
            let values = ReadValues::new(kept);
            values.store(&mut store);
            for _ in 0..32 {
                values.read_during(&mut store, 1.0 / 16.0, &mut others);
            }
            for turnover in 0..4 {
                let missed = values.read_during(&mut store, 1.0, &mut others);
                let what = format!("{kept:?} among {len} bytes, {hot_reads} hot reads");
                assert!(missed.is_empty(), "{what}, turnover {turnover}: {missed:?}");
            }
            store.shard.store.check().unwrap();
        }
    }
}

/// The limit falls again and again, each time while a value arrives. The value is stored, those
/// that are read once or twice in a turnover stay, and the limit is reached.
#[test]
fn values_stay_when_the_limit_falls_while_one_arrives() {
    for parts in [1, 2] {
        let pool = pool(256);
        let config = Config { fair_share_pages: 256, ..Config::default() };
        let mut store =
            FullStore::with(Shard::new(&config, &pool), 256 * PAGE_BYTES, &[100, 5_000]);
        let values = ReadValues::new(&[(100, 100), (5, 20_000), (1, 500_000)]);
        values.store(&mut store);
        for _ in 0..32 {
            values.read_during(&mut store, 1.0 / 16.0, FullStore::let_other_store);
        }
        for (number, pages) in [208, 160, 128, 256, 128].into_iter().enumerate() {
            let (key, value) = (format!("arriving{number}"), pattern(number, 900_000));
            let mut arriving = store.reserve(&key, value.len());
            while arriving.missing() > 0 {
                let at = value.len() - arriving.missing();
                if at >= value.len() / 2 && pool.pages_total() != pages {
                    assert!(pool.set_limit(pages));
                    store.memory_bytes = pages * PAGE_BYTES;
                }
                store.receive(&mut arriving, &value);
                store.let_other_store();
            }
            store.commit(arriving);
            let what = format!("limit of {pages} pages, reads per turnover: {parts}");
            assert!(store.shard.has_value(&key, &value), "{what}");
            while store.shard.store.maintain(Moment::at(store.shard.now), 64) {}
            assert_eq!(pool.pages_over(), 0, "{what}");
            for _ in 0..2 {
                let part = 1.0 / f64::from(parts);
                let missed = values.read_during(&mut store, part, FullStore::let_other_store);
                assert!(missed.is_empty(), "{what}: {missed:?}");
            }
            store.shard.store.check().unwrap();
        }
    }
}
