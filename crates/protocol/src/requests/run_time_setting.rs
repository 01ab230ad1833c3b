//! Settings that commands change while the server runs.

/// A setting that can be changed while the server runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RunTimeSetting {
    /// `lru_crawler sleep`: microseconds between two items of the crawler.
    CrawlerSleep(u32),
    /// `lru_crawler tocrawl`: most items that the crawler checks in each slab class; 0: all.
    CrawlerItemsMax(u32),
    /// `slabs automove`: 0 is off, 1 slow, 2 moves a page for each eviction.
    Automove(u32),
    /// `slabs automove ratio`.
    AutomoveRatio(f64),
    /// `slabs automove freeratio`.
    AutomoveFreeRatio(f64),
    /// `slabs automove window` in seconds, 3 to 1800.
    AutomoveWindow(u32),
    /// `lru tune`: the shares of HOT and WARM in percent, and the ages of their tails.
    Segments {
        /// Share of HOT.
        hot_percent: u32,
        /// Share of WARM.
        warm_percent: u32,
        /// Age of the tail of HOT, as a fraction of that of COLD; above 0.
        hot_factor: f64,
        /// Age of the tail of WARM, in the same way.
        warm_factor: f64,
    },
    /// `lru mode`.
    Segmented(bool),
    /// `lru temp_ttl` in seconds; negative: off.
    TemporaryTtl(i32),
}

/// A setting of external storage, named as in `extstore`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ExternalSetting {
    /// `free_memchunks`, which sets nothing.
    FreeChunks,
    /// `item_size` in bytes.
    ItemSize(u32),
    /// `item_age` in seconds.
    ItemAge(u32),
    /// `low_ttl` in seconds.
    LowTtl(u32),
    /// `recache_rate`.
    RecacheRate(u32),
    /// `compact_under` in pages.
    CompactUnder(u32),
    /// `drop_under` in pages.
    DropUnder(u32),
    /// `max_sleep` in microseconds.
    MaxSleep(u32),
    /// `max_frag`.
    MaxFrag(f64),
    /// `drop_unread`.
    DropUnread(bool),
}
