//! One shard: a store with its counters, its uploads, and what operators observe of it.
//!
//! This file has what belongs to no single request. Requests are executed by the other files of the
//! room; their calls on a shard go one way, from `execute_batch.rs` and `execute.rs` down to here.

use alloc::sync::Arc;
use alloc::vec::Vec;

use slabcore_metrics::ShardMetrics;
use slabcore_protocol::Streams;
use slabcore_storage::{
    Config, HashedKey, Hold, KeyHasher, Moment, NoMemory, PageDemand, PagePool, PageWish,
    Reassigned, Recovered, SegmentShares, SlabClassId, Store, WalkPosition,
};

use crate::execution::uploads::Uploads;
use crate::observation::class_table::ClassTable;
use crate::observation::detail::Detail;
use crate::observation::dump::DumpPart;
use crate::observation::hot_keys::HotKeys;
use crate::observation::watch_log::WatchLog;
use crate::observation::watched_lines::{Watch, WatchedLines};
use crate::requests::clock::Now;
use crate::requests::flush_time::FlushTime;
use crate::requests::request::KeyRequest;

/// The part of the cache that one core owns.
pub struct Shard {
    pub(super) store: Store,
    pub(super) metrics: Arc<ShardMetrics>,
    pub(super) uploads: Uploads,
    pub(super) detail: Detail,
    pub(super) hot_keys: HotKeys,
    pub(super) watch_log: WatchLog,
    /// The value that the last request has found and held, until it is taken.
    pub(super) held: Option<Hold>,
    /// The slab classes at the last `stats reset`.
    pub(super) class_baseline: ClassTable,
    /// Dumps and crawls that clients have started here.
    pub(super) crawls_started: u64,
    /// The tick at which a pending `flush_all` flushes next, and the one at which it ends.
    flush_tick: Option<u32>,
    flush_end: u32,
    /// The tick that [`Self::take_background_due`] or [`Self::sooner_background_due`] returned
    /// last.
    reported_due: u32,
}

impl Shard {
    /// An empty shard that takes its pages from `pool` and counts in `metrics`.
    pub fn new(
        config: &Config,
        pool: Arc<PagePool>,
        hasher: KeyHasher,
        metrics: Arc<ShardMetrics>,
    ) -> Result<Self, NoMemory> {
        let store = Store::new(config, pool, hasher)?;
        Ok(Self::with_store(config, store, metrics))
    }

    /// A shard of a recovered pool, before [`Self::recover`], see [`Store::for_recovery`].
    pub fn for_recovery(
        config: &Config,
        pool: Arc<PagePool>,
        hasher: KeyHasher,
        metrics: Arc<ShardMetrics>,
    ) -> Result<Self, NoMemory> {
        let store = Store::for_recovery(config, pool, hasher)?;
        Ok(Self::with_store(config, store, metrics))
    }

    /// A shard of an attached pool, see [`Store::attach`].
    pub fn attach(
        config: &Config,
        pool: Arc<PagePool>,
        hasher: KeyHasher,
        metrics: Arc<ShardMetrics>,
    ) -> Option<Self> {
        let store = Store::attach(config, pool, hasher)?;
        Some(Self::with_store(config, store, metrics))
    }

    /// Goes on with a `flush_all` whose time had not come when the last process ended.
    pub fn resume_flush(&mut self, now: Now) {
        if let Some(tick) = self.store.later_flush() {
            self.flush_all(now, FlushTime::Tick(tick));
        }
    }

    /// Saves the record by which the next process attaches the shard, see [`Store::save_record`].
    /// Uploads under way end without effect. To be called last.
    pub fn save_record(&mut self) -> bool {
        for upload in self.uploads.take_all() {
            if let Some(reservation) = upload.reservation {
                self.store.abandon(reservation);
            }
        }
        self.store.save_record()
    }

    /// Finds the items that an earlier process left in the shard's pages, see [`Store::recover`].
    pub fn recover(&mut self, now: Now) -> Recovered {
        self.store.recover(now.moment())
    }

