//! Which items a store keeps, refuses and evicts.

use std::sync::Arc;
use std::thread;

use slabcore_storage::{
    Config, Expiry, KeyHasher, LONG_VALUE_BYTES, Miss, Moment, NewItem, NoMemory, PAGE_BYTES,
    PageWish, Reassigned, Store, StoreOutcome, StoreVerb,
};

use crate::shard::{Shard, pattern, pool};

#[test]
fn a_growing_table_finds_every_item() {
    let mut shard = Shard::new(&Config { evict: false, ..Config::default() }, &pool(200));
    for round in 0..4 {
        assert_eq!(shard.fill(&format!("r{round}-"), 10_000, 10), 10_000);
        shard.store.check().unwrap();
        for old in 0..=round {
            assert_eq!(shard.hits(&format!("r{old}-"), 10_000), 10_000);
        }
    }
    for n in 0..10_000 {
        let key = format!("r1-{n}");
        let hashed = shard.hasher.hash(key.as_bytes());
        shard.store.delete(Moment::at(1), hashed).unwrap();
    }
    shard.store.check().unwrap();
    assert_eq!(shard.hits("r1-", 10_000), 0);
    assert_eq!(shard.hits("r2-", 10_000), 10_000);
    let stats = shard.store.stats();
    assert_eq!(stats.curr_items, 30_000);
    assert_eq!(stats.hash_power_level, 12);
}

#[test]
fn small_items_cost_at_most_24_bytes_beside_key_and_value() {
    let mut shard = Shard::new(&Config::default(), &pool(400));
    // Header, key and value fill a chunk exactly, so the overhead is header and table.
    let items = 200_000;
    for n in 0..items {
        assert_eq!(shard.set(&format!("key-{n:08}"), 36, 0), StoreOutcome::Stored);
        let bytes = shard.store.pages_owned() * PAGE_BYTES;
        let overhead = bytes as f64 / f64::from(n + 1) - 48.0;
        assert!(n < 50_000 || overhead <= 24.0, "{overhead} bytes of overhead at {n} items");
    }
}

#[test]
fn memory_moves_between_small_and_large_items() {
    let config = Config { fair_share_pages: 64, ..Config::default() };
    let mut shard = Shard::new(&config, &pool(64));
    for (prefix, items, len) in
        [("small", 60_000, 20), ("large", 40, 300_000), ("mid", 3_000, 2_000), ("tiny", 60_000, 1)]
    {
        for n in 0..items {
            shard.now += u32::from(n % 20 == 0);
            assert_eq!(
                shard.set(&format!("{prefix}{n}"), len, 0),
                StoreOutcome::Stored,
                "{prefix}"
            );
        }
        shard.store.check().unwrap();
        // The item that was stored last is there, whatever the memory was used for before.
        assert_eq!(shard.get(&format!("{prefix}{}", items - 1)), Ok(len));
    }
    let stats = shard.store.stats();
    assert!(stats.slabs_moved > 10 && stats.counters.evicted > 1_000, "{stats:?}");
    assert_eq!(stats.pages_owned, 64);
}

#[test]
fn without_evictions_a_full_store_refuses_and_keeps_all() {
    let mut shard = Shard::new(&Config { evict: false, ..Config::default() }, &pool(16));
    let stored = shard.fill("k", 2_000, 1_000);
    assert!((700..1_000).contains(&stored), "{stored}");
    assert_eq!(shard.hits("k", stored), stored);
    shard.store.check().unwrap();
    // Expired items make room.
    let mut shard = Shard::new(&Config { evict: false, ..Config::default() }, &pool(16));
    (0..2_000).for_each(|n| {
        shard.set(&format!("k{n}"), 1_000, 50);
    });
    shard.now = 50;
    assert_eq!(shard.set("new", 1_000, 0), StoreOutcome::Stored);
    assert_eq!(shard.get("k500"), Err(Miss::Expired));
    while shard.store.maintain(Moment::at(50), 1_000) {}
    assert_eq!(shard.store.stats().curr_items, 1);
    shard.store.check().unwrap();
}

