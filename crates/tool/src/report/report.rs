//! Everything that is shown of a server.

use serde::Serialize;

use super::class_report::{ClassReport, classes};
use super::command_report::{CommandReport, commands, requests};
use super::curve_report::{CurveReport, curve};
use super::hot_key_report::{HotKeyReport, hot_keys};
use super::sample::Sample;
use super::shard_report::{ShardReport, shards};
use super::span::{Span, ratio};
use crate::statistics::Topic;

/// What a server does. Rates are of the time between two samples, and `null` with one. Everything
/// that the server does not tell is `null` or an empty list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    /// Which server it is.
    pub(crate) server: ServerReport,
    /// Time between the two samples.
    pub(crate) interval_seconds: Option<f64>,
    /// Per second, in this time.
    pub(crate) rates: Rates,
    /// Hits among the keys of gets.
    pub(crate) hit_ratio: HitRatio,
    /// Counts since the start, or since `stats reset`.
    pub(crate) totals: Totals,
    /// Memory of the items.
    pub(crate) memory: MemoryReport,
    /// Client connections.
    pub(crate) connections: ConnectionReport,
    /// Requests by command.
    pub(crate) commands: Vec<CommandReport>,
    /// Slab classes.
    pub(crate) classes: Vec<ClassReport>,
    /// Shards.
    pub(crate) shards: Vec<ShardReport>,
    /// Hot keys, the hottest first.
    pub(crate) hot_keys: Vec<HotKeyReport>,
    /// Hit ratios expected with more or less memory.
    pub(crate) miss_ratio_curve: Option<CurveReport>,
}

/// The two products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ServerKind {
    /// This project's server.
    Slabcore,
    /// Any other one.
    Memcached,
}

/// Identity of a server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ServerReport {
    /// Where the tool connected.
    pub(crate) address: String,
    /// Which product.
    pub(crate) kind: ServerKind,
    /// Slabcore's name and version.
    pub(crate) product: Option<String>,
    /// memcached's version.
    pub(crate) version: Option<String>,
    /// Process.
    pub(crate) pid: Option<u64>,
    /// Seconds since the start.
    pub(crate) uptime_seconds: Option<u64>,
    /// Threads that serve, or shards.
    pub(crate) threads: Option<u64>,
    /// Threads that serve connections now.
    pub(crate) serving_threads: Option<u64>,
    /// `io_uring` or `epoll`; of a memcached the version of its event library.
    pub(crate) backend: Option<String>,
}

/// Rates per second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Rates {
    /// Requests that memcached counts by command; each key of a get is one.
    pub(crate) requests: Option<f64>,
    /// Keys read.
    pub(crate) gets: Option<f64>,
    /// Stores.
    pub(crate) sets: Option<f64>,
    /// Live items that were pushed out.
    pub(crate) evictions: Option<f64>,
    /// Expired items whose memory was used again.
    pub(crate) reclaimed: Option<f64>,
    /// Bytes received.
    pub(crate) bytes_read: Option<f64>,
    /// Bytes sent.
    pub(crate) bytes_written: Option<f64>,
    /// New connections.
    pub(crate) connections: Option<f64>,
    /// CPU time in seconds.
    pub(crate) cpu_seconds: Option<f64>,
}

/// Hit ratios, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct HitRatio {
    /// Between the two samples.
    pub(crate) interval: Option<f64>,
    /// Of all gets so far.
    pub(crate) total: Option<f64>,
}

/// Counts so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Totals {
    /// See [`Rates::requests`].
    pub(crate) requests: Option<u64>,
    /// Keys read.
    pub(crate) gets: Option<u64>,
    /// Hits among them.
    pub(crate) get_hits: Option<u64>,
    /// Misses among them.
    pub(crate) get_misses: Option<u64>,
    /// Stores.
    pub(crate) sets: Option<u64>,
    /// Live items that were pushed out.
    pub(crate) evictions: Option<u64>,
    /// Expired items whose memory was used again.
    pub(crate) reclaimed: Option<u64>,
    /// Stores refused because there was no memory.
    pub(crate) stores_without_memory: Option<u64>,
    /// Bytes received.
    pub(crate) bytes_read: Option<u64>,
    /// Bytes sent.
    pub(crate) bytes_written: Option<u64>,
}

/// Memory of the items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct MemoryReport {
    /// `-m`.
    pub(crate) limit_bytes: Option<u64>,
    /// Bytes of the pages in slab classes.
    pub(crate) allocated_bytes: Option<u64>,
    /// Bytes of the items.
    pub(crate) items_bytes: Option<u64>,
    /// Items.
    pub(crate) items: Option<u64>,
    /// Bytes of the hash table.
    pub(crate) hash_table_bytes: Option<u64>,
}

