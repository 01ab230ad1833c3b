//! One shard: a store with its counters and its uploads.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use slabcore_metrics::{Counter, Gauge, ShardMetrics};
use slabcore_storage::{
    Config, HashedKey, Hold, KeyHasher, NoMemory, PageDemand, PagePool, PageWish, Reassigned, Store,
};

use crate::execution::uploads::Uploads;
use crate::observation::class_table::ClassTable;
use crate::observation::prefix_counts::Detail;
use crate::observation::watched_lines::Watched;
use crate::requests::clock::Now;

/// What a shard needs to know beside its store's configuration.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest item in bytes as memcached counts it (`-I`).
    pub item_bytes_max: usize,
    /// Whether items have cas uniques; decides how large an item counts.
    pub cas: bool,
}

impl Limits {
    /// Header, NUL and CRLF of memcached's item, so that the same values are too large here.
    const ITEM_BYTES: usize = 48 + 1 + 2;

    /// True if memcached would call this item too large for its `-I`.
    pub const fn too_large(&self, key_bytes: usize, flags: u32, value_bytes: usize) -> bool {
        let cas_bytes = if self.cas { 8 } else { 0 };
        let flags_bytes = if flags == 0 { 0 } else { 4 };
        Self::ITEM_BYTES + cas_bytes + flags_bytes + key_bytes + value_bytes > self.item_bytes_max
    }
}

/// The part of the cache that one core owns.
pub struct Shard {
    pub(crate) store: Store,
    pub(crate) metrics: Arc<ShardMetrics>,
    pub(crate) uploads: Uploads,
    /// The slab classes at the last `stats reset`.
    pub(crate) class_baseline: ClassTable,
    pub(crate) detail: Detail,
    /// What the executor tells of its connections, as it encodes it.
    pub(crate) told_connections: Vec<u8>,
    /// A `flush_all` that has yet to take effect, as a tick; 0: none.
    flush_tick: u32,
    /// The tick that [`Self::take_background_due`] or [`Self::sooner_background_due`] told last.
    due_told: u32,
    /// Dumps and crawls that clients have ordered here.
    crawls_ordered: u64,
    /// Kept while somebody watches.
    pub(crate) watched: Option<Box<Watched>>,
}

impl Shard {
    /// An empty shard that takes its pages from `pool` and counts in `metrics`.
    pub fn new(
        config: &Config,
        pool: Arc<PagePool>,
        hasher: KeyHasher,
        metrics: Arc<ShardMetrics>,
    ) -> Result<Self, NoMemory> {
        Ok(Self {
            store: Store::new(config, pool, hasher)?,
            metrics,
            uploads: Uploads::new(config.shards as usize),
            class_baseline: ClassTable::default(),
            detail: Detail::default(),
            told_connections: Vec::new(),
            flush_tick: 0,
            due_told: u32::MAX,
            crawls_ordered: 0,
            watched: None,
        })
    }

    /// Counters of this shard; the executor counts its own events there too.
    pub fn metrics(&self) -> &Arc<ShardMetrics> {
        &self.metrics
    }

    /// Must be called with the time of each turn before its first request.
    #[inline]
    pub fn begin_turn(&mut self, now: Now) {
        if self.flush_tick != 0 && self.flush_tick <= now.tick {
            self.flush_tick = 0;
            self.store.flush_all();
        }
    }

    /// `flush_all`: at once with `None`; at a tick; `Some(0)` calls a pending one off.
    ///
    /// A new flush replaces a pending one, as in memcached.
    pub fn flush_all(&mut self, at: Option<u32>) {
        self.flush_tick = at.unwrap_or(0);
        if at.is_none() {
            self.store.flush_all();
        }
    }

    /// Before the second touches of a group of lookups.
    #[inline]
    pub fn begin_group(&self) {
        self.store.begin_group();
    }