    fn with_store(config: &Config, store: Store, metrics: Arc<ShardMetrics>) -> Self {
        Self {
            store,
            metrics,
            uploads: Uploads::new(config.shards as usize),
            detail: Detail::default(),
            hot_keys: HotKeys::new(),
            watch_log: WatchLog::default(),
            held: None,
            class_baseline: ClassTable::default(),
            crawls_started: 0,
            flush_tick: None,
            flush_end: 0,
            reported_due: u32::MAX,
        }
    }

    /// Counters of this shard; the executor counts its own events there too.
    pub fn metrics(&self) -> &Arc<ShardMetrics> {
        &self.metrics
    }

    /// Starts a turn: to be called with its time, before its first request.
    #[inline]
    pub fn begin_turn(&mut self, now: Now) {
        if self.flush_tick.is_some_and(|tick| tick <= now.tick()) {
            self.flush_when_due(now);
        }
    }

    /// Flushes for a pending `flush_all` that is due, see [`FlushTime::Tick`].
    #[cold]
    fn flush_when_due(&mut self, now: Now) {
        self.flush_tick = (now.tick() < self.flush_end).then_some(self.flush_end);
        self.store.flush_all();
        if self.flush_tick.is_none() {
            self.store.keep_later_flush(None);
        }
    }

    /// Executes `flush_all`.
    pub fn flush_all(&mut self, now: Now, time: FlushTime) {
        (self.flush_tick, self.flush_end) = match time {
            FlushTime::Tick(tick) => (Some(tick.saturating_sub(1)), tick),
            FlushTime::Immediately | FlushTime::Never => (None, 0),
        };
        if time == FlushTime::Immediately {
            self.store.flush_all();
        }
        self.store.keep_later_flush(self.flush_tick.map(|_| self.flush_end));
        self.begin_turn(now);
    }

    /// Starts a group of lookups: to be called before the first [`Self::prefetch_item`] of the
    /// group.
    #[inline]
    pub fn begin_group(&self) {
        self.store.begin_group();
    }