/// A temporary item was evicted although memory was full of items that never expire.
#[test]
fn temporary_items_outlive_others() {
    let config = Config { fair_share_pages: 32, ..Config::default() };
    let mut shard = Shard::new(&config, &pool(32));
    shard.store.set_temporary_ttl(61);
    let canaries = |shard: &mut Shard, name: &str, ttl| {
        (0..20).for_each(|n| {
            shard.set(&format!("{name}{n}"), 500, shard.now + ttl);
        });
    };
    canaries(&mut shard, "short", 61);
    canaries(&mut shard, "long", 62);
    // Also if pages go to other classes, and if a page is cleared at once.
    for (round, len) in [500, 3_000, 500, 20, 1_000, 30_000].into_iter().enumerate() {
        shard.fill(&format!("r{round}-"), (8 << 20) / (len + 50), len);
        assert_eq!(shard.hits("short", 20), 20, "values of {len} bytes");
        shard.store.check().unwrap();
    }
    assert_eq!(shard.set("huge", 700_000, 0), StoreOutcome::Stored);
    assert_eq!((shard.hits("short", 20), shard.hits("long", 20)), (20, 0));
    // If there are only temporary items they are evicted, also for longer values.
    for len in [500, 3_000, 100] {
        for n in 0..(8 << 20) / (len + 50) {
            let exptime = shard.now + 50;
            assert_eq!(shard.set(&format!("t{len}-{n}"), len, exptime), StoreOutcome::Stored);
        }
        shard.store.check().unwrap();
    }
    assert_eq!(shard.set("plain", 500, 0), StoreOutcome::Stored);
    // An operator's command and other shards' needs come first.
    assert_eq!(shard.store.reassign(None, None), Reassigned::Begun);
    while shard.store.maintain(Moment::at(shard.now), 64) {}
    shard.store.grant(PageWish { pages: 5, worth: u64::MAX });
    while shard.store.maintain(Moment::at(shard.now), 64) {}
    assert_eq!(shard.store.pages_owned(), 32 - 6);
    shard.store.check().unwrap();
}

/// Only values that arrived in parts were noticed.
#[test]
fn a_long_value_is_noticed_however_it_is_stored() {
    for before in [None, Some(LONG_VALUE_BYTES)] {
        let mut shard = Shard::new(&Config::default(), &pool(16));
        if let Some(len) = before {
            assert_eq!(shard.set("key", len, 0), StoreOutcome::Stored);
        }
        assert!(!shard.store.has_long_values());
        let len = if before.is_some() { LONG_VALUE_BYTES + 1 } else { 32_000 };
        assert_eq!(shard.set("key", len, 0), StoreOutcome::Stored);
        assert!(shard.store.has_long_values(), "{len} bytes");
    }
}

#[test]
fn items_read_twice_outlive_those_never_read() {
    let config = Config { fair_share_pages: 16, ..Config::default() };
    let mut shard = Shard::new(&config, &pool(16));
    assert_eq!(shard.fill("canary", 20, 500), 20);
    for n in 0..20_000 {
        assert_eq!(shard.set(&format!("k{n}"), 500, 0), StoreOutcome::Stored);
        if n % 100 == 0 {
            assert_eq!(shard.hits("canary", 20), 20);
        }
    }
    shard.store.check().unwrap();
}

#[test]
fn uniques_differ_over_shards_and_stay_until_a_store() {
    let pool = pool(32);
    let mut uniques = vec![];
    for shard_number in 0..2 {
        let config =
            Config { shards: 2, shard: shard_number, fair_share_pages: 16, ..Config::default() };
        let mut shard = Shard::new(&config, &pool);
        let hashed = shard.hasher.hash(b"k");
        for len in [1, 40_000] {
            shard.set("k", len, 0);
            let first = shard.store.get_with_cas(Moment::at(1), hashed).unwrap().cas();
            assert_eq!(shard.store.get_with_cas(Moment::at(1), hashed).unwrap().cas(), first);
            shard.store.touch(Moment::at(1), hashed, Expiry::at(90)).unwrap();
            assert_eq!(shard.store.get_with_cas(Moment::at(1), hashed).unwrap().cas(), first);
            uniques.push(first);
            let item = NewItem { key: hashed, value: b"new", flags: 0, expiry: Expiry::NEVER };
            let mut cas = |unique| shard.store.store(Moment::at(1), &item, StoreVerb::Cas(unique));
            assert_eq!(cas(first), StoreOutcome::Stored);
            assert_eq!(cas(first), StoreOutcome::Exists);
            assert_eq!(cas(0), StoreOutcome::Exists);
        }
    }
    uniques.sort_unstable();
    uniques.dedup();
    assert!(uniques.len() == 4 && uniques[0] > 1, "{uniques:?}");
}

/// Each dead item that a request finds is counted once, whatever the request is.
#[test]
fn dead_items_that_are_met_are_counted() {
    let mut shard = Shard::new(&Config::default(), &pool(16));
    shard.fill("a", 1, 10);
    shard.store.flush_all();
    shard.fill("a", 1, 10);
    let hashed = shard.hasher.hash(b"a0");
    shard.store.touch(Moment::at(1), hashed, Expiry::at(5)).unwrap();
    assert_eq!(shard.store.touch(Moment::at(5), hashed, Expiry::at(9)), Err(Miss::Expired));
    assert_eq!(shard.store.touch(Moment::at(5), hashed, Expiry::at(9)), Err(Miss::NotFound));
    let stats = shard.store.stats();
    assert_eq!((stats.get_flushed, stats.get_expired), (1, 1));
}

