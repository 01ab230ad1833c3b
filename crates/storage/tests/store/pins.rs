//! Values that stay where they are for as long as a client likes, because it reads or uploads them:
//! everything else moves and goes as it must.

use std::sync::{Arc, Mutex};

use slabcore_storage::{
    Config, Expiry, Hold, Moment, PAGE_BYTES, PageWish, Reassigned, Reservation, SlabClassId,
    StoreOutcome, StoreVerb,
};

use crate::shard::{Shard, pattern, pool};

/// Lengths of values in several slab classes and of chains.
const LENGTHS: [usize; 5] = [17_000, 21_000, 32_000, 150_000, 3_000_000];

fn hold(shard: &mut Shard, key: &str) -> Hold {
    let hashed = shard.hasher.hash(key.as_bytes());
    shard.store.hold(Moment::at(shard.now), hashed).expect("a live item")
}

fn release(shard: &mut Shard, holds: impl IntoIterator<Item = Hold>) {
    for hold in holds {
        shard.store.release(hold);
    }
}

/// Begins to store a value of `len` bytes, and writes half of it.
fn half_upload(shard: &mut Shard, len: usize) -> Reservation {
    let hashed = shard.hasher.hash(b"upload");
    let mut upload =
        shard.store.reserve(Moment::at(shard.now), hashed, 0, Expiry::NEVER, len).unwrap();
    while upload.missing() > len / 2 {
        write(shard, &mut upload);
    }
    upload
}

/// Writes zeros to the next contiguous room.
fn write(shard: &mut Shard, upload: &mut Reservation) {
    let room = shard.store.spare(Moment::at(shard.now), upload).unwrap();
    room.fill(0);
    let len = room.len();
    shard.store.advance(upload, len);
}

/// Does the background work that there is now.
fn maintain(shard: &mut Shard) {
    let mut steps = 0;
    while shard.store.maintain(Moment::at(shard.now), 64) {
        steps += 1;
        assert!(steps < 1_000_000, "background work without an end");
    }
    shard.store.check().unwrap();
}

/// Stores four values of each length. The classes of large values keep them at the highest costs,
/// so pages are taken from these classes first.
fn store_values(shard: &mut Shard, lengths: &[usize]) {
    for number in 0..4 {
        for (seed, len) in lengths.iter().enumerate() {
            let value = pattern(seed, *len);
            let outcome = shard.store(&format!("v{number}-{len}"), &value, StoreVerb::Set);
            assert_eq!(outcome, StoreOutcome::Stored);
        }
    }
}

/// The same, and one value of each length is held.
fn with_held_values(shard: &mut Shard, lengths: &[usize]) -> Vec<(String, Vec<u8>, Hold)> {
    store_values(shard, lengths);
    let mut held = Vec::new();
    for (seed, len) in lengths.iter().enumerate() {
        let key = format!("v0-{len}");
        let hold = hold(shard, &key);
        held.push((key, pattern(seed, *len), hold));
    }
    held
}

/// The held values are as they were, and their keys have them.
fn check_held(shard: &mut Shard, held: &[(String, Vec<u8>, Hold)]) {
    for (key, value, hold) in held {
        let read: Vec<u8> = hold.parts(0).flatten().copied().collect();
        assert!(read == *value, "{key} has changed");
        assert!(shard.has_value(key, value), "{key} is gone");
    }
}

fn pages_of(shard: &Shard, class: SlabClassId) -> u64 {
    shard.store.class_stats(Moment::at(shard.now), class).total_pages
}

/// The class that costs most to keep had pinned pages only. Then no class gave any, until the
/// reader left.
#[test]
fn a_lower_limit_is_reached_round_held_values() {
    for shards in [1, 2] {
        let pool = pool(600);
        let config = Config { shards, fair_share_pages: 600, ..Config::default() };
        let mut shard = Shard::new(&config, &pool);
        let held = with_held_values(&mut shard, &LENGTHS);
        shard.fill("a", 100_000, 300);
        shard.fill("b", 20_000, 2_000);
        assert_eq!(pool.pages_free(), 0);
        assert!(pool.set_limit(100));
        maintain(&mut shard);
        assert_eq!(pool.pages_over(), 0);
        check_held(&mut shard, &held);
        release(&mut shard, held.into_iter().map(|(_, _, hold)| hold));
        shard.store.check().unwrap();
    }
}

