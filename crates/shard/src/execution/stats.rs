//! Statistics of a shard: what it publishes for scrapes, and its answers to questions.

use alloc::vec::Vec;

use slabcore_metrics::{Counter, Gauge};

use crate::execution::shard::Shard;
use crate::observation::class_table::ClassTable;
use crate::observation::hot_key_list::HotKeyList;
use crate::observation::miss_ratio_curve::MissRatioCurve;
#[cfg(doc)]
use crate::observation::prefix_counts::PrefixCounts;
use crate::observation::shard_query::{ShardCommand, ShardQuery};
use crate::requests::clock::Now;

impl Shard {
    /// Copies the store's counts into the metrics, for scrapes and `stats`.
    pub fn publish(&self) {
        let stats = self.store.stats();
        let counters = &stats.counters;
        let metrics = &self.metrics;
        for (counter, total) in [
            (Counter::GetHits, counters.get_hits),
            (Counter::CmdSet, counters.cmd_set),
            (Counter::DeleteHits, counters.delete_hits),
            (Counter::IncrHits, counters.incr_hits),
            (Counter::DecrHits, counters.decr_hits),
            (Counter::CasHits, counters.cas_hits),
            (Counter::CasBadval, counters.cas_badval),
            (Counter::TouchHits, counters.touch_hits),
            (Counter::Evictions, counters.evicted),
            (Counter::EvictedUnfetched, counters.evicted_unfetched),
            (Counter::EvictedActive, counters.evicted_active),
            (Counter::ExpiredUnfetched, counters.expired_unfetched),
            (Counter::Reclaimed, counters.reclaimed),
            (Counter::CrawlerReclaimed, counters.crawler_reclaimed),
            (Counter::CrawlerItemsChecked, counters.crawler_items_checked),
            (Counter::DirectReclaims, counters.direct_reclaims),
            (Counter::MovesToCold, counters.moves_to_cold),
            (Counter::MovesToWarm, counters.moves_to_warm),
            (Counter::MovesWithinLru, counters.moves_within_lru),
            (Counter::SlabsMoved, stats.slabs_moved),
            (Counter::SlabReassignRescues, stats.items_moved),
            (Counter::LruCrawlerStarts, stats.crawler_starts + self.crawls_started),
            (Counter::TotalItems, stats.total_items),
            (Counter::GetExpired, stats.get_expired),
            (Counter::GetFlushed, stats.get_flushed),
        ] {
            metrics.set_counter(counter, total);
        }
        for (gauge, value) in [
            (Gauge::CurrItems, stats.curr_items),
            (Gauge::Bytes, stats.bytes),
            (Gauge::HashBytes, stats.hash_bytes),
            (Gauge::HashPowerLevel, stats.hash_power_level),
            (Gauge::HashIsExpanding, u64::from(stats.is_growing)),
            (Gauge::LruCrawlerRunning, u64::from(stats.is_crawling)),
            (Gauge::SlabReassignRunning, u64::from(stats.is_moving_page)),
            (Gauge::PagesOwned, stats.pages_owned),
        ] {
            metrics.set(gauge, value);
        }
        let orders = [Gauge::OrderRecency, Gauge::OrderWorth, Gauge::OrderReadFirst];
        for (gauge, is_order) in orders.into_iter().zip(stats.is_order) {
            metrics.set(gauge, is_order.into());
        }
    }

    /// The slab classes, counted since the start.
    pub fn class_table(&self, now: Now) -> ClassTable {
        ClassTable::of(&self.store, now.moment())
    }

    /// The hottest keys. `None`: they are not looked for.
    pub fn hot_keys(&self, now: Now) -> Option<HotKeyList> {
        self.hot_keys.list(now)
    }

    /// The miss-ratio curve. `None`: there is none.
    pub fn miss_ratio_curve(&self) -> Option<MissRatioCurve> {
        MissRatioCurve::of(&self.store)
    }

    /// Requests by prefix as bytes, for [`PrefixCounts::merge_bytes`].
    pub fn prefixes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.detail.counts().append_to(&mut bytes);
        bytes
    }

    /// Appends the answer to a question, in the form that the question describes.
    pub fn answer(&self, now: Now, query: ShardQuery, out: &mut Vec<u8>) {
        match query {
            ShardQuery::Metrics => self.append_metrics(out),
            ShardQuery::Classes => {
                let table = ClassTable::of(&self.store, now.moment());
                table.since(&self.class_baseline).append_to(out);
            }
            ShardQuery::Sizes => {
                for (bytes, items) in self.store.item_sizes() {
                    out.extend_from_slice(&(bytes as u64).to_le_bytes());
                    out.extend_from_slice(&items.to_le_bytes());
                }
            }
            ShardQuery::HotKeys => {
                if let Some(list) = self.hot_keys.list(now) {
                    list.append_to(out);
                }
            }
            ShardQuery::MissRatioCurve => {
                if let Some(curve) = self.miss_ratio_curve() {
                    curve.append_to(out);
                }
            }
            ShardQuery::Prefixes => self.detail.counts().append_to(out),
        }
    }

    /// Executes a command and appends its answer, if it has one.
    pub fn execute_command(&mut self, now: Now, command: ShardCommand, out: &mut Vec<u8>) {
        match command {
            ShardCommand::ResetStats => {
                self.class_baseline = ClassTable::of(&self.store, now.moment());
                self.detail.clear();
                self.hot_keys.clear();
                self.append_metrics(out);
            }
            ShardCommand::CountPrefixes(is_on) => self.detail.set_on(is_on),
            ShardCommand::TakeTurn => {}
        }
    }

    fn append_metrics(&self, out: &mut Vec<u8>) {
        self.publish();
        for word in self.metrics.snapshot().as_words() {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }
}
