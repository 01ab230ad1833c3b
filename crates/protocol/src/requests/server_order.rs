//! Orders to the server as a whole, which operators give it: dumps, watching, memory, settings.

use core::ops::{BitOr, BitOrAssign};

/// Slab classes as a set: bit n stands for class n, 1 to 63. Or the line that says why a list of
/// them is none; what switches the command off comes first.
pub type SlabClasses = Result<u64, &'static [u8]>;

/// Every slab class.
pub const ALL_SLAB_CLASSES: u64 = !1;

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ServerOrder {
    /// `lru_crawler metadump` and `mgdump`.
    Dump(DumpFormat, SlabClasses),
    /// `lru_crawler crawl`.
    Crawl(SlabClasses),
    /// `lru_crawler enable` and `disable`.
    EnableCrawler(bool),
    /// `cache_memlimit`, in MiB.
    MemoryLimit(u32),
    /// `slabs reassign`: from one slab class to another; -1 is any, 0 the pool.
    Reassign {
        /// The class that is to lose a page.
        from: i32,
        /// The class that is to get it.
        to: i32,
    },
    /// `slabs reassign` with words that name no classes.
    UnreadableReassign,
    /// Changes one of the settings that `stats settings` shows.
    Set(RunTimeSetting),
    /// `extstore`, with valid words.
    ExternalStorage(ExternalSetting),
    /// `watch`; `None` where a stream is asked for that there is not.
    Watch(Option<Streams>),
    /// `refresh_certs`.
    RefreshCertificates,
}

/// How a dump shows an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpFormat {
    /// `metadump`: the key and what is known of the item.
    Meta,
    /// `mgdump`: an `mg` command for each key.
    Requests,
    /// `stats cachedump`: key, length and exptime.
    Cache,
}

/// A setting that can be changed while the server runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RunTimeSetting {
    /// Microseconds between items that the crawler looks at.
    CrawlerSleep(u32),
    /// Items that the crawler looks at in each slab class; 0: all.
    CrawlerItemsMax(u32),
    /// `slabs automove`: 0 off, 1 slow, 2 a page for each eviction.
    Automove(u32),
    /// `slabs automove ratio`.
    AutomoveRatio(f64),
    /// `slabs automove freeratio`.
    AutomoveFreeRatio(f64),
    /// `slabs automove window` in seconds, 3 to 1800.
    AutomoveWindow(u32),
    /// `lru tune`: the shares of HOT and WARM in percent, and how old their tails may be.
    Segments {
        /// Share of HOT.
        hot_percent: u32,
        /// Share of WARM.
        warm_percent: u32,
        /// Age of the tail of HOT, as a part of that of COLD; above 0.
        hot_factor: f64,
        /// The same of WARM.
        warm_factor: f64,
    },
    /// `lru mode`.
    Segmented(bool),
    /// `lru temp_ttl` in seconds; negative: off.
    TemporaryTtl(i32),
}

/// A setting of external storage, by the words of `extstore`.
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

/// What a watcher wants to see: a set of streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams(u8);

impl Streams {
    /// Look-ups of items.
    pub const FETCHERS: Self = Self(1);
    /// Attempts to store.
    pub const MUTATIONS: Self = Self(1 << 1);
    /// Live items pushed out.
    pub const EVICTIONS: Self = Self(1 << 2);
    /// Connections that come and go.
    pub const CONNECTIONS: Self = Self(1 << 3);
    /// Items deleted.
    pub const DELETIONS: Self = Self(1 << 4);
    /// What the server does by itself.
    pub const SYSTEM: Self = Self(1 << 5);
    /// What nothing is ever told of: a watcher may want it all the same.
    pub const SILENT: Self = Self(1 << 6);

    /// The set of these bits.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Each stream is a bit.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// True if both have a stream in common.
    #[inline]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// True if there is no stream.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Streams {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Streams {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