#[test]
fn a_value_larger_than_all_memory_evicts_nothing() {
    let config = Config { fair_share_pages: 16, ..Config::default() };
    let mut shard = Shard::new(&config, &pool(16));
    let stored = shard.fill("k", 300, 1_000);
    let hashed = shard.hasher.hash(b"huge");
    let refused = shard.store.reserve(Moment::at(1), hashed, 0, Expiry::NEVER, 20 * PAGE_BYTES);
    assert_eq!(refused.err(), Some(NoMemory));
    assert_eq!(shard.hits("k", 300), stored);
}

#[test]
fn a_store_needs_its_minimum_of_pages() {
    let hasher = KeyHasher::new(1);
    assert!(Store::new(&Config::default(), pool(5), hasher.clone()).is_err());
    let pool = pool(8);
    let config = Config { fair_share_pages: 4, ..Config::default() };
    let store = Store::new(&config, Arc::clone(&pool), hasher).unwrap();
    assert_eq!((store.pages_owned(), pool.pages_free()), (4, 4));
}

/// The last parts of large items lie in a class of their own. An item that was evicted for a chunk
/// of that class was counted there. `stats items` has no line for that class, because no item has
/// its head in it.
#[test]
fn evictions_count_for_the_class_of_the_item() {
    // With some of these sizes the class of the last parts is the one without a free chunk.
    for pages in 50..70 {
        let mut shard = Shard::new(&Config::default(), &pool(pages));
        assert_eq!(shard.fill("k", 200, 100_000), 200);
        shard.store.check().unwrap();
        let classes = shard.store.classes().map(|it| shard.store.class_stats(Moment::at(1), it));
        let used: Vec<_> = classes.filter(|class| class.used_chunks > 0).collect();
        assert_eq!(used.len(), 2, "heads and last parts: {used:?}");
        for class in used {
            assert_eq!(class.number > 0, class.counters.evicted > 0, "{class:?}");
        }
    }
}

/// Half of the items expire after 10 s, half never do. After the 10 s no live item is evicted until
/// the memory of the expired half is used.
#[test]
fn expired_memory_is_used_before_anything_live_is_evicted() {
    let mut shard = Shard::new(&Config::default(), &pool(40));
    shard.now = 100;
    let mut stored = 0;
    while shard.store.stats().counters.evicted == 0 {
        let exptime = if stored % 2 == 0 { 110 } else { 0 };
        assert_eq!(shard.set(&format!("first{stored:08}"), 100, exptime), StoreOutcome::Stored);
        stored += 1;
    }
    shard.store.check().unwrap();
    shard.now = 110;
    assert_eq!(shard.fill("second", stored / 2 - 16, 100), stored / 2 - 16);
    shard.store.check().unwrap();
    let evicted = shard.store.stats().counters.evicted;
    assert!(evicted < 64, "{evicted} evicted: more than made room before the expiry");
}

/// `gats` with a past exptime first made the item dead, then allocated memory to give it a cas
/// unique. The sweep for expired items took back the same item.
#[test]
fn an_item_that_dies_while_it_is_rewritten_stays_until_it_is_rewritten() {
    let mut shard = Shard::new(&Config::default(), &pool(12));
    shard.now = 100;
    for round in 0..40 {
        shard.fill(&format!("r{round}-"), 2_000, 100);
        for number in (0..2_000).step_by(7) {
            let key = format!("r{round}-{number}");
            let hashed = shard.hasher.hash(key.as_bytes());
            // A hit or a miss. The store must stay sound.
            let _ = shard.store.get_and_touch(Moment::at(shard.now), hashed, Expiry::at(1), true);
        }
        shard.store.check().unwrap();
    }
}

/// Pages of the smallest chunks take many steps to empty. A set must not fail meanwhile.
#[test]
fn without_evictions_what_deletes_freed_serves_other_sizes() {
    let mut shard = Shard::new(&Config { evict: false, ..Config::default() }, &pool(32));
    let stored = shard.fill("k", 100_000, 2);
    for number in (0..stored).filter(|number| number % 3 != 0) {
        let key = format!("k{number}");
        let hashed = shard.hasher.hash(key.as_bytes());
        shard.store.delete(Moment::at(1), hashed).unwrap();
    }
    for number in 0..100 {
        assert_eq!(shard.set(&format!("large{number}"), 2_000, 0), StoreOutcome::Stored);
    }
    shard.store.check().unwrap();
    assert_eq!(shard.hits("k", stored), stored.div_ceil(3));
}