/// Readers of more than the limit. All other pages go, background work does not go round in
/// circles, and requests are still served; the rest follows when the readers leave.
#[test]
fn held_values_above_the_limit_are_all_that_stays() {
    let pool = pool(600);
    let config = Config { fair_share_pages: 600, ..Config::default() };
    let mut shard = Shard::new(&config, &pool);
    let held = with_held_values(&mut shard, &LENGTHS);
    shard.fill("a", 100_000, 300);
    assert!(pool.set_limit(32));
    maintain(&mut shard);
    let over = pool.pages_over();
    // The values take 52 pages.
    assert!((20..32).contains(&over), "{over} pages");
    assert!(shard.store.background_due(Moment::at(1)) > 2, "nothing is due");
    assert_eq!(shard.fill("b", 1_000, 300), 1_000);
    assert_eq!(shard.fill("c", 100, 3_000), 100);
    assert_eq!(pool.pages_over(), over);
    check_held(&mut shard, &held);
    release(&mut shard, held.into_iter().map(|(_, _, hold)| hold));
    assert_eq!(shard.store.background_due(Moment::at(1)), 2);
    maintain(&mut shard);
    assert_eq!(pool.pages_over(), 0);
    assert!(shard.store.background_due(Moment::at(1)) > 2, "nothing is due");
}

/// The same with an upload that its client does not go on with.
#[test]
fn half_an_upload_stays_alone_and_goes_on() {
    for limit in [120, 40] {
        let pool = pool(600);
        let config = Config { fair_share_pages: 600, ..Config::default() };
        let mut shard = Shard::new(&config, &pool);
        store_values(&mut shard, &LENGTHS);
        shard.fill("a", 100_000, 300);
        let mut upload = half_upload(&mut shard, 90 * PAGE_BYTES);
        assert!(pool.set_limit(limit));
        maintain(&mut shard);
        if limit == 120 {
            assert_eq!(pool.pages_over(), 0);
            while upload.missing() > 0 {
                write(&mut shard, &mut upload);
                assert_eq!(pool.pages_over(), 0);
            }
            let outcome = shard.store.commit(Moment::at(shard.now), upload, StoreVerb::Set);
            assert_eq!(outcome, StoreOutcome::Stored);
            assert_eq!(shard.get("upload"), Ok(90 * PAGE_BYTES));
        } else {
            assert!((5..25).contains(&pool.pages_over()), "{} pages", pool.pages_over());
            let mut refused = false;
            while upload.missing() > 0 && !refused {
                refused = shard.store.spare(Moment::at(shard.now), &mut upload).is_err();
                if !refused {
                    write(&mut shard, &mut upload);
                }
            }
            assert!(refused, "more than the limit is stored");
            shard.store.give_up(upload);
        }
        maintain(&mut shard);
        assert_eq!(pool.pages_over(), 0);
        assert_eq!(shard.fill("b", 100, 300), 100);
    }
}

/// The limit falls while values are uploaded, and each of them is stored all the same.
#[test]
fn uploads_end_while_the_limit_falls() {
    let pool = pool(600);
    let config = Config { fair_share_pages: 600, ..Config::default() };
    let mut shard = Shard::new(&config, &pool);
    shard.fill("a", 100_000, 300);
    for limit in [500, 300, 200, 150, 100] {
        let mut upload = half_upload(&mut shard, 60 * PAGE_BYTES);
        assert!(pool.set_limit(limit));
        while upload.missing() > 0 {
            shard.store.maintain(Moment::at(shard.now), 64);
            write(&mut shard, &mut upload);
        }
        let outcome = shard.store.commit(Moment::at(shard.now), upload, StoreVerb::Set);
        assert_eq!(outcome, StoreOutcome::Stored);
        assert_eq!(shard.get("upload"), Ok(60 * PAGE_BYTES));
        maintain(&mut shard);
        assert_eq!(pool.pages_over(), 0);
    }
}

/// Classes of one page give it, too, if all others are pinned.
#[test]
fn last_pages_of_classes_make_room_for_held_values() {
    let pool = pool(200);
    let config = Config { fair_share_pages: 200, ..Config::default() };
    let mut shard = Shard::new(&config, &pool);
    let held = with_held_values(&mut shard, &[3_000_000]);
    (1..4).for_each(|number| shard.delete(&format!("v{number}-3000000")));
    for number in 0..40 {
        shard.set(&format!("s{number}"), 10 << (number % 10), 0);
    }
    maintain(&mut shard);
    let owned = shard.store.pages_owned();
    assert!(pool.set_limit(owned - 5));
    maintain(&mut shard);
    assert_eq!(pool.pages_over(), 0);
    check_held(&mut shard, &held);
    release(&mut shard, held.into_iter().map(|(_, _, hold)| hold));
}

