//! The store of one shard: settings, deletion, and the links between the hash table, the
//! items and the counts, which all other operations go through.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::index::hash_table::HashTable;
use crate::index::hints::Hints;
use crate::index::key_hasher::{HashedKey, KeyHasher};
use crate::item::item;
use crate::item::item_ref::ItemRef;
use crate::item::item_sizes::ItemSizes;
use crate::limits::{AGE_LOOKS_MAX, INDEX_PAGES_MIN, PAGES_MIN};
use crate::memory::page_pool::PagePool;
use crate::memory::region::Location;
use crate::policy::access_clock::AccessClock;
use crate::policy::flush_epochs::FlushEpochs;
use crate::policy::liveliness::Liveliness;
use crate::slabs::slab_allocator::SlabAllocator;
use crate::slabs::stats::{ClassCounters, ClassStats, StoreStats};
use crate::store::drain::{Drain, Recipient};
use crate::store::events::EventLog;
use crate::store::hold::HoldTable;
use crate::store::page_sharing::PageSharing;

/// Settings of a store.
#[derive(Clone, Debug)]
pub struct Config {
    /// Shards of the server, at least 1.
    pub shards: u32,
    /// Number of this shard, below `shards`. Keeps cas uniques distinct over shards.
    pub shard: u32,
    /// Bytes of an item (`-I`), in memcached's terms; only append and prepend look at it, other
    /// callers check it before.
    pub item_bytes_max: usize,
    /// Growth from one chunk size to the next (`-f`), above 1.
    pub growth_factor: f64,
    /// Bytes of key, value and flags that fit the smallest chunk (`-n`).
    pub chunk_bytes_min: usize,
    /// Whether live items may be pushed out (not `-M`).
    pub evict: bool,
    /// Whether items get cas uniques (not `-C`).
    pub cas: bool,
    /// Pages that this shard may expect of the pool.
    pub fair_share_pages: usize,
    /// Whether [`Store::item_sizes`] is kept.
    pub track_sizes: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            shards: 1,
            shard: 0,
            item_bytes_max: 1 << 20,
            growth_factor: 1.25,
            chunk_bytes_min: 48,
            evict: true,
            cas: true,
            fair_share_pages: usize::MAX,
            track_sizes: false,
        }
    }
}

/// No page is free and nothing may be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

/// Why a lookup found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// No such key (never stored, deleted, or evicted).
    NotFound,
    /// The item's exptime had passed.
    Expired,
    /// The item was stored before the last `flush_all`.
    Flushed,
}

/// The items of one shard.
pub struct Store {
    pub(crate) config: Config,
    pub(crate) slabs: SlabAllocator,
    pub(crate) index: HashTable,
    pub(crate) hasher: KeyHasher,
    /// Where the items are whose requests come next.
    pub(crate) hints: Hints,
    pub(crate) clock: AccessClock,
    /// Bytes asked for by linked items.
    pub(crate) item_bytes: usize,
    pub(crate) total_items: u64,
    /// Requests that met an item that had expired, or that a flush had ended.
    pub(crate) expired_met: u64,
    pub(crate) flushed_met: u64,
    pub(crate) sizes: Option<ItemSizes>,
    /// Slab class of the item stored last.
    pub(crate) last_stored: usize,
    pub(crate) epochs: FlushEpochs,
    pub(crate) next_unique: u64,
    pub(crate) holds: HoldTable,
    /// The item that an allocation under way must leave linked, even if it has expired.
    pub(crate) guarded: Option<Location>,
    pub(crate) reservations: usize,
    /// A value that no small chunk takes was ever stored.
    pub(crate) has_long_values: bool,
    pub(crate) sharing: PageSharing,
    pub(crate) slabs_moved: u64,
    pub(crate) items_moved: u64,
    pub(crate) liveliness: Liveliness,
    pub(crate) drain: Option<Drain>,
    /// Who gets the page that is being drained, or got the last one.
    pub(crate) drained_for: Option<Recipient>,
    /// Evictions so far, modulo 2^32, for the pace of probes.
    pub(crate) evictions: u32,
    /// The class whose candidates were looked for last, as one that could spare a page.
    pub(crate) probe_hand: usize,
    pub(crate) steal_hand: usize,
    pub(crate) growth_pause: u32,
    pub(crate) crawl: crate::store::crawler::Crawl,
    pub(crate) expiry: crate::index::expiry_index::ExpiryIndex,
    /// See [`Store::set_temporary_ttl`].
    pub(crate) temporary_ttl: u32,
    /// Kept while somebody watches.
    pub(crate) events: Option<Box<EventLog>>,
}

