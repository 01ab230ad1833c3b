//! `flush_all` with a delay, by the ticks of the server's clock.

use std::sync::Arc;

use slabcore_metrics::ShardMetrics;
use slabcore_protocol::{StoreForm, StoreRequest, Verb};
use slabcore_shard::{KeyRequest, Now, Response, Shard};
use slabcore_storage::{Config, KeyHasher, PAGE_BYTES, PagePool, Region};

fn at(tick: u32) -> Now {
    Now::at(tick, 1_700_000_000)
}

/// A shard, the hasher of its keys, and the time of its turn.
struct Turns {
    shard: Shard,
    hasher: KeyHasher,
    now: Now,
}

impl Turns {
    fn new() -> Self {
        let (hasher, config) = (KeyHasher::new(3), Config::default());
        let pool = PagePool::new(Region::new(Box::new(vec![0; 16 * PAGE_BYTES])));
        let metrics = Arc::new(ShardMetrics::new());
        let shard = Shard::new(&config, Arc::new(pool), hasher.clone(), metrics).unwrap();
        Self { shard, hasher, now: at(100) }
    }

    fn begin(&mut self, tick: u32) {
        self.now = at(tick);
        self.shard.begin_turn(self.now);
    }

    fn flush_all(&mut self, delay: i32) {
        self.shard.flush_all(self.now, self.now.flush_time(delay));
    }

    fn set(&mut self, key: &[u8]) {
        let store = StoreRequest {
            verb: Verb::Set,
            key,
            flags: 0,
            exptime: 0,
            value_bytes: 1,
            cas_unique: 0,
            noreply: false,
            form: StoreForm::Classic,
        };
        let request = KeyRequest::Store { store, value: b"x" };
        self.shard.execute(self.now, self.hasher.hash(key), &request);
    }

    fn has(&mut self, key: &[u8]) -> bool {
        let get = KeyRequest::Get { key, with_cas: false, exptime: None };
        !matches!(self.shard.execute(self.now, self.hasher.hash(key), &get), Response::Miss)
    }
}

/// A delayed flush came a second later than memcached's: `flush_all 1` does not wait there.
#[test]
fn a_delay_of_n_seconds_ends_at_the_tick_before() {
    let mut turns = Turns::new();
    turns.set(b"a");
    turns.flush_all(1);
    assert!(!turns.has(b"a"));

    let mut turns = Turns::new();
    turns.set(b"a");
    turns.flush_all(3);
    turns.begin(101);
    turns.set(b"b");
    assert!(turns.has(b"a") && turns.has(b"b"));
    turns.begin(102);
    assert!(!turns.has(b"a") && !turns.has(b"b"));
}

/// memcached flushes what is stored in the last second of the delay as well.
#[test]
fn the_last_second_is_flushed_at_its_end() {
    let mut turns = Turns::new();
    turns.flush_all(3);
    turns.begin(102);
    turns.set(b"a");
    turns.begin(103);
    assert!(!turns.has(b"a"));
    turns.set(b"a");
    turns.begin(104);
    assert!(turns.has(b"a"), "the flush is over");
}

#[test]
fn a_long_sleep_and_a_new_flush_end_the_pending_one() {
    let mut turns = Turns::new();
    turns.set(b"a");
    turns.flush_all(3);
    turns.begin(200);
    assert!(!turns.has(b"a"));
    turns.set(b"a");
    turns.begin(300);
    assert!(turns.has(b"a"));

    turns.flush_all(10);
    turns.flush_all(1_000);
    turns.begin(400);
    assert!(turns.has(b"a"));
}
