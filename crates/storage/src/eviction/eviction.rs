//! The linked items with their ages, and the eviction of one of them.

use alloc::vec::Vec;

use crate::eviction::crawl::Crawl;
use crate::eviction::event_log::{EventLog, StoreEvent};
use crate::item::access::{AccessHistory, AccessTick, AccessWord};
use crate::item::chunk::set_access;
use crate::item::chunk_sizes::SlabClassId;
use crate::item::eviction_order::{EvictionOrder, Judge};
use crate::item::expiry::Moment;
use crate::item::item_head::ItemHead;
use crate::item::item_ref::ItemRef;
use crate::item::segment::Segment;
use crate::limits::{AGE_OFFSET_PART, SHADOW_COPY_LOOKS};
use crate::linked::linked_items::LinkedItems;
use crate::memory::page_directory::ShardNumber;
use crate::memory::region::Location;
use crate::memory::shard_record::RecordWords;
use crate::policy::access_clock::AccessClock;
use crate::policy::curve_counts::CurveCounts;
use crate::policy::miss_curve::{MissCurve, StoreMeasures};
use crate::policy::order_choice::OrderChoice;
use crate::policy::page_worth::PageWorth;
use crate::policy::segment_ages::SegmentAges;
use crate::policy::segment_shares::SegmentShares;
use crate::policy::stale_classes::StaleClasses;
use crate::slabs::page_record::RecordId;
use crate::slabs::slab_class::SlabClass;
use crate::slabs::stats::StoreStats;

/// The linked items of a store, and what decides which of them leave it.
pub(crate) struct Eviction {
    items: LinkedItems,
    clock: AccessClock,
    orders: OrderChoice,
    curve: MissCurve,
    /// The mask of the hashes that the choice of the order or the curve samples.
    sample_mask: u32,
    /// Reads that found no item.
    read_misses: u64,
    stale_classes: StaleClasses,
    worth: PageWorth,
    crawl: Crawl,
    /// Whether live items may be evicted (not `-M`).
    evicts: bool,
    /// See [`Eviction::set_temporary_ttl`].
    temporary_ttl: u32,
    segments: SegmentAges,
    /// Whether all new items are in HOT.
    starts_hot: bool,
    events: EventLog,
}

impl Eviction {
    pub(crate) fn new(items: LinkedItems, evicts: bool, curve: MissCurve) -> Eviction {
        let kept_tick = items.slabs().stock.kept_number(ShardNumber::Tick);
        Eviction {
            items,
            clock: AccessClock::continued(kept_tick),
            orders: OrderChoice::new(),
            sample_mask: curve.sample_mask(),
            curve,
            read_misses: 0,
            stale_classes: StaleClasses::default(),
            worth: PageWorth::default(),
            crawl: Crawl::new(),
            evicts,
            temporary_ttl: 0,
            segments: SegmentAges::new(SegmentShares::standard()),
            starts_hot: true,
            events: EventLog::default(),
        }
    }

    /// Keeps the items, and what decides which of them leave the store.
    pub(crate) fn keep(&mut self, words: &mut RecordWords) {
        self.items.keep(words);
        self.clock.keep(words);
        self.orders.keep(words);
        self.stale_classes.keep(words);
        self.worth.keep(words);
        self.segments.keep(words);
    }

    /// Has the simulations begin with the items that the store has, which an earlier process left.
    pub(crate) fn simulate_kept_items(&mut self) {
        self.curve.copy_items();
    }

    #[inline]
    pub(crate) fn items(&self) -> &LinkedItems {
        &self.items
    }

    #[inline]
    pub(crate) fn items_mut(&mut self) -> &mut LinkedItems {
        &mut self.items
    }

    /// Whether live items may be evicted.
    #[inline]
    pub(crate) fn evicts(&self) -> bool {
        self.evicts
    }

    pub(crate) fn events_mut(&mut self) -> &mut EventLog {
        &mut self.events
    }

    pub(crate) fn events(&self) -> &EventLog {
        &self.events
    }

    /// Notes a read of an item. Returns the item's new access word. Writes it only if it changes,
    /// so that the cache line of a busy item stays clean.
    #[expect(clippy::inline_always, reason = "most requests do this")]
    #[inline(always)]
    pub(crate) fn note_read(&mut self, now: Moment, head: ItemHead) -> AccessWord {
        let tick = self.clock.advance(now.tick(), self.items.items());
        let old = head.access();
        let mut new = old.after_read(tick);
        if old.is_cold() {
            new = self.warm_up(head, new);
        }
        if new != old {
            head.set_access(self.items.pages_mut(), new);
        }
        if self.stale_classes.is_sampled() {
            self.note_sampled_hit(now, head.location(self.items.pages()), old);
        }
        new
    }

