//! Commands for the server as a whole, which change something. Questions are in
//! [`StatsQuery`](crate::StatsQuery).

use crate::requests::dump_format::SlabClasses;
use crate::requests::run_time_setting::{ExternalSetting, RunTimeSetting};

/// A command that changes the server's state or settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ServerCommand {
    /// `flush_all`.
    FlushAll {
        /// Seconds, relative or absolute like an exptime; 0 if the client gave none. `None`: the
        /// delay is not a number, which is reported only if flushing is allowed.
        delay: Option<i32>,
    },
    /// `verbosity`: the level as sent, not yet capped.
    Verbosity(u32),
    /// `shutdown`.
    Shutdown(ShutdownMode),
    /// `stats reset`.
    ResetStats,
    /// `stats detail on` and `off`.
    CountPrefixes(bool),
    /// `lru_crawler crawl`.
    Crawl(SlabClasses),
    /// `lru_crawler enable` and `disable`.
    EnableCrawler(bool),
    /// `cache_memlimit`, in MiB.
    MemoryLimit(u32),
    /// `slabs reassign`: moves a page from one slab class to another. Both numbers are as sent; -1
    /// means any class, 0 the pool.
    Reassign {
        /// The class that loses a page.
        from: i32,
        /// The class that gets it.
        to: i32,
    },
    /// `slabs reassign` with words that are not numbers. This is reported only if page moves are
    /// allowed.
    UnreadableReassign,
    /// Changes a setting that `stats settings` shows.
    Set(RunTimeSetting),
    /// `extstore`, with valid words.
    ExternalStorage(ExternalSetting),
    /// `refresh_certs`.
    RefreshCertificates,
}

/// How `shutdown` ends the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownMode {
    /// Like SIGINT.
    AtOnce,
    /// Like SIGUSR1.
    Graceful,
    /// A mode that does not exist. This is reported only if `shutdown` is enabled.
    Unknown,
}
