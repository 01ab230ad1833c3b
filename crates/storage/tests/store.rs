//! Properties of a store that need many items, told as small stories.
//!
//! An interpreter that looks for undefined behaviour has no time for so many; it runs the model.
#![cfg(not(miri))]

use std::sync::{Arc, Mutex};
use std::thread;

use slabcore_storage::{
    Config, KeyHasher, LONG_VALUE_BYTES, Miss, NewItem, NoMemory, PAGE_BYTES, PagePool, PageWish,
    Reassigned, Region, Store, StoreOutcome, StoreVerb,
};

fn pool(pages: usize) -> Arc<PagePool> {
    Arc::new(PagePool::new(Region::new(Box::new(vec![0x5a_u8; pages * PAGE_BYTES]))))
}

/// A value in which no two parts are alike.
fn pattern(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|n| (n as u8).wrapping_mul(31) ^ (n >> 8) as u8 ^ seed as u8).collect()
}

struct Shard {
    store: Store,
    hasher: KeyHasher,
    now: u32,
}

impl Shard {
    fn new(config: &Config, pool: &Arc<PagePool>) -> Shard {
        let hasher = KeyHasher::new(1);
        let store = Store::new(config, Arc::clone(pool), hasher.clone()).unwrap();
        Shard { store, hasher, now: 1 }
    }

    fn store(&mut self, key: &str, value: &[u8], verb: StoreVerb) -> StoreOutcome {
        let item = NewItem { key: key.as_bytes(), value, flags: 0, exptime: 0 };
        self.store.store(self.now, self.hasher.hash(key.as_bytes()), &item, verb)
    }

    fn delete(&mut self, key: &str) {
        let hash = self.hasher.hash(key.as_bytes());
        let _ = self.store.delete(self.now, hash, key.as_bytes());
    }

    /// Stores a value under two keys, the chunks of both in turn.
    fn store_side_by_side(&mut self, keys: [&str; 2], value: &[u8]) {
        let mut reservations = keys.map(|key| {
            let hash = self.hasher.hash(key.as_bytes());
            self.store.reserve(self.now, hash, key.as_bytes(), 0, 0, value.len()).unwrap()
        });
        while reservations.iter().any(|reservation| reservation.missing() > 0) {
            for reservation in &mut reservations {
                let at = value.len() - reservation.missing();
                let room = self.store.spare(self.now, reservation).unwrap();
                let len = room.len();
                room.copy_from_slice(&value[at..at + len]);
                self.store.advance(reservation, len);
            }
        }
        for reservation in reservations {
            let outcome = self.store.commit(self.now, reservation, StoreVerb::Set);
            assert_eq!(outcome, StoreOutcome::Stored);
        }
    }

    /// Whether the key is there with this value.
    fn has_value(&mut self, key: &str, value: &[u8]) -> bool {
        let hash = self.hasher.hash(key.as_bytes());
        let Ok(item) = self.store.get(self.now, hash, key.as_bytes()) else { return false };
        let rest = item.value_parts().try_fold(value, |rest, part| rest.strip_prefix(part));
        rest.is_some_and(<[u8]>::is_empty)
    }

    fn set(&mut self, key: &str, len: usize, exptime: u32) -> StoreOutcome {
        let value = vec![b'v'; len];
        let item = NewItem { key: key.as_bytes(), value: &value, flags: 0, exptime };
        let hash = self.hasher.hash(key.as_bytes());
        self.store.store(self.now, hash, &item, StoreVerb::Set)
    }

    fn get(&mut self, key: &str) -> Result<usize, Miss> {
        let hash = self.hasher.hash(key.as_bytes());
        self.store.get(self.now, hash, key.as_bytes()).map(|item| item.value_len())
    }

    fn fill(&mut self, prefix: &str, items: usize, len: usize) -> usize {
        (0..items)
            .filter(|n| self.set(&format!("{prefix}{n}"), len, 0) == StoreOutcome::Stored)
            .count()
    }

    /// As [`Self::hits`], where no item is touched: dead ones stay.
    fn live(&self, prefix: &str, items: usize) -> usize {
        let keys = (0..items).map(|n| format!("{prefix}{n}"));
        let is_live = |key: &String| {
            self.store.is_live(self.now, self.hasher.hash(key.as_bytes()), key.as_bytes())
        };
        keys.filter(is_live).count()
    }

