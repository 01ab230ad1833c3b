//! Flushes end the items stored before them, and none stored after.

use slabcore_storage::{Config, Expiry, Miss, Moment, Reassigned, StoreOutcome};

use crate::shard::{Shard, pool};

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
    while shard.store.maintain(Moment::at(1), 100) {}
    assert_eq!(shard.store.stats().curr_items, 1);
    assert_eq!(shard.get("after"), Ok(1));
}

/// Marks of two bits distinguish the items of four flushes. The fourth flush took back all items
/// with the mark that it needed, in one step.
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
        // New items may lie among dead ones with the same mark.
        assert_eq!(shard.fill("new", 100, 30), 100);
        assert_eq!((shard.live(&prefix, 1_000), shard.live("old", 10_000)), (0, 0));
        assert_eq!(shard.live("new", 100), 100);
        assert_eq!(shard.store.check(), Ok(()), "round {round}");
    }
    assert_eq!(shard.hits("old", 10_000), 0);
    let hashed = shard.hasher.hash(b"new0");
    shard.store.touch(Moment::at(1), hashed, Expiry::at(90)).unwrap();
    while shard.store.maintain(Moment::at(1), 100) {}
    shard.store.check().unwrap();
    assert_eq!(shard.store.stats().curr_items, 100);
    assert_eq!(shard.hits("new", 100), 100);
}

/// A drain moves items into pages with other items, which a flush may have ended.
#[test]
fn live_items_that_move_among_flushed_ones_stay_alive() {
    let mut shard = Shard::new(&Config::default(), &pool(64));
    for round in 0..4 {
        assert_eq!(shard.fill(&format!("f{round}-"), 1_000, 30), 1_000);
        shard.store.flush_all();
    }
    // Requests take back flushed items, which leaves room in all pages.
    (0..1_000).step_by(3).for_each(|n| {
        (0..4).for_each(|round| assert!(shard.get(&format!("f{round}-{n}")).is_err()));
    });
    // These items lie in one page, which is now the emptiest.
    assert_eq!(shard.fill("new", 100, 30), 100);
    let moved = shard.store.stats().items_moved;
    assert_eq!(shard.store.reassign(None, None), Reassigned::Begun);
    shard.store.crawl_in_background(false);
    while shard.store.stats().is_moving_page {
        shard.store.maintain(Moment::at(1), 0);
        shard.store.check().unwrap();
    }
    assert!(shard.store.stats().items_moved >= moved + 100);
    assert_eq!(shard.hits("new", 100), 100);
    while shard.store.maintain(Moment::at(1), 100) {}
    assert_eq!(shard.hits("new", 100), 100);
}

/// While no mark is free, stores clean pages, and the mark alone does not tell which items are
/// alive.
#[test]
fn a_crawler_that_is_off_keeps_a_mark_for_the_next_flush() {
    let mut shard = Shard::new(&Config::default(), &pool(16));
    shard.store.crawl_in_background(false);
    for (round, left) in [50, 100, 100, 100].into_iter().enumerate() {
        assert_eq!(shard.fill(&format!("f{round}-"), 50, 30), 50);
        shard.store.flush_all();
        while shard.store.maintain(Moment::at(1), 100) {}
        assert!(shard.store.stats().curr_items <= left, "round {round}");
        assert!(shard.store.stats().curr_items > 0, "what is off collects no more than it must");
        shard.store.check().unwrap();
    }
}