    /// Moves an item in COLD, which was just read, to WARM if it was read before. As in memcached,
    /// the first read moves nothing. Returns the access word that the item shall have.
    #[inline(never)]
    fn warm_up(&mut self, head: ItemHead, access: AccessWord) -> AccessWord {
        if !access.is_active() || !self.segments.are_on() {
            return access;
        }
        let item = head.location(self.items.pages());
        let access = access.moved_to(Segment::Warm);
        self.items.change_access(item, access);
        self.items.slabs_mut().counters_of(item).moves_to_warm += 1;
        access
    }

    /// Moves an item that an eviction looks at to the segment where it belongs. Returns its access
    /// word.
    #[inline(never)]
    pub(super) fn move_to_its_segment(
        &mut self,
        judge: Judge,
        item: Location,
        access: AccessWord,
    ) -> AccessWord {
        let segment = self.segments.place(access, judge.age(access));
        if segment == Segment::Hot {
            return access;
        }
        let class = self.items.slabs().class_of(item);
        let class = self.items.slabs_mut().class_mut(class);
        match segment {
            Segment::Cold => class.counters.moves_to_cold += 1,
            Segment::Warm if access.segment() == segment => class.counters.moves_within_lru += 1,
            Segment::Warm => class.counters.moves_to_warm += 1,
            Segment::Hot | Segment::Temporary => {}
        }
        let moved = access.moved_to(segment);
        if moved != access {
            self.items.change_access(item, moved);
        }
        moved
    }

    /// Counts a sampled hit on an item that had this access word.
    #[inline(never)]
    fn note_sampled_hit(&mut self, now: Moment, item: Location, access: AccessWord) {
        let judge = self.judge();
        let class = self.items.slabs().class_of(item);
        let class = self.items.slabs_mut().class_mut(class);
        class.costs.count_hit();
        if access.is_cold() && class.costs.is_tail(judge.dispensability(access)) {
            self.worth.note_tail_hit(now.tick());
        }
    }

    /// Marks and dates an item that is about to be linked, or was just written in place. Returns
    /// its access word.
    #[inline]
    pub(crate) fn date_new(&mut self, now: Moment, item: Location) -> AccessWord {
        self.items.mark_new(item);
        let access = AccessWord::stored(self.clock.advance(now.tick(), self.items.items()));
        set_access(self.items.pages_mut(), item, access);
        if self.starts_hot { access } else { self.place_new(now, item, access) }
    }

    /// Marks and dates an item that is about to be linked as one that has this history. Unlike
    /// [`Self::date_new`] it counts no request: the ages of other items stay.
    pub(crate) fn date_restored(&mut self, item: Location, history: &AccessHistory) {
        self.items.mark_new(item);
        let access = AccessWord::of_history(history, self.clock.tick());
        set_access(self.items.pages_mut(), item, access);
    }

    /// The history of an item with this access word.
    pub(crate) fn history(&self, access: AccessWord) -> AccessHistory {
        access.history(self.clock.tick())
    }

    /// Moves a new item to its segment, which may not be HOT. Returns its access word.
    #[inline(never)]
    fn place_new(&mut self, now: Moment, item: Location, access: AccessWord) -> AccessWord {
        let exptime = self.items.view(item).exptime();
        let segment = if exptime != 0 && exptime.saturating_sub(now.tick()) <= self.temporary_ttl {
            Segment::Temporary
        } else if self.segments.are_on() {
            Segment::Hot
        } else {
            Segment::Cold
        };
        let access = access.moved_to(segment);
        set_access(self.items.pages_mut(), item, access);
        access
    }

    /// Counts an item that was stored in a class.
    #[inline]
    pub(crate) fn note_store(&mut self, now: Moment, class: SlabClassId) {
        self.items.slabs_mut().class_mut(class).costs.count_store();
        self.worth.note_store(now.tick());
    }

    /// The current access tick.
    pub(crate) fn tick(&self) -> AccessTick {
        self.clock.tick()
    }

    /// Seconds since an item with this access word was accessed.
    pub(crate) fn idle(&self, now: Moment, access: AccessWord) -> u32 {
        self.clock.seconds_since(now.tick(), access.tick())
    }