/// Client connections.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ConnectionReport {
    /// Open now.
    pub(crate) open: Option<u64>,
    /// Most that may be open (`-c`).
    pub(crate) limit: Option<u64>,
    /// Opened so far.
    pub(crate) total: Option<u64>,
    /// Refused because of the limit.
    pub(crate) rejected: Option<u64>,
}

impl Report {
    /// What `now` says, with rates since `before`.
    pub(crate) fn new(address: &str, now: &Sample, before: Option<&Sample>) -> Self {
        let span = Span::new(now, before);
        let (hits, misses) = (now.count("get_hits"), now.count("get_misses"));
        let count_of = |name: &'static str| move |sample: &Sample| sample.count(name);
        let hit_ratio = HitRatio {
            interval: span.ratio(count_of("get_hits"), count_of("get_misses")),
            total: ratio(hits, misses),
        };
        Self {
            server: ServerReport::new(address, now),
            interval_seconds: span.seconds(),
            rates: Rates::new(&span),
            hit_ratio,
            totals: Totals::new(now),
            memory: MemoryReport::new(now),
            connections: ConnectionReport::new(now),
            commands: commands(&span),
            classes: classes(&span),
            shards: shards(&span),
            hot_keys: hot_keys(now),
            miss_ratio_curve: curve(now),
        }
    }
}

impl ServerReport {
    fn new(address: &str, sample: &Sample) -> Self {
        let general = |name| sample.table(Topic::General)?.text(name).map(str::to_owned);
        let own = sample.table(Topic::Slabcore);
        let own_text = |name| own?.text(name).map(str::to_owned);
        let kind = if own.is_some() { ServerKind::Slabcore } else { ServerKind::Memcached };
        Self {
            address: address.to_owned(),
            kind,
            product: own_text("product"),
            version: general("version"),
            pid: sample.count("pid"),
            uptime_seconds: sample.count("uptime"),
            threads: sample.count("threads"),
            serving_threads: own.and_then(|table| table.count("serving_executors")),
            backend: own_text("backend").or_else(|| general("libevent")),
        }
    }
}

impl Rates {
    fn new(span: &Span<'_>) -> Self {
        let rate = |name: &'static str| span.per_second(|sample| sample.count(name));
        Self {
            requests: span.per_second(requests),
            gets: rate("cmd_get"),
            sets: rate("cmd_set"),
            evictions: rate("evictions"),
            reclaimed: rate("reclaimed"),
            bytes_read: rate("bytes_read"),
            bytes_written: rate("bytes_written"),
            connections: rate("total_connections"),
            // Microseconds, as counts are whole numbers.
            cpu_seconds: span.per_second(cpu_microseconds).map(|it| it / 1e6),
        }
    }
}

fn cpu_microseconds(sample: &Sample) -> Option<u64> {
    let table = sample.table(Topic::General)?;
    let seconds = table.number("rusage_user")? + table.number("rusage_system")?;
    (seconds >= 0.0).then_some((seconds * 1e6) as u64)
}

impl Totals {
    fn new(sample: &Sample) -> Self {
        Self {
            requests: requests(sample),
            gets: sample.count("cmd_get"),
            get_hits: sample.count("get_hits"),
            get_misses: sample.count("get_misses"),
            sets: sample.count("cmd_set"),
            evictions: sample.count("evictions"),
            reclaimed: sample.count("reclaimed"),
            stores_without_memory: sample.count("store_no_memory"),
            bytes_read: sample.count("bytes_read"),
            bytes_written: sample.count("bytes_written"),
        }
    }
}

impl MemoryReport {
    fn new(sample: &Sample) -> Self {
        let slabs = sample.table(Topic::Slabs);
        Self {
            limit_bytes: sample.count("limit_maxbytes"),
            allocated_bytes: slabs.and_then(|table| table.count("total_malloced")),
            items_bytes: sample.count("bytes"),
            items: sample.count("curr_items"),
            hash_table_bytes: sample.count("hash_bytes"),
        }
    }
}

impl ConnectionReport {
    fn new(sample: &Sample) -> Self {
        // Older servers have the limit only here.
        let settings = sample.table(Topic::Settings);
        let of_settings = || settings.and_then(|table| table.count("maxconns"));
        Self {
            open: sample.count("curr_connections"),
            limit: sample.count("max_connections").or_else(of_settings),
            total: sample.count("total_connections"),
            rejected: sample.count("rejected_connections"),
        }
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