/// Another shard gets the pages that it cannot do without.
#[test]
fn wishes_are_granted_round_held_values() {
    let pool = pool(600);
    let config = Config { shards: 2, fair_share_pages: 300, ..Config::default() };
    let mut shard = Shard::new(&config, &pool);
    let held = with_held_values(&mut shard, &LENGTHS);
    shard.fill("a", 150_000, 300);
    assert_eq!(pool.pages_free(), 0);
    shard.store.grant(PageWish { pages: 200, worth: u64::MAX });
    maintain(&mut shard);
    assert_eq!(pool.pages_free(), 200);
    // At once, and until the least that a shard keeps is left.
    let before = shard.store.pages_owned();
    while shard.store.give_now(Moment::at(shard.now)) {}
    let kept = shard.store.pages_owned();
    assert!(kept < before && (37..37 + 60).contains(&kept), "{kept} pages");
    shard.store.check().unwrap();
    check_held(&mut shard, &held);
    release(&mut shard, held.into_iter().map(|(_, _, hold)| hold));
}

/// An operator's order moves the one page of the class that is not pinned, among 100 that are. If
/// that one is pinned, too, the class has no page to spare, and other classes do.
#[test]
fn an_order_finds_a_page_without_pins() {
    let pool = pool(300);
    let config = Config { fair_share_pages: 300, ..Config::default() };
    let mut shard = Shard::new(&config, &pool);
    shard.fill("k", 200, 32_000);
    let class = shard.store.class_of_new(shard.hasher.hash(b"kkkk"), 32_000, 0, Expiry::NEVER);
    let pages = pages_of(&shard, class);
    assert_eq!(pages, 100);
    let mut holds: Vec<Hold> = (2..200).map(|n| hold(&mut shard, &format!("k{n}"))).collect();
    assert_eq!(shard.store.reassign(Some(class), None), Reassigned::Begun);
    // A reader comes while the page is drained. Nothing else can move, and the order is given up.
    holds.push(hold(&mut shard, "k0"));
    maintain(&mut shard);
    assert_eq!((pages_of(&shard, class), shard.store.stats().slabs_moved), (100, 0));
    assert_eq!(shard.store.reassign(Some(class), None), Reassigned::NoSpare);
    shard.fill("a", 1_000, 300);
    assert_eq!(shard.store.reassign(None, None), Reassigned::Begun);
    maintain(&mut shard);
    assert_eq!((pages_of(&shard, class), shard.store.stats().slabs_moved), (100, 1));
    // The readers of one page leave.
    for hold in holds.drain(..2) {
        shard.store.release(hold);
    }
    assert_eq!(shard.store.reassign(Some(class), None), Reassigned::Begun);
    maintain(&mut shard);
    assert_eq!((pages_of(&shard, class), shard.store.stats().slabs_moved), (99, 2));
    release(&mut shard, holds);
    shard.store.check().unwrap();
}

/// A page is pinned while it is drained. Another page of its class goes instead.
#[test]
fn a_drain_goes_round_a_reader_that_comes_meanwhile() {
    let pool = pool(300);
    let config = Config { fair_share_pages: 300, ..Config::default() };
    let mut shard = Shard::new(&config, &pool);
    shard.fill("k", 200, 32_000);
    let class = shard.store.class_of_new(shard.hasher.hash(b"kkkk"), 32_000, 0, Expiry::NEVER);
    let mut holds = Vec::new();
    for number in 0..40 {
        // The page of this pair is the emptiest one, so it is chosen.
        let pair = [198 - 2 * number, 199 - 2 * number].map(|number| format!("k{number}"));
        shard.delete(&pair[0]);
        assert_eq!(shard.store.reassign(Some(class), None), Reassigned::Begun);
        holds.push(hold(&mut shard, &pair[1]));
        let pages = pages_of(&shard, class);
        maintain(&mut shard);
        assert_eq!(shard.store.stats().slabs_moved, number + 1);
        assert_eq!(pages_of(&shard, class), pages - 1);
        assert_eq!(shard.get(&pair[1]), Ok(32_000));
        // The free chunk beside the reader's is used again.
        shard.set(&pair[0], 32_000, 0);
    }
    release(&mut shard, holds);
    shard.store.check().unwrap();
}

/// If all pages of a class with many free chunks are pinned, another such class gives a page. Short
/// items took the free chunks of both instead.
#[test]
fn lossless_moves_leave_out_a_class_with_pins() {
    let pool = pool(80);
    let config = Config { fair_share_pages: 80, evict: false, ..Config::default() };
    let mut shard = Shard::new(&config, &pool);
    // Every second item of two classes goes. What is left of the first is held.
    for (prefix, len, items) in [("p", 21_000, 60), ("q", 32_000, 80)] {
        assert_eq!(shard.fill(prefix, items, len), items);
        (0..items).step_by(2).for_each(|n| shard.delete(&format!("{prefix}{n}")));
    }
    let holds: Vec<Hold> = (1..60).step_by(2).map(|n| hold(&mut shard, &format!("p{n}"))).collect();
    assert_eq!(shard.fill("r", 5_000, 300), 5_000);
    let class = shard.store.class_of_new(shard.hasher.hash(b"kkk"), 21_000, 0, Expiry::NEVER);
    assert_eq!(shard.store.class_stats(Moment::at(1), class).used_chunks, 30);
    release(&mut shard, holds);
    shard.store.check().unwrap();
}

