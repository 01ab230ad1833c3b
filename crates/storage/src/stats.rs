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
    /// Of these, items that had been read twice or more.
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
    /// Items evicted or taken back by an allocation.
    pub direct_reclaims: u64,
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
    /// Items in it.
    pub number: u64,
    /// Seconds since the longest idle of them was accessed, as far as a bounded look found it.
    pub age: u64,
    /// What happened to its items.
    pub counters: ClassCounters,
}
