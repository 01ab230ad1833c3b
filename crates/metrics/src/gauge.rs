//! The gauges of a shard: they go up and down.

crate::stat_names! {
    /// A number that goes up and down. The index into [`Snapshot`](crate::Snapshot) comes after
    /// those of the counters.
    Gauge {
        /// Client connections open now.
        CurrConnections = "curr_connections",
        /// Items linked now, expired ones that nobody has met yet included.
        CurrItems = "curr_items",
        /// Bytes of these items, headers included.
        Bytes = "bytes",
        /// Bytes of the hash table.
        HashBytes = "hash_bytes",
        /// Log2 of the slots of the hash table.
        HashPowerLevel = "hash_power_level",
        /// 1 while the hash table grows.
        HashIsExpanding = "hash_is_expanding",
        /// 1 while the crawler looks for dead items.
        LruCrawlerRunning = "lru_crawler_running",
        /// 1 while a page's items are moved away, for the page to leave its class.
        SlabReassignRunning = "slab_reassign_running",
        /// Pages that the shard owns.
        PagesOwned = "pages_owned",
        /// Buffers for received bytes, lent out or not.
        ReadBufCount = "read_buf_count",
        /// Bytes of all these buffers.
        ReadBufBytes = "read_buf_bytes",
        /// Bytes of the buffers that no connection holds.
        ReadBufBytesFree = "read_buf_bytes_free",
    }
}

impl Gauge {
    /// How two shards' values make one: a sum, or the larger one where a sum has no meaning.
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
