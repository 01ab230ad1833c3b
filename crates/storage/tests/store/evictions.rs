//! Evictions ahead of need: they are few, and only of small items.

use slabcore_storage::{Config, Moment, StoreOutcome};

use crate::shard::{Shard, pool};

/// Items that one set evicts at most.
const VICTIMS_MAX: u64 = 8;

/// Evictions of each of 60,000 sets of values of this length, which fill a store several times.
fn evictions_of_sets(len: usize) -> (Shard, Vec<u64>) {
    const PAGES: usize = 64;
    let mut shard =
        Shard::new(&Config { fair_share_pages: PAGES, ..Config::default() }, &pool(PAGES));
    let mut before = 0;
    let mut evictions = Vec::new();
    for number in 0..60_000 {
        let key = format!("key-{number:08}");
        assert_eq!(shard.set(&key, len, 0), StoreOutcome::Stored);
        assert_eq!(shard.get(&key), Ok(len), "what was just stored is evicted");
        let evicted = shard.store.stats().counters.evicted;
        evictions.push(evicted - before);
        before = evicted;
    }
    shard.store.check().unwrap();
    (shard, evictions)
}

#[test]
fn small_items_are_evicted_a_few_at_a_time() {
    let (mut shard, evictions) = evictions_of_sets(100);
    let full = &evictions[evictions.len() * 2 / 3..];
    assert!(full.iter().all(|evicted| *evicted <= VICTIMS_MAX), "{:?}", full.iter().max());
    let evicting = full.iter().filter(|evicted| **evicted > 0).count();
    assert!(evicting < full.len() / 4, "{evicting} of {} sets evicted", full.len());
    // Each set takes one chunk, so there are as many evictions as sets, except for those ahead.
    let evicted: u64 = full.iter().sum();
    assert!(evicted.abs_diff(full.len() as u64) <= VICTIMS_MAX, "{evicted} of {}", full.len());
    // A store that nothing is stored in evicts nothing.
    let before = shard.store.stats().counters.evicted;
    while shard.store.maintain(Moment::at(shard.now), 100) {}
    assert_eq!(shard.store.stats().counters.evicted, before);
}

#[test]
fn large_items_are_evicted_one_by_one() {
    let (_, evictions) = evictions_of_sets(3000);
    let full = &evictions[evictions.len() * 2 / 3..];
    assert!(full.iter().all(|evicted| *evicted == 1), "{:?}", full.iter().max());
}