impl Store {
    /// An empty store that takes its minimum of pages from the pool: two for the hash table and
    /// up to four more, within the fair share. `NoMemory`: the pool has not that many.
    pub fn new(config: &Config, pool: Arc<PagePool>, hasher: KeyHasher) -> Result<Store, NoMemory> {
        assert!(config.shard < config.shards, "shard number outside of the shards");
        let pages_min = config.fair_share_pages.clamp(INDEX_PAGES_MIN + 1, PAGES_MIN);
        let pages_expected =
            config.fair_share_pages.min(pool.pages_total() / config.shards as usize);
        let mut slabs = SlabAllocator::new(
            pool,
            config.chunk_bytes_min,
            config.growth_factor,
            pages_min,
            pages_expected,
        );
        let first: Option<Vec<u32>> = (0..pages_min).map(|_| slabs.take_page()).collect();
        let first = first.ok_or(NoMemory)?;
        slabs.is_reserving = config.evict;
        slabs.is_refusing = !config.evict;
        let (index_pages, spare) = first.split_at(INDEX_PAGES_MIN);
        spare.iter().rev().for_each(|page| slabs.keep_spare(*page));
        let (buckets_at, overflow_at) =
            (slabs.page_at(index_pages[0]), slabs.page_at(index_pages[1]));
        let index = HashTable::new(&mut slabs.pages, buckets_at, overflow_at);
        Ok(Store {
            config: config.clone(),
            slabs,
            index,
            hasher,
            hints: Hints::new(),
            clock: AccessClock::new(),
            item_bytes: 0,
            total_items: 0,
            expired_met: 0,
            flushed_met: 0,
            sizes: config.track_sizes.then(ItemSizes::default),
            last_stored: 0,
            epochs: FlushEpochs::default(),
            // 0 says "no unique" and 1 is left out, as memcached does.
            next_unique: u64::from(config.shard) + 2,
            holds: HoldTable::new(),
            guarded: None,
            reservations: 0,
            has_long_values: false,
            sharing: PageSharing::default(),
            slabs_moved: 0,
            items_moved: 0,
            liveliness: Liveliness::default(),
            drain: None,
            drained_for: None,
            evictions: 0,
            probe_hand: 0,
            steal_hand: 0,
            growth_pause: 0,
            crawl: crate::store::crawler::Crawl::default(),
            expiry: crate::index::expiry_index::ExpiryIndex::default(),
            temporary_ttl: 0,
            events: None,
        })
    }

    /// Removes the live item of a key.
    pub fn delete(&mut self, now: u32, key: HashedKey<'_>) -> Result<(), Miss> {
        let item = self.find_live(now, key)?;
        self.counters_of(item).delete_hits += 1;
        self.unlink(item);
        Ok(())
    }

    /// As [`Self::delete`], where nobody asked for it: not counted.
    pub fn discard(&mut self, now: u32, key: HashedKey<'_>) -> Result<(), Miss> {
        let item = self.find_live(now, key)?;
        self.unlink(item);
        Ok(())
    }

    /// Pages owned, those of the hash table included.
    pub fn pages_owned(&self) -> usize {
        self.slabs.owned_pages
    }

    /// Slab classes; numbered from 1 to this, as memcached does.
    pub fn classes(&self) -> usize {
        self.slabs.classes.len()
    }