    /// Seconds since the longest idle of some items was accessed.
    pub(crate) fn longest_idle(&self, now: Moment, items: impl Iterator<Item = AccessWord>) -> u32 {
        let oldest = items.max_by_key(|access| access.tick().until(self.clock.tick()));
        oldest.map_or(0, |access| self.idle(now, access))
    }

    /// What items are judged by now. Their ages count to a little in the future, see
    /// [`AGE_OFFSET_PART`].
    pub(crate) fn judge(&self) -> Judge {
        let items = self.items.items();
        self.orders.judge(self.clock.tick_in(items / AGE_OFFSET_PART, items))
    }

    /// Whether reads and stores of the key with this hash are noted for simulations: of the orders
    /// of eviction, or of other sizes of the memory.
    #[inline]
    pub(crate) fn is_sampled(&self, hash: u64) -> bool {
        hash as u32 & self.sample_mask == 0
    }

    /// Counts a read that found no item.
    #[inline]
    pub(crate) fn count_read_miss(&mut self) {
        self.read_misses += 1;
    }

    /// Notes a read of a sampled key. `found`: its item, if it has one.
    #[cold]
    pub(crate) fn note_sampled_read(&mut self, now: Moment, hash: u64, found: Option<Location>) {
        let found = found.map(|item| self.items.view(item));
        let found = found.map(|item| (item.total_bytes(), item.exptime()));
        if self.curve.is_sampled(hash) {
            let measures = self.measures();
            if self.curve.note_read(now.tick(), hash, found, &measures) {
                let (reads, misses) = self.reads();
                self.curve.halve_window(reads, misses);
            }
        }
        if self.orders.is_sampled(hash) && self.orders.note_read(now.tick(), hash, found) {
            // The costs of the order before are not comparable.
            self.items.slabs_mut().classes_mut().iter_mut().for_each(SlabClass::forget_costs);
        }
        self.join_samples();
    }

    /// Notes that an item of a sampled key was stored.
    #[cold]
    pub(crate) fn note_sampled_store(&mut self, now: Moment, hash: u64, item: Location) {
        let item = self.items.view(item);
        let size = (item.total_bytes(), item.exptime());
        if self.curve.is_sampled(hash) {
            let measures = self.measures();
            self.curve.note_store(now.tick(), hash, size, &measures);
            if !self.curve.is_copied() {
                self.copy_to_curve(now, &measures);
            }
        }
        if self.orders.is_sampled(hash) {
            self.orders.note_store(now.tick(), hash, size, self.items.bytes());
        }
        self.join_samples();
    }

    /// Notes that a client removed the item of a sampled key.
    #[cold]
    pub(crate) fn note_sampled_removal(&mut self, hash: u64) {
        self.orders.note_removal(hash);
        self.curve.note_removal(hash);
    }

    /// Notes the new exptime of the item of a sampled key.
    #[cold]
    pub(crate) fn note_sampled_exptime(&mut self, hash: u64, exptime: u32) {
        self.orders.note_exptime(hash, exptime);
        self.curve.note_exptime(hash, exptime);
    }

    /// Widens the sample of the curve if items are far larger than expected. To be called now and
    /// then while the store grows: a sample that is too small sees few stores.
    pub(crate) fn fit_curve_sample(&mut self) {
        let measures = self.measures();
        self.curve.widen_if_due(&measures);
        self.join_samples();
    }

    /// The samples have changed.
    fn join_samples(&mut self) {
        self.sample_mask = self.orders.sample_mask() & self.curve.sample_mask();
    }

    /// What the simulations of other sizes need to know.
    fn measures(&self) -> StoreMeasures {
        let bytes = self.items.bytes();
        StoreMeasures {
            order: self.orders.chosen(),
            mean_bytes: self.orders.mean_bytes(),
            items: self.items.items(),
            bytes,
            bytes_max: self.items.slabs().stock.bytes_when_full(bytes),
        }
    }

    /// Reads since the start, and those of them that found no item.
    fn reads(&self) -> (u64, u64) {
        let slabs = self.items.slabs();
        let hits = |class| {
            let counters = slabs.counters(class);
            counters.get_hits + counters.touch_hits
        };
        (slabs.class_ids().map(hits).sum::<u64>() + self.read_misses, self.read_misses)
    }

    /// The counts of the miss-ratio curve since the start, and those of its window.
    pub(crate) fn curve_counts(&self) -> (CurveCounts, CurveCounts) {
        let (reads, misses) = self.reads();
        self.curve.counts(reads, misses)
    }