    fn hits(&mut self, prefix: &str, items: usize) -> usize {
        (0..items).filter(|n| self.get(&format!("{prefix}{n}")).is_ok()).count()
    }
}

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
        let hash = shard.hasher.hash(key.as_bytes());
        shard.store.delete(1, hash, key.as_bytes()).unwrap();
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
    // Header, key and value fill a chunk exactly: what is left is header and table.
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
        // Whatever the memory was used for, what was stored last is there.
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
    // Expired items make room even so.
    let mut shard = Shard::new(&Config { evict: false, ..Config::default() }, &pool(16));
    (0..2_000).for_each(|n| {
        shard.set(&format!("k{n}"), 1_000, 50);
    });
    shard.now = 50;
    assert_eq!(shard.set("new", 1_000, 0), StoreOutcome::Stored);
    assert_eq!(shard.get("k500"), Err(Miss::Expired));
    while shard.store.maintain(50, 1_000) {}
    assert_eq!(shard.store.stats().curr_items, 1);
    shard.store.check().unwrap();
}

/// A canary was lost although memory was full of items that never expire.
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
    // Also where pages go to other classes, and where one is cleared at once.
    for (round, len) in [500, 3_000, 500, 20, 1_000, 30_000].into_iter().enumerate() {
        shard.fill(&format!("r{round}-"), (8 << 20) / (len + 50), len);
        assert_eq!(shard.hits("short", 20), 20, "values of {len} bytes");
        shard.store.check().unwrap();
    }
    assert_eq!(shard.set("huge", 700_000, 0), StoreOutcome::Stored);
    assert_eq!((shard.hits("short", 20), shard.hits("long", 20)), (20, 0));
    // Where there are no others they go, too, and so for longer values.
    for len in [500, 3_000, 100] {
        for n in 0..(8 << 20) / (len + 50) {
            let exptime = shard.now + 50;
            assert_eq!(shard.set(&format!("t{len}-{n}"), len, exptime), StoreOutcome::Stored);
        }
        shard.store.check().unwrap();
    }
    assert_eq!(shard.set("plain", 500, 0), StoreOutcome::Stored);
    // An operator's order and other shards' needs come first.
    assert_eq!(shard.store.reassign(None, None), Reassigned::Begun);
    while shard.store.maintain(shard.now, 64) {}
    shard.store.grant(PageWish { pages: 5, worth: u64::MAX });
    while shard.store.maintain(shard.now, 64) {}
    assert_eq!(shard.store.pages_owned(), 32 - 6);
    shard.store.check().unwrap();
}

/// Only values that came in parts were noticed.
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