    /// Counters and gauges of the whole store.
    pub fn stats(&self) -> StoreStats {
        let mut counters = ClassCounters::default();
        (0..self.classes()).for_each(|class| counters.add(&self.slabs.counters(class)));
        let index_pages = self.index.bucket_pages.len() + self.index.overflow_pages.len();
        StoreStats {
            curr_items: self.index.items as u64,
            bytes: self.item_bytes as u64,
            total_items: self.total_items,
            get_expired: self.expired_met,
            get_flushed: self.flushed_met,
            counters,
            hash_bytes: (index_pages * crate::PAGE_BYTES) as u64,
            hash_power_level: u64::from(self.index.buckets().ilog2()),
            pages_owned: self.slabs.owned_pages as u64,
            slabs_moved: self.slabs_moved,
            items_moved: self.items_moved,
            crawler_starts: self.crawl.starts,
            is_growing: self.index.is_growth_due(),
            is_crawling: !self.crawl.is_off && (self.crawl.is_sweeping() || self.is_flushed_left()),
            is_moving_page: self.drain.is_some(),
            reservations: self.reservations as u64,
            holds: self.holds.len() as u64,
        }
    }

    /// Sizes of items in bytes, rounded up to a multiple of 32, and how many items have each. Of a
    /// store that keeps no count of them: none.
    pub fn item_sizes(&self) -> impl Iterator<Item = (usize, u64)> {
        self.sizes.iter().flat_map(ItemSizes::iter)
    }

    /// Sets the counters to 0; gauges stay.
    pub fn reset_stats(&mut self) {
        for class in &mut self.slabs.classes {
            class.counters = ClassCounters::default();
        }
        self.slabs.hits.fill(0);
        self.slabs.sets.fill(0);
        (self.total_items, self.slabs_moved, self.items_moved) = (0, 0, 0);
        (self.expired_met, self.flushed_met) = (0, 0);
    }

    /// One slab class, numbered from 1; `None` outside of `1..=classes()`.
    pub fn class_stats(&self, now: u32, class: usize) -> Option<ClassStats> {
        let number = class.checked_sub(1)?;
        let class = self.slabs.classes.get(number)?;
        let total_chunks = class.chunks();
        Some(ClassStats {
            chunk_size: class.chunk_bytes as u64,
            chunks_per_page: class.chunks_per_page as u64,
            total_pages: class.pages.len() as u64,
            total_chunks: total_chunks as u64,
            used_chunks: class.used_chunks as u64,
            free_chunks: (total_chunks - class.used_chunks) as u64,
            mem_requested: class.requested_bytes as u64,
            number: class.items as u64,
            age: u64::from(self.longest_idle(now, number)),
            counters: self.slabs.counters(number),
        })
    }

    /// Seconds since the longest idle of the class's items was accessed, as far as they lie in the
    /// first chunks of its first pages.
    fn longest_idle(&self, now: u32, class: usize) -> u32 {
        let records = self.slabs.classes[class].pages.iter().copied();
        let chunks = records.flat_map(|record| {
            (0..AGE_LOOKS_MAX).map_while(move |number| self.slabs.chunk_in_page(record, number))
        });
        let pages = &self.slabs.pages;
        let linked = chunks
            .take(AGE_LOOKS_MAX)
            .filter(|chunk| item::chunk_use(pages, *chunk) == item::ChunkUse::Linked);
        let steps = linked.map(|item| item::access(pages, item).step());
        let oldest = steps.max_by_key(|step| step.until(self.clock.step()));
        oldest.map_or(0, |step| self.clock.seconds_since(now, step))
    }

    /// Puts a finished item in the place of `old`, or in the table if there is none.
    pub(crate) fn link(&mut self, hash: u64, new: Location, old: Option<Location>) {
        if let Some(old) = old {
            self.index.replace(&mut self.slabs.pages, hash, old, new);
            self.forget(old);
        } else {
            self.index.insert(&mut self.slabs.pages, hash, new);
        }
        item::set_linked(&mut self.slabs.pages, new, true);
        let class = self.slabs.class_of(new);
        self.slabs.classes[class].items += 1;
        self.count(new, true);
    }