    /// Prefetches the hash bucket of a later lookup.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.store.prefetch_bucket(hash);
    }

    /// Prefetches the item of a later lookup; the bucket was prefetched before. The lookups should
    /// follow in the same order.
    #[inline]
    pub fn prefetch_item(&self, hash: u64) {
        self.store.prefetch_item(hash);
    }

    /// Keeps the value that the last get of `key` found in place, until [`Self::release`]. It is
    /// kept even if that get was a gat that ended the item's life.
    pub fn hold(&mut self, key: HashedKey<'_>) -> Hold {
        self.store.hold_hit(key).expect("the last get has just found it")
    }

    /// Takes the hold on the value of the last [`crate::Response::HeldWithHead`]. One that is not
    /// taken ends with a later request.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn take_held(&mut self) -> Hold {
        self.held.take().expect("the last request has just held a value")
    }

    /// True if a value was ever stored here that is too long to be copied into a reply.
    pub fn has_large_values(&self) -> bool {
        self.store.has_long_values()
    }

    /// Ends a hold on a value of this shard.
    pub fn release(&mut self, hold: Hold) {
        self.store.release(hold);
    }

    /// Does about `budget` small steps of background work; true if there is more to do.
    pub fn maintain(&mut self, now: Now, budget: u32) -> bool {
        self.store.maintain(now.moment(), budget)
    }

    /// The tick at which background work or a `flush_all` is next due; `u32::MAX`: never.
    pub fn take_background_due(&mut self, now: Now) -> u32 {
        let flush_tick = self.flush_tick.unwrap_or(u32::MAX);
        self.reported_due = self.store.background_due(now.moment()).min(flush_tick);
        self.reported_due
    }

    /// The same tick, if it is sooner than the last one returned.
    #[inline]
    pub fn sooner_background_due(&mut self, now: Now) -> Option<u32> {
        let reported = self.reported_due;
        // Nothing can be due sooner.
        if reported <= now.tick().saturating_add(1) {
            return None;
        }
        let due = self.take_background_due(now);
        self.reported_due = due.min(reported);
        (due < reported).then_some(due)
    }

    /// Sets whether background work looks for dead items.
    pub fn crawl_in_background(&mut self, crawls: bool) {
        self.store.crawl_in_background(crawls);
    }

    /// Sets up to how many seconds to live a new item counts as temporary, and is evicted after
    /// others; 0: no new item does.
    pub fn set_temporary_ttl(&mut self, seconds: u32) {
        self.store.set_temporary_ttl(seconds);
    }

    /// Sets the settings of the segments.
    pub fn set_segment_shares(&mut self, shares: SegmentShares) {
        self.store.set_segment_shares(shares);
    }

    /// Promises pages to a shard that asked for them; [`Self::maintain`] gives them.
    pub fn grant(&mut self, wish: PageWish) {
        self.store.grant(wish);
    }

    /// Sets the callback that has other shards give pages at once, see [`Self::give_pages_now`].
    pub fn set_page_demand(&mut self, demand: PageDemand) {
        self.store.set_page_demand(demand);
    }

    /// Clears some pages for a shard that has nothing left to evict; false if there is none.
    pub fn give_pages_now(&mut self, now: Moment) -> bool {
        self.store.give_now(now)
    }

    /// Starts to move a page from slab class `from` (-1: any, 0: the pool) to class `to` (0: the
    /// pool).
    pub fn reassign(&mut self, from: i32, to: i32) -> Reassigned {
        let class = |number: i32| SlabClassId::from_number(usize::try_from(number).ok()?);
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

    /// Takes the wish for pages of other shards, if there is a new one.
    pub fn take_page_wish(&mut self) -> Option<PageWish> {
        self.store.take_page_wish()
    }

    /// Counts a dump or a crawl that a client has started.
    pub fn count_started_crawl(&mut self) {
        self.crawls_started += 1;
    }

    /// Counts requests by the prefix of their keys from now on; `delimiter` ends a prefix.
    pub fn begin_detail(&mut self, delimiter: u8) {
        self.detail.set_delimiter(delimiter);
        self.detail.set_on(true);
    }

    /// Looks for hot keys no longer.
    pub fn ignore_hot_keys(&mut self) {
        self.hot_keys.switch_off();
    }

    /// Sets what is watched, and the client that the following requests are from.
    #[cold]
    pub fn watch(&mut self, watch: Watch) {
        self.watch_log.set(watch);
        self.store.note_events(watch.streams.meets(Streams::EVICTIONS | Streams::SYSTEM));
    }

    /// The streams that are watched.
    #[inline]
    pub fn watched_streams(&self) -> Streams {
        self.watch_log.streams()
    }

    /// Shows watchers what a request will look up and delete, before it is executed.
    #[cold]
    pub fn announce(&mut self, now: Now, key: HashedKey<'_>, request: &KeyRequest<'_>) {
        self.watch_log.announce(&self.store, now, key, request);
    }

    /// Adds a line of the server about itself, if its stream is watched.
    pub fn show(&mut self, stream: Streams, write: impl FnOnce(&mut Vec<u8>)) {
        self.watch_log.show(stream, write);
    }

    /// Whether [`Self::take_watched_lines`] has any.
    pub fn has_watched_lines(&self) -> bool {
        self.watch_log.has_lines() || self.store.has_events()
    }

    /// Takes the lines for watchers.
    pub fn take_watched_lines(&mut self, now: Now) -> WatchedLines {
        let (events, dropped) = self.store.take_events();
        for event in events {
            self.watch_log.show_event(now, &event);
        }
        self.watch_log.take_lines(dropped)
    }

    /// Appends the lines of one part of a dump; returns where the next part begins.
    pub fn dump(&self, now: Now, part: &DumpPart, out: &mut Vec<u8>) -> WalkPosition {
        part.append_lines(&self.store, now, out)
    }

    /// The store, for `stats items` and the like.
    pub fn store(&self) -> &Store {
        &self.store
    }
}
