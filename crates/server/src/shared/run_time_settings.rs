//! Settings that operators change while the server runs. Settings without effect here are kept, so
//! that tools read back what they set; the log says once why they have no effect.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use slabcore_protocol::{ExternalSetting, RunTimeSetting};
use slabcore_shard::Shard;
use slabcore_storage::SegmentShares;

use crate::settings::Settings;
use crate::settings::kept_settings::KeptSettings;
use crate::settings::log;

/// The values of the settings.
#[derive(Debug)]
struct RunTimeValues {
    kept: KeptSettings,
    /// Explanations that were logged.
    logged: Vec<&'static str>,
}

const CRAWLING: &str = "lru_crawler sleep, tocrawl: pages in which something has expired are found \
     by index, and taken back in the background at a pace of their own";
const AUTOMOVE: &str =
    "slabs automove: pages always move to the slab class whose items are worth more";
const EXTERNAL_STORAGE: &str = "extstore: there is no external storage";

/// The settings that operators change while the server runs.
#[derive(Debug)]
pub(crate) struct RunTimeSettings {
    values: Mutex<RunTimeValues>,
    /// Dumps and crawls are refused, and executors do not search for dead items. They read this in
    /// each turn: by messages, two of them could see two changes in different orders.
    crawler_off: AtomicBool,
    /// New items with no more seconds to live than this are evicted last; 0: none are. Executors
    /// read this in each turn, too.
    temporary_ttl: AtomicU32,
    /// A word of [`SegmentShares`]. Executors read this in each turn, too.
    segment_shares: AtomicU64,
}

impl RunTimeSettings {
    /// The settings as the command line has them.
    pub(crate) fn new(settings: &Settings) -> Self {
        let kept = settings.kept.clone();
        Self {
            crawler_off: AtomicBool::new(!settings.lru_crawler),
            temporary_ttl: AtomicU32::new(temporary_ttl(&kept)),
            segment_shares: AtomicU64::new(segment_shares(&kept).word()),
            values: Mutex::new(RunTimeValues { kept, logged: Vec::new() }),
        }
    }

    fn values(&self) -> MutexGuard<'_, RunTimeValues> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The values as they are now.
    pub(crate) fn get(&self) -> KeptSettings {
        self.values().kept.clone()
    }

    /// Enables or disables dumps and crawls; false if nothing changes.
    pub(crate) fn enable_crawler(&self, enable: bool) -> bool {
        self.crawler_off.swap(!enable, Ordering::Relaxed) == enable
    }

    /// Whether dumps and crawls are served.
    pub(crate) fn crawls(&self) -> bool {
        !self.crawler_off.load(Ordering::Relaxed)
    }

    /// Sets a shard's settings. Executors do this after each turn and before each batch of
    /// requests: what a client sends after a setting must find it changed.
    pub(crate) fn apply_to(&self, shard: &mut Shard) {
        let segment_shares = self.segment_shares.load(Ordering::Relaxed);
        shard.crawl_in_background(self.crawls());
        shard.set_temporary_ttl(self.temporary_ttl.load(Ordering::Relaxed));
        shard.set_segment_shares(SegmentShares::from_word(segment_shares));
    }

    /// Keeps a setting of external storage, and logs that it has no effect.
    pub(crate) fn keep_external(&self, setting: ExternalSetting) {
        self.values().keep_external(setting);
    }

    /// Keeps a setting. If it has no effect, logs that.
    pub(crate) fn keep(&self, setting: RunTimeSetting) {
        let mut values = self.values();
        values.keep(setting);
        self.temporary_ttl.store(temporary_ttl(&values.kept), Ordering::Relaxed);
        self.segment_shares.store(segment_shares(&values.kept).word(), Ordering::Relaxed);
    }
}

fn temporary_ttl(kept: &KeptSettings) -> u32 {
    if kept.temporary_items { kept.temporary_ttl } else { 0 }
}

fn segment_shares(kept: &KeptSettings) -> SegmentShares {
    let KeptSettings { segmented, hot_percent, warm_percent, hot_factor, warm_factor, .. } = *kept;
    if segmented {
        SegmentShares::new(hot_percent, warm_percent, hot_factor, warm_factor)
    } else {
        SegmentShares::FLAT
    }
}

impl RunTimeValues {
    fn keep(&mut self, setting: RunTimeSetting) {
        let kept = &mut self.kept;
        match setting {
            RunTimeSetting::CrawlerSleep(microseconds) => kept.crawler_sleep = microseconds,
            RunTimeSetting::CrawlerItemsMax(items) => kept.crawler_items_max = items,
            RunTimeSetting::Automove(level) => kept.automove = level,
            RunTimeSetting::AutomoveRatio(ratio) => kept.automove_ratio = ratio,
            RunTimeSetting::AutomoveFreeRatio(ratio) => kept.automove_free_ratio = ratio,
            RunTimeSetting::AutomoveWindow(seconds) => kept.automove_window = seconds,
            RunTimeSetting::Segmented(segmented) => kept.segmented = segmented,
            RunTimeSetting::TemporaryTtl(ttl) => {
                kept.temporary_items = ttl >= 0;
                // The ttl stays as it was if temporary items are turned off.
                kept.temporary_ttl = u32::try_from(ttl).unwrap_or(kept.temporary_ttl);
            }
            RunTimeSetting::Segments { hot_percent, warm_percent, hot_factor, warm_factor } => {
                (kept.hot_percent, kept.warm_percent) = (hot_percent, warm_percent);
                (kept.hot_factor, kept.warm_factor) = (hot_factor, warm_factor);
            }
        }
        let why = match setting {
            RunTimeSetting::CrawlerSleep(_) | RunTimeSetting::CrawlerItemsMax(_) => CRAWLING,
            RunTimeSetting::Segments { .. }
            | RunTimeSetting::Segmented(_)
            | RunTimeSetting::TemporaryTtl(_) => return,
            RunTimeSetting::Automove(_)
            | RunTimeSetting::AutomoveRatio(_)
            | RunTimeSetting::AutomoveFreeRatio(_)
            | RunTimeSetting::AutomoveWindow(_) => AUTOMOVE,
        };
        self.log_no_effect(why);
    }

    fn keep_external(&mut self, setting: ExternalSetting) {
        let external = &mut self.kept.external;
        match setting {
            // memcached accepts it without effect.
            ExternalSetting::FreeChunks => {}
            ExternalSetting::ItemSize(bytes) => external.item_size = bytes,
            ExternalSetting::ItemAge(seconds) => external.item_age = seconds,
            ExternalSetting::LowTtl(seconds) => external.low_ttl = seconds,
            ExternalSetting::RecacheRate(rate) => external.recache_rate = rate,
            ExternalSetting::CompactUnder(pages) => external.compact_under = pages,
            ExternalSetting::DropUnder(pages) => external.drop_under = pages,
            ExternalSetting::MaxSleep(microseconds) => external.max_sleep = microseconds,
            ExternalSetting::MaxFrag(ratio) => external.max_frag = ratio,
            ExternalSetting::DropUnread(drop) => external.drop_unread = drop,
        }
        self.log_no_effect(EXTERNAL_STORAGE);
    }

    /// Logs once why a setting has no effect.
    fn log_no_effect(&mut self, why: &'static str) {
        if !self.logged.contains(&why) {
            self.logged.push(why);
            log::without_effect(why);
        }
    }
}
