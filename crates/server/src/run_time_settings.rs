//! Settings that operators change while the server runs. Those that have nothing to work on here
//! are kept, so that tools read back what they set, and the log says once why nothing follows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use slabcore_protocol::RunTimeSetting;

use crate::log;

/// Their values, with memcached's defaults but for the LRU: it has no segments here.
#[derive(Debug, Clone)]
pub(crate) struct RunTimeValues {
    crawler_sleep: u32,
    crawler_items_max: u32,
    automove: u32,
    automove_ratio: f64,
    automove_free_ratio: f64,
    automove_window: u32,
    segmented: bool,
    hot_percent: u32,
    warm_percent: u32,
    hot_factor: f64,
    warm_factor: f64,
    /// `None`: there are no temporary items.
    temporary_ttl: Option<u32>,
    /// What the log has said already.
    excuses: Vec<&'static str>,
}

impl Default for RunTimeValues {
    fn default() -> Self {
        Self {
            crawler_sleep: 100,
            crawler_items_max: 0,
            automove: 1,
            automove_ratio: 0.8,
            automove_free_ratio: 0.01,
            automove_window: 10,
            segmented: false,
            hot_percent: 20,
            warm_percent: 40,
            hot_factor: 0.2,
            warm_factor: 2.0,
            temporary_ttl: None,
            excuses: Vec::new(),
        }
    }
}

/// What `stats settings` shows as the ttl of temporary items while there are none.
const TEMPORARY_TTL_UNUSED: u32 = 61;

const CRAWLING: &str = "lru_crawler sleep, tocrawl: pages in which something has expired are found \
     by index, and taken back in the background at a pace of their own";
const SEGMENTS: &str =
    "lru tune, mode, temp_ttl: what costs most to keep is evicted; there are no segments";
const AUTOMOVE: &str =
    "slabs automove: pages always move to the slab class whose items are worth more";
const EXTERNAL_STORAGE: &str = "extstore: there is no external storage";

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct RunTimeSettings {
    values: Mutex<RunTimeValues>,
    /// Neither dumps nor crawls are served, and executors look for nothing dead. They look at this
    /// in each turn: told one by one, they could hear of two changes in different orders.
    crawler_off: AtomicBool,
}

impl RunTimeSettings {
    fn values(&self) -> MutexGuard<'_, RunTimeValues> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The values as they are now.
    pub(crate) fn get(&self) -> RunTimeValues {
        self.values().clone()
    }

    /// Switches dumps and crawls on or off; false if that is so already.
    pub(crate) fn enable_crawler(&self, enable: bool) -> bool {
        self.crawler_off.swap(!enable, Ordering::Relaxed) == enable
    }

    /// Whether dumps and crawls are served.
    pub(crate) fn crawls(&self) -> bool {
        !self.crawler_off.load(Ordering::Relaxed)
    }

    /// External storage was set.
    pub(crate) fn set_external_storage(&self) {
        self.values().excuse(EXTERNAL_STORAGE);
    }

    /// Keeps a setting that changes nothing here, and says so.
    pub(crate) fn keep(&self, setting: RunTimeSetting) {
        self.values().keep(setting);
    }
}

impl RunTimeValues {
    fn keep(&mut self, setting: RunTimeSetting) {
        match setting {
            RunTimeSetting::CrawlerSleep(microseconds) => self.crawler_sleep = microseconds,
            RunTimeSetting::CrawlerItemsMax(items) => self.crawler_items_max = items,
            RunTimeSetting::Automove(level) => self.automove = level,
            RunTimeSetting::AutomoveRatio(ratio) => self.automove_ratio = ratio,
            RunTimeSetting::AutomoveFreeRatio(ratio) => self.automove_free_ratio = ratio,
            RunTimeSetting::AutomoveWindow(seconds) => self.automove_window = seconds,
            RunTimeSetting::Segmented(segmented) => self.segmented = segmented,
            RunTimeSetting::TemporaryTtl(ttl) => self.temporary_ttl = u32::try_from(ttl).ok(),
            RunTimeSetting::Segments { hot_percent, warm_percent, hot_factor, warm_factor } => {
                (self.hot_percent, self.warm_percent) = (hot_percent, warm_percent);
                (self.hot_factor, self.warm_factor) = (hot_factor, warm_factor);
            }
        }
        self.excuse(match setting {
            RunTimeSetting::CrawlerSleep(_) | RunTimeSetting::CrawlerItemsMax(_) => CRAWLING,
            RunTimeSetting::Segments { .. }
            | RunTimeSetting::Segmented(_)
            | RunTimeSetting::TemporaryTtl(_) => SEGMENTS,
            RunTimeSetting::Automove(_)
            | RunTimeSetting::AutomoveRatio(_)
            | RunTimeSetting::AutomoveFreeRatio(_)
            | RunTimeSetting::AutomoveWindow(_) => AUTOMOVE,
        });
    }

    /// Says once why nothing follows.
    fn excuse(&mut self, excuse: &'static str) {
        if !self.excuses.contains(&excuse) {
            self.excuses.push(excuse);
            log::without_effect(excuse);
        }
    }

    /// What `stats settings` has of the crawler.
    pub(crate) fn show_crawler(&self, crawls: bool, stat: &mut impl FnMut(&str, &str)) {
        stat("lru_crawler", yes_no(crawls));
        stat("lru_crawler_sleep", &self.crawler_sleep.to_string());
        stat("lru_crawler_tocrawl", &self.crawler_items_max.to_string());
    }

    /// What it has of pages that move.
    pub(crate) fn show_automove(&self, stat: &mut impl FnMut(&str, &str)) {
        stat("slab_automove", &self.automove.to_string());
        stat("slab_automove_ratio", &format!("{:.2}", self.automove_ratio));
        stat("slab_automove_window", &self.automove_window.to_string());
    }

    /// The one of them that memcached shows elsewhere.
    pub(crate) fn show_free_ratio(&self, stat: &mut impl FnMut(&str, &str)) {
        stat("slab_automove_freeratio", &format!("{:.3}", self.automove_free_ratio));
    }

    /// What it has of the LRU.
    pub(crate) fn show_segments(&self, stat: &mut impl FnMut(&str, &str)) {
        stat("lru_segmented", yes_no(self.segmented));
        stat("hot_lru_pct", &self.hot_percent.to_string());
        stat("warm_lru_pct", &self.warm_percent.to_string());
        stat("hot_max_factor", &format!("{:.2}", self.hot_factor));
        stat("warm_max_factor", &format!("{:.2}", self.warm_factor));
        stat("temp_lru", yes_no(self.temporary_ttl.is_some()));
        let ttl = self.temporary_ttl.unwrap_or(TEMPORARY_TTL_UNUSED);
        stat("temporary_ttl", &ttl.to_string());
    }
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
