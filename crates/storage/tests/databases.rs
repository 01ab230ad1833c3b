//! Databases, long keys and milliseconds: what extended items cost, and how they are listed,
//! counted and flushed.

use std::collections::BTreeSet;
use std::sync::Arc;

use slabcore_storage::{
    Config, Expiry, KeyHasher, LONG_KEY_BYTES_MAX, Miss, Moment, NewItem, PAGE_BYTES, PagePool,
    Region, Store, StoreOutcome, StoreVerb,
};

const NOW: Moment = Moment::at_millisecond(100, 250);
const DATABASES: [u8; 3] = [0, 1, 15];

struct Shard {
    store: Store,
    hasher: KeyHasher,
}

impl Shard {
    fn new() -> Shard {
        let region = Region::new(Box::new(vec![0_u8; 200 * PAGE_BYTES]));
        let (pool, hasher) = (Arc::new(PagePool::new(region)), KeyHasher::new(5));
        Shard { store: Store::new(&Config::default(), pool, hasher.clone()).unwrap(), hasher }
    }

    fn set(&mut self, database: u8, key: &[u8], expiry: Expiry) {
        let key = self.hasher.hash_in(database, key);
        let item = NewItem { key, value: b"value", flags: 0, expiry };
        assert_eq!(self.store.store(NOW, &item, StoreVerb::Set), StoreOutcome::Stored);
    }

    fn filled(items: usize) -> Shard {
        let mut shard = Shard::new();
        for database in DATABASES {
            for number in 0..items {
                shard.set(database, number.to_string().as_bytes(), Expiry::NEVER);
            }
        }
        shard
    }

    fn has(&self, database: u8, key: &[u8]) -> bool {
        self.store.is_live(NOW, self.hasher.hash_in(database, key))
    }
}

#[test]
fn only_extended_items_are_longer() {
    let mut shard = Shard::new();
    let long = vec![b'k'; LONG_KEY_BYTES_MAX];
    let (whole, part) = (Expiry::at(200), Expiry::at_millisecond(200, 1));
    for (database, key, expiry, fields) in [
        (0, &b"key"[..], Expiry::NEVER, 8),
        (0, &b"key"[..], whole, 12),
        (0, &b"key"[..], part, 16),
        (3, &b"key"[..], Expiry::NEVER, 12),
        (0, &[b'k'; 250], Expiry::NEVER, 8),
        (0, &[b'k'; 251], Expiry::NEVER, 12),
        (0, b"", Expiry::NEVER, 12),
        (15, &long, part, 16),
    ] {
        shard.set(database, key, expiry);
        let item = shard.store.get(NOW, shard.hasher.hash_in(database, key)).unwrap();
        assert_eq!(item.total_bytes(), fields + key.len() + 5, "{} bytes", key.len());
        assert_eq!((item.database(), item.key(), item.expiry()), (database, key, expiry));
        assert_eq!(item.value(), Some(&b"value"[..]));
    }
    shard.store.check().unwrap();
}

#[test]
fn an_item_dies_at_its_millisecond() {
    let mut shard = Shard::new();
    shard.set(0, b"k", Expiry::NEVER);
    let key = shard.hasher.hash(b"k");
    shard.store.set_expiry(NOW, key, Expiry::at_millisecond(103, 700)).unwrap();
    assert_eq!(shard.store.peek(NOW, key).unwrap().exptime(), 104, "rounded up for memcached");
    assert!(shard.store.is_live(Moment::at_millisecond(103, 699), key));
    let dead = shard.store.get(Moment::at_millisecond(103, 700), key).map(|item| item.value_len());
    assert_eq!(dead, Err(Miss::Expired));
}

#[test]
fn the_crawler_takes_back_what_expired_within_a_second() {
    let mut shard = Shard::new();
    shard.set(0, b"k", Expiry::at_millisecond(103, 700));
    // A sweep in that second would find the item alive, again and again.
    assert!(!shard.store.maintain(Moment::at_millisecond(103, 100), 100));
    assert_eq!(shard.store.background_due(Moment::at(103)), 104);
    while shard.store.maintain(Moment::at(104), 100) {}
    assert_eq!(shard.store.stats().curr_items, 0);
}

#[test]
fn a_database_is_flushed_alone() {
    let mut shard = Shard::filled(3_000);
    assert_eq!(DATABASES.map(|database| shard.store.items_in(database)), [3_000; 3]);
    shard.store.flush_database(1);
    shard.store.check().unwrap();
    assert_eq!(DATABASES.map(|database| shard.store.items_in(database)), [3_000, 0, 3_000]);
    assert!(shard.has(0, b"7") && !shard.has(1, b"7") && shard.has(15, b"7"));
    shard.store.flush_database(0);
    // The last one takes no walk: its items are still there, and dead.
    shard.store.flush_database(15);
    assert_eq!(DATABASES.map(|database| shard.store.items_in(database)), [0; 3]);
    assert_eq!(shard.store.stats().curr_items, 3_000);
    shard.set(15, b"7", Expiry::NEVER);
    assert_eq!((shard.store.items_in(15), shard.has(15, b"8")), (1, false));
    while shard.store.maintain(NOW, 1_000) {}
    assert_eq!(shard.store.stats().curr_items, 1);
    shard.store.check().unwrap();
}

#[test]
fn a_scan_shows_each_item_of_its_database_once() {
    let mut shard = Shard::filled(2_000);
    for database in DATABASES {
        let (mut cursor, mut seen, mut rounds) = (0, BTreeSet::new(), 0);
        loop {
            cursor = shard.store.scan(NOW, cursor, database, 20, |item| {
                assert_eq!(item.database(), database);
                assert!(seen.insert(item.key().to_vec()), "shown twice");
            });
            if cursor == 0 {
                break;
            }
            assert!(cursor < 1 << 32);
            // The table grows meanwhile.
            shard.set(2, format!("other{database}-{rounds}").as_bytes(), Expiry::NEVER);
            rounds += 1;
        }
        assert_eq!(seen.len(), 2_000);
    }
    for cursor in [1 << 32, u64::MAX] {
        assert_eq!(shard.store.scan(NOW, cursor, 0, 20, |_| panic!("after the end")), 0);
    }
}