    /// First touch of a lookup to come: the hash bucket.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.store.prefetch_bucket(hash);
    }

    /// Second touch, once the bucket is near: the item. The lookups should follow in this order.
    #[inline]
    pub fn prefetch_item(&self, hash: u64) {
        self.store.prefetch_item(hash);
    }

    /// Keeps the value that the last get of `key` found in place until [`Self::release`]. A gat may
    /// have ended its item's life: the value is owed all the same.
    pub fn hold(&mut self, key: HashedKey<'_>) -> Hold {
        self.store.hold_hit(key.hash(), key.key()).expect("the last get has just found it")
    }

    /// True if a value was ever stored here that is sent from where it lies.
    pub fn has_large_values(&self) -> bool {
        self.store.has_long_values()
    }

    /// Lets go of a held value of this shard.
    pub fn release(&mut self, hold: Hold) {
        self.store.release(hold);
    }

    /// Background work, about `budget` small steps; true if there is more to do.
    pub fn maintain(&mut self, now: Now, budget: u32) -> bool {
        self.store.maintain(now.tick, budget)
    }

    /// The tick at which background work, or a `flush_all`, is next due; `u32::MAX`: none is.
    pub fn take_background_due(&mut self, now: Now) -> u32 {
        let flush_tick = if self.flush_tick == 0 { u32::MAX } else { self.flush_tick };
        self.due_told = self.store.background_due(now.tick).min(flush_tick);
        self.due_told
    }

    /// The same tick if it is sooner than was told last.
    #[inline]
    pub fn sooner_background_due(&mut self, now: Now) -> Option<u32> {
        let told = self.due_told;
        // Nothing is due sooner than that.
        if told <= now.tick.saturating_add(1) {
            return None;
        }
        let due = self.take_background_due(now);
        self.due_told = due.min(told);
        (due < told).then_some(due)
    }

    /// Whether dead items are looked for in that.
    pub fn crawl_in_background(&mut self, crawls: bool) {
        self.store.crawl_in_background(crawls);
    }

    /// Items that live no longer than so many seconds are evicted after others; 0: none are so.
    pub fn set_temporary_ttl(&mut self, seconds: u32) {
        self.store.set_temporary_ttl(seconds);
    }

    /// Promises pages to a shard that wishes for them; [`Self::maintain`] gives them.
    pub fn grant(&mut self, wish: PageWish) {
        self.store.grant(wish);
    }

    /// Names who has other shards give pages at once, see [`Self::give_pages_now`].
    pub fn set_page_demand(&mut self, demand: PageDemand) {
        self.store.set_page_demand(demand);
    }

    /// Clears some pages for a shard that has nothing left to evict. False: there is none.
    pub fn give_pages_now(&mut self, tick: u32) -> bool {
        self.store.give_now(tick)
    }

    /// Begins to take a page from slab class `from` (-1: any, 0: the pool) for class `to` (0: the
    /// pool).
    pub fn reassign(&mut self, from: i32, to: i32) -> Reassigned {
        let class = |number: i32| usize::try_from(number).ok().filter(|class| *class > 0);
        if from == 0 {
            return class(to).map_or(Reassigned::NoSpare, |to| self.store.assign_free_page(to));
        }
        self.store.reassign(class(from), class(to))
    }

    /// Pages that this shard holds now.
    pub fn pages_owned(&self) -> usize {
        self.store.pages_owned()
    }

    /// Whether [`Self::take_page_wish`] has one.
    pub fn has_page_wish(&self) -> bool {
        self.store.has_page_wish()
    }

    /// The wish for pages of other shards that came up since this was last asked.
    pub fn take_page_wish(&mut self) -> Option<PageWish> {
        self.store.take_page_wish()
    }

    /// A client has ordered a dump or a crawl.
    pub fn count_ordered_crawl(&mut self) {
        self.crawls_ordered += 1;
    }

    /// Copies what the store counts into the metrics, for scrapes and `stats`.
    pub fn publish(&self) {
        let stats = self.store.stats();
        let counters = &stats.counters;
        let metrics = &self.metrics;
        for (counter, total) in [
            (Counter::GetHits, counters.get_hits),
            (Counter::CmdSet, counters.cmd_set),
            (Counter::DeleteHits, counters.delete_hits),
            (Counter::IncrHits, counters.incr_hits),
            (Counter::DecrHits, counters.decr_hits),
            (Counter::CasHits, counters.cas_hits),
            (Counter::CasBadval, counters.cas_badval),
            (Counter::TouchHits, counters.touch_hits),
            (Counter::Evictions, counters.evicted),
            (Counter::EvictedUnfetched, counters.evicted_unfetched),
            (Counter::EvictedActive, counters.evicted_active),
            (Counter::ExpiredUnfetched, counters.expired_unfetched),
            (Counter::Reclaimed, counters.reclaimed),
            (Counter::CrawlerReclaimed, counters.crawler_reclaimed),
            (Counter::CrawlerItemsChecked, counters.crawler_items_checked),
            (Counter::DirectReclaims, counters.direct_reclaims),
            (Counter::SlabsMoved, stats.slabs_moved),
            (Counter::SlabReassignRescues, stats.items_moved),
            (Counter::LruCrawlerStarts, stats.crawler_starts + self.crawls_ordered),
            (Counter::TotalItems, stats.total_items),
            (Counter::GetExpired, stats.get_expired),
            (Counter::GetFlushed, stats.get_flushed),
        ] {
            metrics.set_counter(counter, total);
        }
        for (gauge, value) in [
            (Gauge::CurrItems, stats.curr_items),
            (Gauge::Bytes, stats.bytes),
            (Gauge::HashBytes, stats.hash_bytes),
            (Gauge::HashPowerLevel, stats.hash_power_level),
            (Gauge::HashIsExpanding, u64::from(stats.is_growing)),
            (Gauge::LruCrawlerRunning, u64::from(stats.is_crawling)),
            (Gauge::SlabReassignRunning, u64::from(stats.is_moving_page)),
            (Gauge::PagesOwned, stats.pages_owned),
        ] {
            metrics.set(gauge, value);
        }
    }

    /// The slab classes as counted from the start on; `tick` is the time in seconds.
    pub fn class_table(&self, tick: u32) -> ClassTable {
        ClassTable::of(&self.store, tick)
    }

    /// What [`crate::StatsKind::Connections`] is answered with from now on.
    pub fn tell_connections(&mut self, told: Vec<u8>) {
        self.told_connections = told;
    }

    /// The store, for `stats items` and the like.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