/// Two values are stored at a time, chunk by chunk in turn, and one of the two is deleted. So the
/// other's chunks half fill their pages, and move together when other classes need pages. Values
/// that have moved, and values that are moving, grow at both ends. Nothing is evicted, so nothing
/// may be lost.
#[test]
fn values_stay_whole_and_grow_while_their_chunks_move() {
    let mut shard = Shard::new(&Config { evict: false, ..Config::default() }, &pool(80));
    let mut joins = 0;
    for round in 0..12_usize {
        let mut values: Vec<Vec<u8>> = (0..10).map(|n| pattern(round + n, 150_000)).collect();
        for (number, value) in values.iter().enumerate() {
            shard.store_side_by_side([&format!("long{number}"), "dropped"], value);
            shard.delete("dropped");
        }
        let lens = [40, 1_500, 300, 6_000, 20_000];
        for turn in 0..8 {
            let prefix = format!("small{turn}-");
            shard.fill(&prefix, 3_000, lens[(round + turn) % lens.len()]);
            shard.store.check().unwrap();
            for number in (0..3_000).filter(|number| number % 8 != turn) {
                shard.delete(&format!("{prefix}{number}"));
            }
            for (number, value) in values.iter_mut().enumerate() {
                let part = pattern(round, (round * 1_009 + turn * 3_511 + number * 977) % 9_000);
                let key = format!("long{number}");
                let (verb, at) = match (turn + number) % 2 {
                    0 => (StoreVerb::Prepend, 0),
                    _ => (StoreVerb::Append, value.len()),
                };
                if shard.store(&key, &part, verb) == StoreOutcome::Stored {
                    joins += 1;
                    value.splice(at..at, part);
                }
            }
            for (number, value) in values.iter().enumerate() {
                assert!(shard.has_value(&format!("long{number}"), value), "round {round}");
            }
            shard.store.check().unwrap();
        }
        shard.store.flush_all();
        while shard.store.maintain(Moment::at(1), 1_000) {}
    }
    let moved = shard.store.stats().items_moved;
    assert!(joins > 500 && moved > 5_000, "{joins} joins, {moved} chunks moved");
}

/// Readers on other threads do not need the store. A held value stays the same while the store
/// evicts, moves and overwrites other items, and even after the key was deleted.
#[test]
fn held_values_are_read_on_other_threads_while_the_store_works() {
    let pool = pool(96);
    let mut shard = Shard::new(&Config::default(), &pool);
    let values: Vec<Vec<u8>> = (0..4).map(|seed| pattern(seed, 30_000 << seed)).collect();
    let mut holds = Vec::new();
    for (number, value) in values.iter().enumerate() {
        let key = format!("held{number}");
        assert_eq!(shard.store(&key, value, StoreVerb::Set), StoreOutcome::Stored);
        let hashed = shard.hasher.hash(key.as_bytes());
        let hold = shard.store.hold(Moment::at(shard.now), hashed).unwrap();
        holds.push((hold, value));
        if number % 2 == 0 {
            shard.delete(&key);
        }
    }
    let holds = thread::scope(|scope| {
        let readers: Vec<_> = holds
            .into_iter()
            .map(|(hold, value)| {
                scope.spawn(move || {
                    for offset in (0..value.len()).step_by(value.len() / 200) {
                        assert!(hold.parts(offset).flatten().eq(&value[offset..]));
                    }
                    let (start, end) = (value.len() / 3, value.len() / 2);
                    let hold = hold.of_part(start..end);
                    assert_eq!(hold.value_bytes(), end - start);
                    for offset in (0..=end - start).step_by((end - start) / 50) {
                        assert!(hold.parts(offset).flatten().eq(&value[start + offset..end]));
                    }
                    hold
                })
            })
            .collect();
        let mut rounds = 0;
        while rounds < 20 || readers.iter().any(|reader| !reader.is_finished()) {
            for number in 0..500 {
                let value = pattern(number, 50 + (number * 97 + rounds * 331) % 9_000);
                shard.store(&format!("other{number}"), &value, StoreVerb::Set);
            }
            if rounds % 8 == 0 {
                shard.store.flush_all();
            }
            shard.store.maintain(Moment::at(shard.now), 1_000);
            rounds += 1;
        }
        readers.into_iter().map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
    });
    shard.store.check().unwrap();
    for hold in holds {
        shard.store.release(hold);
    }
    assert_eq!(shard.store.stats().holds, 0);
    shard.store.check().unwrap();
}
