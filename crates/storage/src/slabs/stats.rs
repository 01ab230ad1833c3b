//! Counters and gauges of a store and of its slab classes, with memcached's names.

/// Counters of one slab class.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct ClassCounters {
    /// Live items evicted.
    pub evicted: u64,
    /// Of these, items with an exptime.
    pub evicted_nonzero: u64,
    /// Of these, items that no get had read.
    pub evicted_unfetched: u64,
    /// Of these, items that had been read twice or more.
    pub evicted_active: u64,
    /// Seconds since the last evicted item was last accessed.
    pub evicted_time: u64,
    /// Allocations that found nothing to evict.
    pub outofmemory: u64,
    /// Expired or flushed items taken back by an allocation.
    pub reclaimed: u64,
    /// Of these, items that no get had read.
    pub expired_unfetched: u64,
    /// Expired or flushed items taken back by the crawler.
    pub crawler_reclaimed: u64,
    /// Items that the crawler looked at.
    pub crawler_items_checked: u64,
    /// Items evicted or taken back by an allocation.
    pub direct_reclaims: u64,
    /// Gets that found an item.
    pub get_hits: u64,
    /// Of these, by the segment of the item: COLD, HOT, WARM, TEMP.
    pub hits_by_segment: [u64; 4],
    /// Items moved to COLD.
    pub moves_to_cold: u64,
    /// Items moved to WARM.
    pub moves_to_warm: u64,
    /// Looks of evictions at items that stayed in WARM.
    pub moves_within_lru: u64,
    /// Storage attempts with memory for their item, by its class.
    pub cmd_set: u64,
    /// Items deleted.
    pub delete_hits: u64,
    /// Items incremented.
    pub incr_hits: u64,
    /// Items decremented.
    pub decr_hits: u64,
    /// Items replaced by a cas.
    pub cas_hits: u64,
    /// Cas commands with another unique than the item's.
    pub cas_badval: u64,
    /// Items touched, also by a get that touches.
    pub touch_hits: u64,
}

impl ClassCounters {
    /// Adds the counters of another class. `evicted_time` becomes the larger one.
    pub(crate) fn add(&mut self, other: &ClassCounters) {
        self.evicted += other.evicted;
        self.evicted_nonzero += other.evicted_nonzero;
        self.evicted_unfetched += other.evicted_unfetched;
        self.evicted_active += other.evicted_active;
        self.evicted_time = self.evicted_time.max(other.evicted_time);
        self.outofmemory += other.outofmemory;
        self.reclaimed += other.reclaimed;
        self.expired_unfetched += other.expired_unfetched;
        self.crawler_reclaimed += other.crawler_reclaimed;
        self.crawler_items_checked += other.crawler_items_checked;
        self.direct_reclaims += other.direct_reclaims;
        self.get_hits += other.get_hits;
        for (sum, hits) in self.hits_by_segment.iter_mut().zip(other.hits_by_segment) {
            *sum += hits;
        }
        self.moves_to_cold += other.moves_to_cold;
        self.moves_to_warm += other.moves_to_warm;
        self.moves_within_lru += other.moves_within_lru;
        self.cmd_set += other.cmd_set;
        self.delete_hits += other.delete_hits;
        self.incr_hits += other.incr_hits;
        self.decr_hits += other.decr_hits;
        self.cas_hits += other.cas_hits;
        self.cas_badval += other.cas_badval;
        self.touch_hits += other.touch_hits;
    }
}

/// Counters and gauges of a whole store.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct StoreStats {
    /// Linked items, including those expired or flushed that were not taken back yet.
    pub curr_items: u64,
    /// Bytes of memory that these items use, headers included.
    pub bytes: u64,
    /// Items ever linked.
    pub total_items: u64,
    /// Requests that found an expired item.
    pub get_expired: u64,
    /// Requests that found a flushed item.
    pub get_flushed: u64,
    /// Sum over the slab classes.
    pub counters: ClassCounters,
    /// Bytes of the hash table's pages.
    pub hash_bytes: u64,
    /// Binary logarithm of the number of buckets, rounded down.
    pub hash_power_level: u64,
    /// Pages owned, including those of the hash table.
    pub pages_owned: u64,
    /// Pages moved from one slab class to another.
    pub slabs_moved: u64,
    /// Chunks of live items moved so that their page could leave its class.
    pub items_moved: u64,
    /// Pages in which the crawler began to look for expired items.
    pub crawler_starts: u64,
    /// Whether the hash table has fewer buckets than its items need.
    pub is_growing: bool,
    /// Whether the crawler is looking for dead items.
    pub is_crawling: bool,
    /// Whether a page is being drained.
    pub is_moving_page: bool,
    /// Which order of eviction is chosen: by recency, by worth, read items first.
    pub is_order: [bool; 3],
    /// Reservations alive.
    pub reservations: u64,
    /// Holds alive.
    pub holds: u64,
}

/// Counters and gauges of one slab class.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct ClassStats {
    /// Bytes of a chunk.
    pub chunk_size: u64,
    /// Chunks of a page.
    pub chunks_per_page: u64,
    /// Pages of the class.
    pub total_pages: u64,
    /// Chunks of these pages.
    pub total_chunks: u64,
    /// Chunks in use.
    pub used_chunks: u64,
    /// Chunks not in use.
    pub free_chunks: u64,
    /// Bytes used in the used chunks.
    pub mem_requested: u64,
    /// Items.
    pub number: u64,
    /// Items by segment: COLD, HOT, WARM, TEMP.
    pub number_by_segment: [u64; 4],
    /// Seconds since the longest idle item of each segment was accessed, of those that a bounded
    /// search saw.
    pub age_by_segment: [u64; 4],
    /// Counters.
    pub counters: ClassCounters,
}