/// Each shard gave its part, and the shards slept although some had too little to give: memory
/// stayed above its limit until the next request.
#[test]
fn shards_with_many_pages_give_for_those_with_few() {
    let pool = pool(128);
    let config = |shard| Config { shard, shards: 2, fair_share_pages: 64, ..Config::default() };
    let mut shards = [0, 1].map(|shard| Shard::new(&config(shard), &pool));
    shards[1].fill("few", 100, 1_000);
    shards[0].fill("many", 8_000, 1_000);
    assert_eq!(pool.pages_free(), 0);
    assert!(pool.set_limit(32));
    // As executors that sleep once they have nothing left to do.
    for shard in &mut shards {
        while shard.store.maintain(shard.now, 64) {}
        shard.store.check().unwrap();
    }
    assert_eq!(pool.pages_over(), 0);
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
fn a_flush_hides_what_was_stored_before_and_nothing_after() {
    let mut shard = Shard::new(&Config::default(), &pool(16));
    for round in 0..9 {
        let prefix = format!("f{round}-");
        assert_eq!(shard.fill(&prefix, 50, 30), 50);
        assert_eq!(shard.hits(&prefix, 50), 50);
        shard.store.flush_all();
        assert_eq!(shard.get(&format!("{prefix}0")), Err(Miss::Flushed));
        assert_eq!(shard.get(&format!("{prefix}0")), Err(Miss::NotFound));
        shard.store.check().unwrap();
    }
    assert_eq!(shard.set("after", 1, 0), StoreOutcome::Stored);
    while shard.store.maintain(1, 100) {}
    assert_eq!(shard.store.stats().curr_items, 1);
    assert_eq!(shard.get("after"), Ok(1));
}

/// Marks of two bits tell the items of four flushes apart. The fourth flush took back all items of
/// the mark that it needed, in one step.
#[test]
fn a_flush_takes_back_nothing_by_itself() {
    let mut shard = Shard::new(&Config::default(), &pool(64));
    assert_eq!(shard.fill("old", 10_000, 30), 10_000);
    for round in 0..9 {
        let prefix = format!("f{round}-");
        assert_eq!(shard.fill(&prefix, 1_000, 30), 1_000);
        let items = shard.store.stats().curr_items;
        shard.store.flush_all();
        assert_eq!(shard.store.stats().curr_items, items, "round {round}");
        assert_eq!(shard.store.check(), Ok(()), "round {round}");
        // What is stored now may lie among dead items with its own mark.
        assert_eq!(shard.fill("new", 100, 30), 100);
        assert_eq!((shard.live(&prefix, 1_000), shard.live("old", 10_000)), (0, 0));
        assert_eq!(shard.live("new", 100), 100);
        assert_eq!(shard.store.check(), Ok(()), "round {round}");
    }
    assert_eq!(shard.hits("old", 10_000), 0);
    let hash = shard.hasher.hash(b"new0");
    shard.store.touch(1, hash, b"new0", 90).unwrap();
    while shard.store.maintain(1, 100) {}
    shard.store.check().unwrap();
    assert_eq!(shard.store.stats().curr_items, 100);
    assert_eq!(shard.hits("new", 100), 100);
}

/// A page that a drain empties moves its items among others, which a flush may have ended.
#[test]
fn live_items_that_move_among_flushed_ones_stay_alive() {
    let mut shard = Shard::new(&Config::default(), &pool(64));
    for round in 0..4 {
        assert_eq!(shard.fill(&format!("f{round}-"), 1_000, 30), 1_000);
        shard.store.flush_all();
    }
    // Flushed items that are met leave room in all pages.
    (0..1_000).step_by(3).for_each(|n| {
        (0..4).for_each(|round| assert!(shard.get(&format!("f{round}-{n}")).is_err()));
    });
    // They lie in one page, which is the emptiest now.
    assert_eq!(shard.fill("new", 100, 30), 100);
    let moved = shard.store.stats().items_moved;
    assert_eq!(shard.store.reassign(None, None), Reassigned::Begun);
    shard.store.crawl_in_background(false);
    while shard.store.stats().is_moving_page {
        shard.store.maintain(1, 0);
        shard.store.check().unwrap();
    }
    assert!(shard.store.stats().items_moved >= moved + 100);
    assert_eq!(shard.hits("new", 100), 100);
    while shard.store.maintain(1, 100) {}
    assert_eq!(shard.hits("new", 100), 100);
}

/// While no mark is free, stores clean pages, and the mark alone does not say who is alive.
#[test]
fn a_crawler_that_is_off_keeps_a_mark_for_the_next_flush() {
    let mut shard = Shard::new(&Config::default(), &pool(16));
    shard.store.crawl_in_background(false);
    for (round, left) in [50, 100, 100, 100].into_iter().enumerate() {
        assert_eq!(shard.fill(&format!("f{round}-"), 50, 30), 50);
        shard.store.flush_all();
        while shard.store.maintain(1, 100) {}
        assert!(shard.store.stats().curr_items <= left, "round {round}");
        assert!(shard.store.stats().curr_items > 0, "what is off collects no more than it must");
        shard.store.check().unwrap();
    }
}

#[test]
fn uniques_differ_over_shards_and_stay_until_a_store() {
    let pool = pool(32);
    let mut uniques = vec![];
    for shard_number in 0..2 {
        let config =
            Config { shards: 2, shard: shard_number, fair_share_pages: 16, ..Config::default() };
        let mut shard = Shard::new(&config, &pool);
        let hash = shard.hasher.hash(b"k");
        for len in [1, 40_000] {
            shard.set("k", len, 0);
            let first = shard.store.get_with_cas(1, hash, b"k").unwrap().cas();
            assert_eq!(shard.store.get_with_cas(1, hash, b"k").unwrap().cas(), first);
            shard.store.touch(1, hash, b"k", 90).unwrap();
            assert_eq!(shard.store.get_with_cas(1, hash, b"k").unwrap().cas(), first);
            uniques.push(first);
            let item = NewItem { key: b"k", value: b"new", flags: 0, exptime: 0 };
            let mut cas = |unique| shard.store.store(1, hash, &item, StoreVerb::Cas(unique));
            assert_eq!(cas(first), StoreOutcome::Stored);
            assert_eq!(cas(first), StoreOutcome::Exists);
            assert_eq!(cas(0), StoreOutcome::Exists);
        }
    }
    uniques.sort_unstable();
    uniques.dedup();
    assert!(uniques.len() == 4 && uniques[0] > 1, "{uniques:?}");
}

#[test]
fn pages_pass_from_a_rich_shard_to_a_poor_one() {
    let pool = pool(40);
    let config = Config { shards: 2, fair_share_pages: 20, ..Config::default() };
    let mut poor = Shard::new(&Config { shard: 1, ..config.clone() }, &pool);
    let mut rich = Shard::new(&config, &pool);
    rich.fill("r", 5_000, 1_000);
    assert_eq!(pool.pages_free(), 0);
    poor.fill("p", 5_000, 1_000);
    let wish = PageWish { worth: u64::MAX, pages: 10 };
    rich.store.grant(wish);
    while rich.store.maintain(1, 64) {}
    assert_eq!(pool.pages_free(), 10);
    poor.fill("p", 5_000, 1_000);
    assert_eq!(pool.pages_free(), 0);
    rich.store.check().unwrap();
    poor.store.check().unwrap();
    drop((rich, poor));
    assert_eq!(pool.pages_free(), 40);
}

/// Both shards give pages until the lower limit holds, and no more than that.
#[test]
fn a_lower_limit_is_reached_and_a_higher_one_used() {
    let pool = pool(80);
    assert!(pool.set_limit(60));
    let config = Config { shards: 2, fair_share_pages: 30, ..Config::default() };
    let mut one = Shard::new(&config, &pool);
    let mut other = Shard::new(&Config { shard: 1, ..config }, &pool);
    one.fill("a", 20_000, 100);
    other.fill("b", 5_000, 1_000);
    assert_eq!((pool.pages_free(), pool.pages_over()), (0, 0));
    assert!(pool.set_limit(40));
    let owned = |one: &Shard, other: &Shard| one.store.pages_owned() + other.store.pages_owned();
    while one.store.maintain(1, 64) | other.store.maintain(1, 64) {}
    assert_eq!((pool.pages_over(), pool.pages_total()), (0, 40));
    assert!((36..=40).contains(&owned(&one, &other)), "{} pages", owned(&one, &other));
    one.store.check().unwrap();
    other.store.check().unwrap();
    assert!(pool.set_limit(80));
    one.fill("a", 40_000, 100);
    other.fill("b", 9_000, 1_000);
    assert!(owned(&one, &other) > 70, "{} pages", owned(&one, &other));
}

/// A page of a class that has several is emptied; its items stay where they fit.
#[test]
fn a_page_is_reassigned() {
    let pool = pool(64);
    let mut shard = Shard::new(&Config { fair_share_pages: 64, ..Config::default() }, &pool);
    shard.fill("a", 1_000, 100);
    assert_eq!(shard.store.reassign(Some(50), None), Reassigned::NoSpare);
    (0..1_000).filter(|n| n % 3 > 0).for_each(|n| shard.delete(&format!("a{n}")));
    let items = shard.store.stats().curr_items;
    let in_classes = |store: &Store| -> u64 {
        let classes = (1..=store.classes()).filter_map(|class| store.class_stats(1, class));
        classes.map(|class| class.total_pages).sum()
    };
    assert_eq!(in_classes(&shard.store), 2);
    assert_eq!(shard.store.reassign(None, None), Reassigned::Begun);
    assert_eq!(shard.store.reassign(None, None), Reassigned::Busy);
    while shard.store.maintain(1, 64) {}
    assert_eq!(shard.store.stats().curr_items, items);
    assert_eq!(in_classes(&shard.store), 1);
    shard.store.check().unwrap();
}

/// A full store that has begun to drain a page for a class of longer items.
fn store_that_moves_a_page() -> Shard {
    let pool = pool(64);
    let mut shard = Shard::new(&Config { fair_share_pages: 64, ..Config::default() }, &pool);
    shard.fill("a", 1_500, 3_000);
    for number in 0.. {
        assert_eq!(shard.set(&format!("b{number}"), 12_000, 0), StoreOutcome::Stored);
        if shard.store.stats().is_moving_page {
            break;
        }
        assert!(number < 10_000, "no page moves");
    }
    shard
}

/// Only allocations went on with it: where none came any more the page never moved, and orders
/// were refused for ever.
#[test]
fn a_page_moves_without_further_allocations() {
    let mut shard = store_that_moves_a_page();
    let before = shard.store.stats();
    shard.hits("a", 1_500);
    while shard.store.maintain(1, 64) {
        shard.store.check().unwrap();
    }
    let after = shard.store.stats();
    assert!(!after.is_moving_page);
    assert_eq!(after.slabs_moved, before.slabs_moved + 1);
    shard.store.check().unwrap();
}

#[test]
fn an_order_takes_the_place_of_a_move_of_the_stores_own() {
    let mut shard = store_that_moves_a_page();
    let moved = shard.store.stats().slabs_moved;
    assert_eq!(shard.store.reassign(None, None), Reassigned::Begun);
    shard.store.check().unwrap();
    assert_eq!(shard.store.reassign(None, None), Reassigned::Busy);
    let free = shard.store.pages_owned();
    while shard.store.maintain(1, 64) {}
    assert_eq!(shard.store.pages_owned(), free - 1);
    assert_eq!(shard.store.stats().slabs_moved, moved + 1);
    assert_eq!(shard.store.reassign(None, None), Reassigned::Begun);
    shard.store.check().unwrap();
}

/// What `stats slabs` calls malloced fell to nothing when all items were flushed.
#[test]
fn pages_stay_malloced_when_items_go() {
    let pool = pool(64);
    let mut shard = Shard::new(&Config::default(), &pool);
    assert_eq!(pool.pages_malloced(), 0);
    shard.fill("a", 1_000, 1_000);
    let malloced = pool.pages_malloced();
    assert!(malloced > 15, "{malloced} pages");
    shard.store.flush_all();
    while shard.store.maintain(1, 64) {}
    assert_eq!((shard.store.stats().curr_items, pool.pages_malloced()), (0, malloced));
    shard.fill("b", 1_000, 1_000);
    assert_eq!(pool.pages_malloced(), malloced);
    shard.fill("c", 10_000, 1_000);
    assert!((malloced + 20..=64).contains(&pool.pages_malloced()));
}

/// A class that was given a page has it before it needs one, and may lose it again.
#[test]
fn a_reassigned_page_belongs_to_its_class() {
    let pool = pool(64);
    let mut shard = Shard::new(&Config { fair_share_pages: 64, ..Config::default() }, &pool);
    let stored = shard.fill("a", 3_000, 1_000);
    assert_eq!(stored, 3_000);
    let pages =
        |store: &Store, class| store.class_stats(1, class).map_or(0, |class| class.total_pages);
    let full = (1..=shard.store.classes()).max_by_key(|class| pages(&shard.store, *class)).unwrap();
    let before = pages(&shard.store, full);
    let small = shard.store.class_of_new(2, 10, 0, 0);
    assert_ne!(small, full);
    for (from, to) in [(Some(full), Some(small)), (None, Some(small)), (Some(small), Some(full))] {
        assert_eq!(shard.store.reassign(from, to), Reassigned::Begun);
        while shard.store.maintain(1, 64) {}
        shard.store.check().unwrap();
    }
    assert_eq!((pages(&shard.store, full), pages(&shard.store, small)), (before - 1, 1));
    assert_eq!(shard.store.assign_free_page(small), Reassigned::Begun);
    assert_eq!(shard.store.assign_free_page(99), Reassigned::NoSpare);
    assert_eq!(pages(&shard.store, small), 2);
    shard.fill("s", 100, 10);
    assert_eq!(pages(&shard.store, small), 2);
    shard.store.check().unwrap();
    // Pages without items do not stand in the way of those who need them.
    for class in 1..20 {
        shard.store.assign_free_page(class);
    }
    shard.fill("b", 3_000, 3_000);
    shard.store.check().unwrap();
    assert_eq!(shard.get("b2999"), Ok(3_000));
}

/// Whatever a request asks of an item, one that it finds dead is counted, once.
#[test]
fn dead_items_that_are_met_are_counted() {
    let mut shard = Shard::new(&Config::default(), &pool(16));
    shard.fill("a", 1, 10);
    shard.store.flush_all();
    shard.fill("a", 1, 10);
    let hash = shard.hasher.hash(b"a0");
    shard.store.touch(1, hash, b"a0", 5).unwrap();
    assert_eq!(shard.store.touch(5, hash, b"a0", 9), Err(Miss::Expired));
    assert_eq!(shard.store.touch(5, hash, b"a0", 9), Err(Miss::NotFound));
    let stats = shard.store.stats();
    assert_eq!((stats.get_flushed, stats.get_expired), (1, 1));
}

/// Two shards that share 128 pages and have filled them; neither has 100.
fn two_full_shards() -> [Shard; 2] {
    let pool = pool(128);
    let config = Config { shards: 2, fair_share_pages: 64, ..Config::default() };
    let mut shards = [1, 0].map(|shard| Shard::new(&Config { shard, ..config.clone() }, &pool));
    for n in 0..3_000 {
        for shard in &mut shards {
            shard.fill(&format!("k{n}-"), 1, 3_000);
        }
    }
    assert_eq!(pool.pages_free(), 0);
    assert!(shards.iter().all(|shard| shard.store.pages_owned() < 100));
    shards
}

/// A value of more bytes than its shard has pages comes by those of the others while it arrives.
#[test]
fn a_value_larger_than_its_shard_takes_pages_of_others() {
    let [mut small, mut other] = two_full_shards();
    let hash = small.hasher.hash(b"huge");
    let len = 100 * PAGE_BYTES;
    let mut value = small.store.reserve(1, hash, b"huge", 0, 0, len).unwrap();
    while value.missing() > 0 {
        if let Some(wish) = small.store.take_page_wish() {
            other.store.grant(wish);
        }
        other.store.maintain(1, 64);
        let written = small.store.spare(1, &mut value).unwrap().len();
        small.store.advance(&mut value, written);
    }
    assert_eq!(small.store.commit(1, value, StoreVerb::Set), StoreOutcome::Stored);
    assert_eq!(small.get("huge"), Ok(len));
    small.store.check().unwrap();
    other.store.check().unwrap();
    // Not all of them, whoever asks.
    let too_large = small.store.reserve(1, hash, b"huge", 0, 0, 124 * PAGE_BYTES);
    assert_eq!(too_large.err(), Some(NoMemory));
}

/// Nobody goes on with the others' background work meanwhile.
#[test]
fn a_value_demands_pages_of_others_at_once() {
    let [mut small, other] = two_full_shards();
    let other = Arc::new(Mutex::new(other));
    let giver = Arc::clone(&other);
    small.store.set_page_demand(Box::new(move |now| giver.lock().unwrap().store.give_now(now)));
    let value = pattern(1, 100 * PAGE_BYTES);
    assert_eq!(small.store("huge", &value, StoreVerb::Set), StoreOutcome::Stored);
    small.store.check().unwrap();
    let mut other = other.lock().unwrap();
    other.store.check().unwrap();
    assert!(other.store.pages_owned() < 28);
    // Some are never given.
    while other.store.give_now(1) {}
    assert_eq!(other.store.pages_owned(), 8);
}

/// With evictions off, what a value had got before its memory ran out is not given to the next.
#[test]
fn a_length_refused_by_one_store_is_refused_by_all() {
    let pool = pool(32);
    let config = Config { shards: 2, fair_share_pages: 16, evict: false, ..Config::default() };
    let mut one = Shard::new(&config, &pool);
    let mut other = Shard::new(&Config { shard: 1, ..config }, &pool);
    let value = pattern(1, 5 * PAGE_BYTES);
    let mut stored = 0;
    while one.store(&format!("k{stored}"), &value, StoreVerb::Set) == StoreOutcome::Stored {
        stored += 1;
    }
    assert!(pool.pages_free() > 0, "some are free again");
    assert_eq!(other.store("k", &value, StoreVerb::Set), StoreOutcome::NoMemory);
    assert_eq!(other.store("k", &value[PAGE_BYTES * 4..], StoreVerb::Set), StoreOutcome::Stored);
    one.delete("k0");
    assert_eq!(one.store("k0", &value, StoreVerb::Set), StoreOutcome::Stored);
}

#[test]
fn a_value_larger_than_all_memory_evicts_nothing() {
    let config = Config { fair_share_pages: 16, ..Config::default() };
    let mut shard = Shard::new(&config, &pool(16));
    let stored = shard.fill("k", 300, 1_000);
    let hash = shard.hasher.hash(b"huge");
    let refused = shard.store.reserve(1, hash, b"huge", 0, 0, 20 * PAGE_BYTES);
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
/// of that class counted there, where `stats items` has no line, as no item has its head in it.
#[test]
fn evictions_count_for_the_class_of_the_item() {
    // With some of these sizes the class of the last parts is the one that lacks a chunk.
    for pages in 50..70 {
        let mut shard = Shard::new(&Config::default(), &pool(pages));
        assert_eq!(shard.fill("k", 200, 100_000), 200);
        shard.store.check().unwrap();
        let classes = (1..=shard.store.classes()).filter_map(|it| shard.store.class_stats(1, it));
        let used: Vec<_> = classes.filter(|class| class.used_chunks > 0).collect();
        assert_eq!(used.len(), 2, "heads and last parts: {used:?}");
        for class in used {
            assert_eq!(class.number > 0, class.counters.evicted > 0, "{class:?}");
        }
    }
}

/// Half of the items expire after 10 s, half never do. After the 10 s nothing live is evicted until
/// the expired half is used up.
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

/// `gats` with a past exptime first made the item dead, then asked for memory to give it a cas
/// unique; the sweep for expired items took the very item that was being rewritten.
#[test]
fn an_item_that_dies_while_it_is_rewritten_stays_until_it_is_rewritten() {
    let mut shard = Shard::new(&Config::default(), &pool(12));
    shard.now = 100;
    for round in 0..40 {
        shard.fill(&format!("r{round}-"), 2_000, 100);
        for number in (0..2_000).step_by(7) {
            let key = format!("r{round}-{number}");
            let hash = shard.hasher.hash(key.as_bytes());
            // A hit or a miss; what counts is that the store stays sound.
            let _ = shard.store.get_and_touch(shard.now, hash, key.as_bytes(), 1, true);
        }
        shard.store.check().unwrap();
    }
}

/// A client that asks for keys at random and stores what it misses.
struct CacheAside {
    shard: Shard,
    random: u64,
}

impl CacheAside {
    fn new(pages: usize) -> CacheAside {
        let config = Config { fair_share_pages: pages, ..Config::default() };
        CacheAside::with(&config, &pool(pages))
    }

    fn with(config: &Config, pool: &Arc<PagePool>) -> CacheAside {
        CacheAside { shard: Shard::new(config, pool), random: 1 }
    }

    /// Hits of so many requests, spread evenly over `keys` keys with values of this length.
    fn play(&mut self, requests: usize, keys: usize, len: usize) -> usize {
        let mut hits = 0;
        for request in 0..requests {
            self.shard.now += u32::from(request % 1000 == 0);
            hits += usize::from(self.ask(keys, len));
        }
        hits
    }

    /// One request; true if it hits.
    fn ask(&mut self, keys: usize, len: usize) -> bool {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let key = format!("{len}-{:08}", (self.random >> 33) as usize % keys);
        if self.shard.get(&key).is_ok() {
            return true;
        }
        assert_eq!(self.shard.set(&key, len, 0), StoreOutcome::Stored);
        false
    }
}

/// Two shards of one pool, of which the first has nine of ten requests.
struct HotAndCold([CacheAside; 2]);

impl HotAndCold {
    fn new(pages: usize) -> HotAndCold {
        let pool = pool(pages);
        let shard = |shard| {
            let share = Config { shards: 2, fair_share_pages: pages / 2, ..Config::default() };
            CacheAside::with(&Config { shard, ..share }, &pool)
        };
        HotAndCold([shard(0), shard(1)])
    }

    /// Hits of so many requests, `keys` keys of 200 bytes in each shard, the `hot` one asked more.
    fn play(&mut self, requests: usize, keys: usize, hot: usize) -> usize {
        let mut hits = 0;
        for request in 0..requests {
            let asked = if request % 10 == 0 { 1 - hot } else { hot };
            hits += usize::from(self.0[asked].ask(keys, 200));
            let wish = self.0[asked].shard.store.take_page_wish();
            if let Some(wish) = wish {
                self.0[1 - asked].shard.store.grant(wish);
            }
            for shard in &mut self.0 {
                shard.shard.now += u32::from(request % 1000 == 0);
                if request % 16 == 0 {
                    shard.shard.store.maintain(shard.shard.now, 1);
                }
            }
        }
        hits
    }
}

/// Memory follows the load between shards, too: when another shard becomes the hot one, the hit
/// ratio is soon that of stores that never knew it otherwise.
#[test]
fn the_hit_ratio_recovers_when_another_shard_becomes_hot() {
    const PAGES: usize = 1024;
    // What all of the memory holds fits each shard's keys: the hot one wants it all.
    let keys = PAGES * PAGE_BYTES / 240;
    let mut changed = HotAndCold::new(PAGES);
    changed.play(4 * keys, keys, 0);
    for hot in [1, 0] {
        let mut fresh = HotAndCold::new(PAGES);
        let mut hits = [0, 0];
        for (stores, hits) in [&mut changed, &mut fresh].into_iter().zip(&mut hits) {
            stores.play(3 * keys, keys, hot);
            *hits = stores.play(keys, keys, hot);
        }
        let pages = [&changed, &fresh].map(|it| it.0[hot].shard.store.pages_owned());
        changed.0.iter().for_each(|it| it.shard.store.check().unwrap());
        let lost = (hits[1].saturating_sub(hits[0])) as f64 / keys as f64;
        assert!(lost < 0.02, "{hits:?} hits of {keys}, {pages:?} pages in the hot shard");
        // Not two halves: a hot shard with half of the pages hits in half of its requests.
        assert!(pages[0] > PAGES * 5 / 8, "{pages:?}");
    }
}

/// Memory follows the load: after a change of the value sizes, and of the keys with it, the hit
/// ratio is soon that of a store which never knew another load; and so it is on the way back.
#[test]
fn the_hit_ratio_recovers_from_a_change_of_sizes() {
    const PAGES: usize = 1024;
    let loads = [(PAGES * PAGE_BYTES / 140, 100), (PAGES * PAGE_BYTES / 1100, 1000)];
    let mut changed = CacheAside::new(PAGES);
    changed.play(4 * loads[0].0, loads[0].0, 100);
    for (keys, len) in [loads[1], loads[0]] {
        let mut fresh = CacheAside::new(PAGES);
        let mut hits = [0, 0];
        for (store, hits) in [&mut changed, &mut fresh].into_iter().zip(&mut hits) {
            store.play(3 * keys, keys, len);
            *hits = store.play(keys, keys, len);
            store.shard.store.check().unwrap();
        }
        let lost = (hits[1].saturating_sub(hits[0])) as f64 / keys as f64;
        assert!(lost < 0.02, "values of {len}: {hits:?} hits of {keys}");
    }
}

/// Pages of the smallest chunks take many steps to empty: a set must not fail meanwhile.
#[test]
fn without_evictions_what_deletes_freed_serves_other_sizes() {
    let mut shard = Shard::new(&Config { evict: false, ..Config::default() }, &pool(32));
    let stored = shard.fill("k", 100_000, 2);
    for number in (0..stored).filter(|number| number % 3 != 0) {
        let key = format!("k{number}");
        let hash = shard.hasher.hash(key.as_bytes());
        shard.store.delete(1, hash, key.as_bytes()).unwrap();
    }
    for number in 0..100 {
        assert_eq!(shard.set(&format!("large{number}"), 2_000, 0), StoreOutcome::Stored);
    }
    shard.store.check().unwrap();
    assert_eq!(shard.hits("k", stored), stored.div_ceil(3));
}

/// Two values at a time arrive side by side, chunk by chunk, and one of the two is deleted: the
/// other's chunks are alone in their pages, and move together when others want pages. Values that
/// have moved, and those that move meanwhile, grow at both ends. Nothing is evicted, so nothing may
/// be lost.
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
        while shard.store.maintain(1, 1_000) {}
    }
    let moved = shard.store.stats().items_moved;
    assert!(joins > 500 && moved > 5_000, "{joins} joins, {moved} chunks moved");
}

/// Readers on other threads need no store: while it evicts, moves and overwrites all around, and
/// the key itself is gone, a held value is what it was.
#[test]
fn held_values_are_read_on_other_threads_while_the_store_works() {
    let pool = pool(96);
    let mut shard = Shard::new(&Config::default(), &pool);
    let values: Vec<Vec<u8>> = (0..4).map(|seed| pattern(seed, 30_000 << seed)).collect();
    let mut holds = Vec::new();
    for (number, value) in values.iter().enumerate() {
        let key = format!("held{number}");
        assert_eq!(shard.store(&key, value, StoreVerb::Set), StoreOutcome::Stored);
        let hash = shard.hasher.hash(key.as_bytes());
        let hold = shard.store.hold(shard.now, hash, key.as_bytes()).unwrap();
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
            shard.store.maintain(shard.now, 1_000);
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
