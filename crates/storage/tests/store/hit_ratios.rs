//! The hit ratio after the load changes.

use std::sync::Arc;

use slabcore_storage::{Config, Moment, PAGE_BYTES, PagePool, StoreOutcome};

use crate::shard::{Shard, pool};

/// A client that reads random keys and stores those that it misses.
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

    /// The hits of this many requests, spread evenly over `keys` keys with values of this length.
    fn play(&mut self, requests: usize, keys: usize, len: usize) -> usize {
        let mut hits = 0;
        for request in 0..requests {
            self.shard.now += u32::from(request % 1000 == 0);
            hits += usize::from(self.ask(keys, len));
        }
        hits
    }

    /// One request. True if it hits.
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

/// Two shards of one pool. One of them gets nine of ten requests.
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

    /// The hits of this many requests for `keys` keys of 200 bytes in each shard. The `hot` shard
    /// gets more of them.
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
                    shard.shard.store.maintain(Moment::at(shard.shard.now), 1);
                }
            }
        }
        hits
    }
}

/// Memory follows the load between shards. After another shard becomes the hot one, the hit ratio
/// is soon that of stores in which it was always the hot one.
#[test]
fn the_hit_ratio_recovers_when_another_shard_becomes_hot() {
    const PAGES: usize = 1024;
    // The keys of each shard fill all of the memory, so the hot shard needs it all.
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
        // A hot shard with half of the pages would hit in half of its requests.
        assert!(pages[0] > PAGES * 5 / 8, "{pages:?}");
    }
}

/// Memory follows the load between slab classes. After keys and value sizes change, the hit ratio
/// is soon that of a store that had this load from the start. The same holds after the change back.
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
