//! The gauges of a shard: they go up and down.

crate::stat_names! {
    /// A number that goes up and down. Its index in a [`Snapshot`](crate::Snapshot) comes after
    /// those of the counters.
    Gauge {
        /// Client connections open now.
        CurrConnections = "curr_connections",
        /// Items stored now, expired ones not yet taken back included.
        CurrItems = "curr_items",
        /// Bytes of these items, headers included.
        Bytes = "bytes",
        /// Bytes of the hash table.
        HashBytes = "hash_bytes",
        /// Base-2 logarithm of the number of slots of the hash table.
        HashPowerLevel = "hash_power_level",
        /// 1 while the hash table grows.
        HashIsExpanding = "hash_is_expanding",
        /// 1 while the crawler looks for dead items.
        LruCrawlerRunning = "lru_crawler_running",
        /// 1 while the items of a page are moved, so that the page can leave its slab class.
        SlabReassignRunning = "slab_reassign_running",
        /// 1 if the shard evicts by recency.
        OrderRecency = "eviction_order_recency",
        /// 1 if the shard evicts by worth.
        OrderWorth = "eviction_order_worth",
        /// 1 if the shard evicts items that were not read soon before all others.
        OrderReadFirst = "eviction_order_read_first",
        /// Pages that the shard owns.
        PagesOwned = "pages_owned",
        /// Bytes of received requests that are not executed yet.
        WaitingInputBytes = "waiting_input_bytes",
        /// Bytes of output buffers kept for reuse.
        SpareBufferBytes = "spare_buffer_bytes",
    }
}

impl Gauge {
    /// Combines the values of two shards: their sum, or the larger one if a sum has no meaning.
    pub(crate) const fn merged(self, ours: u64, theirs: u64) -> u64 {
        match self {
            Self::HashPowerLevel
            | Self::HashIsExpanding
            | Self::LruCrawlerRunning
            | Self::SlabReassignRunning => {
                if ours > theirs {
                    ours
                } else {
                    theirs
                }
            }
            _ => ours.wrapping_add(theirs),
        }
    }
}