/// The hash table of many tiny items was larger than the lower limit, and shrank only with
/// insertions. All items went, the limit was not reached, and hundreds of stores were refused.
#[test]
fn the_hash_table_shrinks_with_the_limit() {
    let pool = pool(150);
    let config = Config { fair_share_pages: 150, ..Config::default() };
    let mut shard = Shard::new(&config, &pool);
    shard.fill("a", 300_000, 10);
    let hash_bytes = shard.store.stats().hash_bytes;
    assert!(hash_bytes > 20 * PAGE_BYTES as u64, "{hash_bytes} bytes");
    assert!(pool.set_limit(20));
    maintain(&mut shard);
    assert_eq!(pool.pages_over(), 0);
    let items = shard.store.stats().curr_items;
    assert!(items > 10_000, "{items} items");
    assert_eq!(shard.fill("b", 1_000, 10), 1_000);
}

/// A shard whose upload needs more than its own pages gets those of another shard. While both owned
/// more than the limit, they were lost on the way.
#[test]
fn an_upload_gets_pages_of_others_while_the_limit_falls() {
    let pool = pool(600);
    let config = Config { shards: 2, fair_share_pages: 300, ..Config::default() };
    let other = Shard::new(&config, &pool);
    let mut shard = Shard::new(&Config { shard: 1, ..config }, &pool);
    let other = Arc::new(Mutex::new(other));
    shard.fill("a", 3_000, 3_000);
    other.lock().unwrap().fill("b", 10_000, 3_000);
    assert_eq!(pool.pages_free(), 0);
    let giver = Arc::clone(&other);
    shard.store.set_page_demand(Box::new(move |now| giver.lock().unwrap().store.give_now(now)));
    let mut upload = half_upload(&mut shard, 200 * PAGE_BYTES);
    assert!(pool.set_limit(400));
    let over = pool.pages_over();
    while upload.missing() > 0 {
        write(&mut shard, &mut upload);
    }
    assert!(pool.pages_over() <= over);
    let outcome = shard.store.commit(Moment::at(shard.now), upload, StoreVerb::Set);
    assert_eq!(outcome, StoreOutcome::Stored);
    maintain(&mut shard);
    maintain(&mut other.lock().unwrap());
    assert_eq!(pool.pages_over(), 0);
}

/// A page was promised to another shard, and no class had a second one: the last page of a class is
/// given to an urgent wish only. The promise ended, and the lower limit waited for a request.
#[test]
fn a_lower_limit_goes_before_wishes() {
    let pool = pool(40);
    let config = Config { shards: 2, fair_share_pages: 20, ..Config::default() };
    let mut shard = Shard::new(&config, &pool);
    // One page of each class: each is the last one.
    for number in 0..12 {
        shard.set(&format!("s{number}"), 10 << number, 0);
    }
    let owned = shard.store.pages_owned();
    assert!(owned > 10, "{owned} pages");
    assert!(pool.set_limit(owned));
    shard.store.grant(PageWish { pages: 1, worth: 1 << 40 });
    assert!(pool.set_limit(owned - 3));
    maintain(&mut shard);
    assert_eq!(pool.pages_over(), 0);
}

/// A shard gave the limit pages that its own upload needed, and had to get as many of another one.
/// If that one was at work for long, the upload failed.
#[test]
fn an_upload_keeps_the_pages_that_it_needs() {
    let pool = pool(600);
    let config = Config { shards: 2, fair_share_pages: 300, ..Config::default() };
    let mut shard = Shard::new(&config, &pool);
    let mut other = Shard::new(&Config { shard: 1, ..config }, &pool);
    for number in 0..15_000 {
        for shard in [&mut shard, &mut other] {
            shard.set(&format!("k{number}"), 3_000, 0);
        }
    }
    assert_eq!(pool.pages_free(), 0);
    let mut upload = half_upload(&mut shard, 150 * PAGE_BYTES);
    assert!(pool.set_limit(400));
    maintain(&mut shard);
    maintain(&mut other);
    maintain(&mut shard);
    assert_eq!(pool.pages_over(), 0);
    // The other shard gives none while these bytes come in.
    while upload.missing() > 0 {
        write(&mut shard, &mut upload);
        shard.store.maintain(Moment::at(shard.now), 64);
    }
    shard.store.abandon(upload);
    // What an upload that ended had kept is given again.
    assert!(pool.set_limit(60));
    maintain(&mut shard);
    maintain(&mut other);
    maintain(&mut shard);
    assert_eq!(pool.pages_over(), 0);
}
