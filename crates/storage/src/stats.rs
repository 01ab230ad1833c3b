//! Counters and gauges of a store and of its slab classes, under memcached's names.

/// What happened to the items of one slab class.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct ClassCounters {
    /// Live items pushed out.
    pub evicted: u64,
    /// Of these, items that had an exptime.
    pub evicted_nonzero: u64,
    /// Of these, items that no get had read.
    pub evicted_unfetched: u64,
    /// Of these, items that had been read twice or more since their last move.
    pub evicted_active: u64,
    /// Seconds since the last evicted item was last accessed.
    pub evicted_time: u64,
    /// Allocations that found nothing to evict.
    pub outofmemory: u64,
    /// Expired or flushed items taken back at an LRU tail.
    pub reclaimed: u64,
    /// Of these, items that no get had read.
    pub expired_unfetched: u64,
    /// Expired or flushed items taken back by the crawler.
    pub crawler_reclaimed: u64,
    /// Items that the crawler looked at.
    pub crawler_items_checked: u64,
    /// Allocations that had to move items to COLD before they could evict.
    pub direct_reclaims: u64,
    /// Items moved to COLD.
    pub moves_to_cold: u64,
    /// Items moved to WARM.
    pub moves_to_warm: u64,
    /// Items moved to the head of their own list.
    pub moves_within_lru: u64,
}

impl ClassCounters {
    /// Adds another class's counters; `evicted_time` keeps the larger.
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
        self.moves_to_cold += other.moves_to_cold;
        self.moves_to_warm += other.moves_to_warm;
        self.moves_within_lru += other.moves_within_lru;
    }
}

/// A store as a whole.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct StoreStats {
    /// Items that a get may find (or would find expired or flushed).
    pub curr_items: u64,
    /// Bytes that these items ask for, headers included.
    pub bytes: u64,
    /// Items ever linked.
    pub total_items: u64,
    /// Sum over the slab classes.
    pub counters: ClassCounters,
    /// Bytes of the hash table's pages.
    pub hash_bytes: u64,
    /// Binary logarithm of the number of buckets, rounded down.
    pub hash_power_level: u64,
    /// Pages owned, those of the hash table included.
    pub pages_owned: u64,
    /// Pages moved from one slab class to another.
    pub slabs_moved: u64,
    /// Chunks of live items moved so that their page could leave its class.
    pub items_moved: u64,
    /// Values being written into reserved memory.
    pub reservations: u64,
    /// Holds alive.
    pub holds: u64,
}

/// One slab class.
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
    /// Bytes asked for in the used chunks.
    pub mem_requested: u64,
    /// Items on the LRU lists.
    pub number: u64,
    /// Items in HOT.
    pub number_hot: u64,
    /// Items in WARM.
    pub number_warm: u64,
    /// Items in COLD.
    pub number_cold: u64,
    /// Seconds since the HOT tail was accessed.
    pub age_hot: u64,
    /// Seconds since the WARM tail was accessed.
    pub age_warm: u64,
    /// Seconds since the COLD tail was accessed.
    pub age: u64,
    /// What happened to its items.
    pub counters: ClassCounters,
}
