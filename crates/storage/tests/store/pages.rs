//! Moves of pages between slab classes, between shards, and to the system.

use std::sync::{Arc, Mutex};

use slabcore_storage::{
    Config, Expiry, Moment, NoMemory, PAGE_BYTES, PageWish, Reassigned, SlabClassId, Store,
    StoreOutcome, StoreVerb,
};

use crate::shard::{Shard, pattern, pool};

/// Each shard gave its part and then slept, although some had too little to give. Memory stayed
/// above its limit until the next request.
#[test]
fn shards_with_many_pages_give_for_those_with_few() {
    let pool = pool(128);
    let config = |shard| Config { shard, shards: 2, fair_share_pages: 64, ..Config::default() };
    let mut shards = [0, 1].map(|shard| Shard::new(&config(shard), &pool));
    shards[1].fill("few", 100, 1_000);
    shards[0].fill("many", 8_000, 1_000);
    assert_eq!(pool.pages_free(), 0);
    assert!(pool.set_limit(32));
    // Like executors, which sleep once they have nothing to do.
    for shard in &mut shards {
        while shard.store.maintain(Moment::at(shard.now), 64) {}
        shard.store.check().unwrap();
    }
    assert_eq!(pool.pages_over(), 0);
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
    while rich.store.maintain(Moment::at(1), 64) {}
    assert_eq!(pool.pages_free(), 10);
    poor.fill("p", 5_000, 1_000);
    assert_eq!(pool.pages_free(), 0);
    rich.store.check().unwrap();
    poor.store.check().unwrap();
    drop((rich, poor));
    assert_eq!(pool.pages_free(), 40);
}

/// Both shards give pages until the lower limit holds, and no more.
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
    while one.store.maintain(Moment::at(1), 64) | other.store.maintain(Moment::at(1), 64) {}
    assert_eq!((pool.pages_over(), pool.pages_total()), (0, 40));
    assert!((36..=40).contains(&owned(&one, &other)), "{} pages", owned(&one, &other));
    one.store.check().unwrap();
    other.store.check().unwrap();
    assert!(pool.set_limit(80));
    one.fill("a", 40_000, 100);
    other.fill("b", 9_000, 1_000);
    assert!(owned(&one, &other) > 70, "{} pages", owned(&one, &other));
}

/// A page of a class with several is emptied. Its items stay if they fit the other pages.
#[test]
fn a_page_is_reassigned() {
    let pool = pool(64);
    let mut shard = Shard::new(&Config { fair_share_pages: 64, ..Config::default() }, &pool);
    shard.fill("a", 1_000, 100);
    assert_eq!(shard.store.reassign(SlabClassId::from_number(50), None), Reassigned::NoSpare);
    (0..1_000).filter(|n| n % 3 > 0).for_each(|n| shard.delete(&format!("a{n}")));
    let items = shard.store.stats().curr_items;
    let in_classes = |store: &Store| -> u64 {
        let classes = store.classes().map(|class| store.class_stats(Moment::at(1), class));
        classes.map(|class| class.total_pages).sum()
    };
    assert_eq!(in_classes(&shard.store), 2);
    assert_eq!(shard.store.reassign(None, None), Reassigned::Begun);
    assert_eq!(shard.store.reassign(None, None), Reassigned::Busy);
    while shard.store.maintain(Moment::at(1), 64) {}
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

/// Only allocations went on with a drain. After the last allocation the page never moved, and an
/// operator's commands were refused for ever.
#[test]
fn a_page_moves_without_further_allocations() {
    let mut shard = store_that_moves_a_page();
    let before = shard.store.stats();
    shard.hits("a", 1_500);
    while shard.store.maintain(Moment::at(1), 64) {
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
    while shard.store.maintain(Moment::at(1), 64) {}
    assert_eq!(shard.store.pages_owned(), free - 1);
    assert_eq!(shard.store.stats().slabs_moved, moved + 1);
    assert_eq!(shard.store.reassign(None, None), Reassigned::Begun);
    shard.store.check().unwrap();
}

/// `total_malloced` of `stats slabs` fell to 0 when all items were flushed.
#[test]
fn pages_stay_malloced_when_items_go() {
    let pool = pool(64);
    let mut shard = Shard::new(&Config::default(), &pool);
    assert_eq!(pool.pages_malloced(), 0);
    shard.fill("a", 1_000, 1_000);
    let malloced = pool.pages_malloced();
    assert!(malloced > 15, "{malloced} pages");
    shard.store.flush_all();
    while shard.store.maintain(Moment::at(1), 64) {}
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
    let pages = |store: &Store, class| store.class_stats(Moment::at(1), class).total_pages;
    let full = shard.store.classes().max_by_key(|class| pages(&shard.store, *class)).unwrap();
    let before = pages(&shard.store, full);
    let small = shard.store.class_of_new(shard.hasher.hash(b"kk"), 10, 0, Expiry::NEVER);
    assert_ne!(small, full);
    for (from, to) in [(Some(full), Some(small)), (None, Some(small)), (Some(small), Some(full))] {
        assert_eq!(shard.store.reassign(from, to), Reassigned::Begun);
        while shard.store.maintain(Moment::at(1), 64) {}
        shard.store.check().unwrap();
    }
    assert_eq!((pages(&shard.store, full), pages(&shard.store, small)), (before - 1, 1));
    assert_eq!(shard.store.assign_free_page(small), Reassigned::Begun);
    let unused = SlabClassId::from_number(63).unwrap();
    assert_eq!(shard.store.assign_free_page(unused), Reassigned::NoSpare);
    assert_eq!(pages(&shard.store, small), 2);
    shard.fill("s", 100, 10);
    assert_eq!(pages(&shard.store, small), 2);
    shard.store.check().unwrap();
    // Classes that need pages get those without items.
    for class in shard.store.classes().take(19) {
        shard.store.assign_free_page(class);
    }
    shard.fill("b", 3_000, 3_000);
    shard.store.check().unwrap();
    assert_eq!(shard.get("b2999"), Ok(3_000));
}

/// Two shards that have filled the 128 pages that they share. Neither has 100 pages.
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

/// A value that is larger than its shard gets pages of other shards while it arrives.
#[test]
fn a_value_larger_than_its_shard_takes_pages_of_others() {
    let [mut small, mut other] = two_full_shards();
    let hashed = small.hasher.hash(b"huge");
    let len = 100 * PAGE_BYTES;
    let mut value = small.store.reserve(Moment::at(1), hashed, 0, Expiry::NEVER, len).unwrap();
    while value.missing() > 0 {
        if let Some(wish) = small.store.take_page_wish() {
            other.store.grant(wish);
        }
        other.store.maintain(Moment::at(1), 64);
        let written = small.store.spare(Moment::at(1), &mut value).unwrap().len();
        small.store.advance(&mut value, written);
    }
    assert_eq!(small.store.commit(Moment::at(1), value, StoreVerb::Set), StoreOutcome::Stored);
    assert_eq!(small.get("huge"), Ok(len));
    small.store.check().unwrap();
    other.store.check().unwrap();
    // A shard keeps some of its pages.
    let too_large = small.store.reserve(Moment::at(1), hashed, 0, Expiry::NEVER, 124 * PAGE_BYTES);
    assert_eq!(too_large.err(), Some(NoMemory));
}

/// The other shards do no background work meanwhile.
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
    // Some pages are never given.
    while other.store.give_now(Moment::at(1)) {}
    assert_eq!(other.store.pages_owned(), 8);
}

/// With evictions off, the chunks of a value that found no more memory are not given to the next
/// such value.
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