    /// The simulations of other sizes.
    pub(crate) fn curve(&self) -> &MissCurve {
        &self.curve
    }

    /// Copies some of the sampled items to the simulations of the orders of eviction.
    #[cold]
    fn copy_to_orders(&mut self, now: Moment) {
        let (items, orders, tick) = (&self.items, &mut self.orders, self.clock.tick());
        let mut looks = 0;
        while looks < SHADOW_COPY_LOOKS
            && let Some(from) = orders.next_copy(items.items())
        {
            let copy = |hash, item: ItemRef<'_>| {
                let age = item.access().tick().until(tick);
                orders.copy(hash, (item.total_bytes(), item.exptime()), item.access(), age);
            };
            let (end, seen) = show_live(items, now, from, copy);
            looks += seen;
            orders.note_copied(end);
        }
        self.join_samples();
    }

    /// Copies some of the sampled items to the simulations of other sizes.
    fn copy_to_curve(&mut self, now: Moment, measures: &StoreMeasures) {
        let (items, curve, tick) = (&self.items, &mut self.curve, self.clock.tick());
        let mut looks = 0;
        while looks < SHADOW_COPY_LOOKS
            && let Some(from) = curve.next_copy()
        {
            let copy = |hash, item: ItemRef<'_>| {
                let access = (item.access(), item.access().tick().until(tick));
                curve.copy(
                    now.tick(),
                    hash,
                    (item.total_bytes(), item.exptime()),
                    access,
                    measures,
                );
            };
            let (end, seen) = show_live(items, now, from, copy);
            looks += seen;
            curve.note_copied(end);
        }
    }

    /// Makes everything stored so far a miss.
    pub(crate) fn flush_all(&mut self) {
        self.items.flush_all();
        self.orders.clear();
        self.curve.clear();
    }

    /// Finds classes with fewer hits than predicted, if it is time for that.
    pub(crate) fn judge_classes(&mut self) {
        self.stale_classes.judge(self.clock.number(), self.items.slabs_mut().classes_mut());
    }

    /// The worth of a page of this store now.
    pub(crate) fn page_worth(&self, now: Moment) -> u64 {
        let stock = &self.items.slabs().stock;
        self.worth.per_page(now.tick(), stock.owned_pages() - stock.spare_pages())
    }

    /// From now on items that expire within this many seconds when they are stored are evicted only
    /// if no others are left. 0: no new item is temporary.
    pub(crate) fn set_temporary_ttl(&mut self, seconds: u32) {
        self.temporary_ttl = seconds;
        self.starts_hot = seconds == 0 && self.segments.are_on();
    }

    /// Whether there are temporary items.
    pub(crate) fn has_temporary_items(&self) -> bool {
        self.items.bytes_by_segment()[Segment::Temporary as usize] > 0
    }

    /// Sets the settings of the segments.
    pub(crate) fn set_segment_shares(&mut self, shares: SegmentShares) {
        self.segments.set_shares(shares);
        self.curve.set_segment_shares(shares);
        self.starts_hot = self.temporary_ttl == 0 && self.segments.are_on();
    }

    /// Adapts the ages of the segments, after this many looks at items.
    pub(super) fn control_segments(&mut self, looks: usize) {
        let new_ticks = self.orders.chosen().new_ticks();
        self.segments.control(self.items.bytes_by_segment(), self.items.items(), looks, new_ticks);
    }

    /// Notes the age of the oldest item in COLD of a sample.
    pub(super) fn note_cold(&mut self, age: u32) {
        self.segments.note_cold(age);
    }

    /// Whether a live item is evicted only if no others are left.
    #[inline]
    pub(super) fn is_temporary(&self, item: Location) -> bool {
        self.items.head(item).access().segment() == Segment::Temporary
    }

    /// Evicts a live item, or takes back a dead one. The item is not held. It is counted for its
    /// own class, even if a chunk of another class was wanted.
    pub(super) fn evict(&mut self, now: Moment, item: Location) {
        let evicted = self.evict_untimed(now, item);
        self.note_evicted_time(now, evicted);
    }

    /// As [`Self::evict`], for an item after which others are evicted. Returns the class and the
    /// access word of a live item.
    pub(super) fn evict_untimed(
        &mut self,
        now: Moment,
        item: Location,
    ) -> Option<(SlabClassId, AccessWord)> {
        let class = self.items.slabs().class_of(item);
        let dead = self.items.death_of(now, item).is_some();
        let view = self.items.view(item);
        assert!(!view.is_held(), "a held item is evicted");
        let (fetched, active) = (view.is_fetched(), view.is_active());
        let (exptime, access) = (view.exptime(), view.access());
        let counters = &mut self.items.slabs_mut().class_mut(class).counters;
        counters.direct_reclaims += 1;
        if dead {
            counters.reclaimed += 1;
            counters.expired_unfetched += u64::from(!fetched);
        } else {
            assert!(self.evicts, "a live item is evicted although evictions are off");
            counters.evicted += 1;
            counters.evicted_nonzero += u64::from(exptime != 0);
            counters.evicted_unfetched += u64::from(!fetched);
            counters.evicted_active += u64::from(active);
            if !self.orders.is_simulated() {
                self.copy_to_orders(now);
            }
            if self.events.is_on() {
                self.note_eviction(now, item);
            }
        }
        self.items.unlink(item);
        (!dead).then_some((class, access))
    }

    /// Notes how long the item that was evicted last had been idle.
    pub(super) fn note_evicted_time(
        &mut self,
        now: Moment,
        evicted: Option<(SlabClassId, AccessWord)>,
    ) {
        let Some((class, access)) = evicted else { return };
        let idle = self.idle(now, access);
        self.items.slabs_mut().class_mut(class).counters.evicted_time = u64::from(idle);
    }

    #[cold]
    fn note_eviction(&mut self, now: Moment, item: Location) {
        let view = self.items.view(item);
        if !view.has_plain_key() {
            return;
        }
        let event = StoreEvent::Evicted {
            key: Vec::from(view.key()),
            fetched: view.is_fetched(),
            exptime: view.exptime(),
            idle: self.idle(now, view.access()),
            class: self.items.slabs().class_of(item),
            value_bytes: view.value_len(),
        };
        self.events.add(event);
    }

    /// Whether dead items may be left that would make room.
    pub(crate) fn may_have_dead(&self, now: Moment) -> bool {
        self.may_have_expired(now) || self.items.has_flushed_items()
    }

    /// Whether something may have expired that was not searched yet.
    pub(crate) fn may_have_expired(&self, now: Moment) -> bool {
        self.crawl.may_have_expired(&self.items, now)
    }

    /// Searches up to `looks` chunks for expired items. True: something was freed.
    pub(crate) fn sweep(&mut self, now: Moment, looks: usize) -> bool {
        self.crawl.sweep(&mut self.items, now, looks)
    }

    /// Searches up to `budget` chunks in the background. Returns how many of the budget are left.
    pub(crate) fn crawl(&mut self, now: Moment, budget: u32) -> u32 {
        self.crawl.crawl(&mut self.items, now, budget)
    }

    /// The second at which [`Self::crawl`] has something to do, see [`Crawl::due`].
    pub(crate) fn crawl_due(&self, now: Moment) -> u32 {
        self.crawl.due(&self.items, now)
    }

    /// Has a page that is being searched searched again from its start.
    pub(crate) fn stop_sweep(&mut self) {
        self.crawl.stop_sweep(&mut self.items);
    }

    /// Switches searches for dead items in the background on or off.
    pub(crate) fn switch_crawler(&mut self, on: bool) {
        self.crawl.switch(on);
    }

    /// Whether a page is being searched for expired items, for the recount.
    pub(crate) fn is_swept(&self, page: RecordId) -> bool {
        self.crawl.is_swept(page)
    }

    /// Fills in what items and crawler know of a store's stats.
    pub(crate) fn add_stats(&self, stats: &mut StoreStats) {
        self.items.add_stats(stats);
        stats.crawler_starts = self.crawl.starts();
        stats.is_crawling = self.crawl.is_crawling(&self.items);
        stats.is_order = EvictionOrder::ALL.map(|order| order == self.orders.chosen());
    }
}

/// Shows the live items of the bucket with this reversed hash, and their hashes. Returns the
/// reversed hash of the next bucket, and the looks that it took.
fn show_live(
    items: &LinkedItems,
    now: Moment,
    reversed_hash: u32,
    mut show: impl FnMut(u64, ItemRef<'_>),
) -> (u64, usize) {
    let bucket = items.index().bucket_at_reversed(reversed_hash);
    let show_if_live = |item| {
        if items.death_of(now, item).is_none() {
            show(items.hash_of(item), items.view(item));
        }
    };
    let seen = items.index().for_each_in_bucket(items.pages(), bucket.number, show_if_live);
    (bucket.end, seen + 1)
}