    /// Takes an item out of the table, and frees it unless it is held.
    pub(crate) fn unlink(&mut self, item: Location) {
        let hash = self.hash_of(item);
        self.index.remove(&mut self.slabs.pages, hash, item);
        self.forget(item);
    }

    pub(crate) fn hash_of(&self, item: Location) -> u64 {
        self.hasher.hash(ItemRef::new(&self.slabs.pages, item).key()).hash()
    }

    /// Counts a linked item out, and frees it unless it is held.
    fn forget(&mut self, item: Location) {
        self.count(item, false);
        let class = self.slabs.class_of(item);
        self.slabs.classes[class].items -= 1;
        item::set_linked(&mut self.slabs.pages, item, false);
        if !item::is_held(&self.slabs.pages, item) {
            self.slabs.free_item(item);
        }
    }

    pub(crate) fn count(&mut self, item: Location, linked: bool) {
        let view = ItemRef::new(&self.slabs.pages, item);
        let (bytes, epoch) = (view.total_bytes(), view.epoch());
        let exptime = view.exptime();
        if self.sizes.is_some() {
            self.count_size(bytes, linked);
        }
        if linked {
            self.item_bytes += bytes;
            if exptime != 0 {
                self.expiry.note(self.slabs.record_of(item), exptime);
            }
        } else {
            self.item_bytes -= bytes;
        }
        self.count_mark(item, epoch, linked);
    }

    #[cold]
    #[inline(never)]
    fn count_size(&mut self, bytes: usize, linked: bool) {
        if let Some(sizes) = &mut self.sizes {
            if linked { sizes.add(bytes) } else { sizes.take_off(bytes) }
        }
    }

    /// A cas unique that no item of any shard has had.
    pub(crate) fn new_unique(&mut self) -> u64 {
        let unique = self.next_unique;
        self.next_unique += u64::from(self.config.shards);
        unique
    }

    /// Gives a linked item a cas unique; returns where the item is now.
    pub(crate) fn ensure_unique(&mut self, now: u32, hash: u64, item: Location) -> Location {
        let view = ItemRef::new(&self.slabs.pages, item);
        if !self.config.cas || view.cas() != 0 {
            return item;
        }
        let exptime = view.exptime();
        let Some(item) = self.widen_item(now, hash, item, exptime, true) else { return item };
        let unique = self.new_unique();
        item::set_cas(&mut self.slabs.pages, item, unique);
        item
    }

    pub(crate) fn change_exptime(
        &mut self,
        now: u32,
        hash: u64,
        item: Location,
        exptime: u32,
    ) -> Result<Location, Miss> {
        let view = ItemRef::new(&self.slabs.pages, item);
        if exptime == view.exptime() {
            return Ok(item);
        }
        let has_cas = view.has_cas_field();
        let Some(item) = self.widen_item(now, hash, item, exptime, has_cas) else {
            self.unlink(item);
            return Err(Miss::NotFound);
        };
        self.count(item, false);
        item::set_exptime(&mut self.slabs.pages, item, exptime);
        self.count(item, true);
        Ok(item)
    }

    /// Sees to it that an item has the fields for an exptime (unless 0) and a cas unique, in its
    /// chunk or in a longer one; returns where the item is now.
    pub(crate) fn widen_item(
        &mut self,
        now: u32,
        hash: u64,
        item: Location,
        exptime: u32,
        cas: bool,
    ) -> Option<Location> {
        let view = ItemRef::new(&self.slabs.pages, item);
        let added = usize::from(exptime != 0 && !view.has_exptime_field()) * 4
            + usize::from(cas && !view.has_cas_field()) * 8;
        if added == 0 {
            return Some(item);
        }
        let bytes = view.total_bytes();
        if !view.is_held() && self.slabs.has_slack(item, added) {
            self.slabs.grow_requested(item, added);
            self.item_bytes += added;
            self.count_size(bytes, false);
            self.count_size(bytes + added, true);
            item::widen(&mut self.slabs.pages, item, exptime != 0, cas);
            return Some(item);
        }
        self.rewrite_item(now, hash, item, exptime, cas)
    }
}
