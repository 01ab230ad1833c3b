//! Shards of a Slabcore.

use std::collections::BTreeMap;

use serde::Serialize;

use super::sample::Sample;
use super::span::{Span, ratio};
use crate::limits::SHARDS_MAX;
use crate::statistics::Topic;

/// One shard.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct ShardReport {
    /// Its number.
    pub(crate) shard: u64,
    /// Its items.
    pub(crate) items: Option<u64>,
    /// Bytes of its items.
    pub(crate) items_bytes: Option<u64>,
    /// Pages that it owns.
    pub(crate) pages: Option<u64>,
    /// Connections that its executor serves.
    pub(crate) connections: Option<u64>,
    /// Keys read per second.
    pub(crate) gets_per_second: Option<f64>,
    /// Hits among keys read, of the span.
    pub(crate) hit_ratio: Option<f64>,
    /// Items evicted per second.
    pub(crate) evictions_per_second: Option<f64>,
    /// Turns of its executor per second.
    pub(crate) turns_per_second: Option<f64>,
    /// Requests per second that it executed for other executors.
    pub(crate) foreign_requests_per_second: Option<f64>,
    /// Messages that wait for its executor.
    pub(crate) mailbox_messages: Option<u64>,
}

type Counts = BTreeMap<&'static str, u64>;

/// All shards in the order of their numbers; none of a memcached.
pub(super) fn shards(span: &Span<'_>) -> Vec<ShardReport> {
    let before = span.before().map(counts_by_shard).unwrap_or_default();
    let now = counts_by_shard(span.now);
    let report = |(shard, now): (&u64, &Counts)| {
        let before = before.get(shard);
        let count = |name: &str| now.get(name).copied();
        let earlier = |name: &str| before.and_then(|it| it.get(name)).copied();
        let rate = |name: &str| span.rate_between(earlier(name), count(name));
        let growth = |name: &str| count(name)?.checked_sub(earlier(name).unwrap_or(0));
        let gets =
            |of: &dyn Fn(&str) -> Option<u64>| of("get_hits")?.checked_add(of("get_misses")?);
        ShardReport {
            shard: *shard,
            items: count("curr_items"),
            items_bytes: count("bytes"),
            pages: count("pages_owned"),
            connections: count("curr_connections"),
            gets_per_second: span.rate_between(gets(&earlier), gets(&count)),
            hit_ratio: span.before().and_then(|_| ratio(growth("get_hits"), growth("get_misses"))),
            evictions_per_second: rate("evictions"),
            turns_per_second: rate("turns"),
            foreign_requests_per_second: rate("requests_served"),
            mailbox_messages: count("mailbox_messages"),
        }
    };
    now.iter().map(report).collect()
}

fn counts_by_shard(sample: &Sample) -> BTreeMap<u64, Counts> {
    const NAMES: [&str; 10] = [
        "curr_items",
        "bytes",
        "pages_owned",
        "curr_connections",
        "get_hits",
        "get_misses",
        "evictions",
        "turns",
        "requests_served",
        "mailbox_messages",
    ];
    let table = sample.table(Topic::Shards);
    let groups = table.map(|table| table.groups("shard:", SHARDS_MAX)).unwrap_or_default();
    let shards = groups.into_iter().filter_map(|(shard, group)| {
        let counts = NAMES.iter().filter_map(|name| Some((*name, group.count(name)?)));
        Some((shard.parse().ok()?, counts.collect()))
    });
    shards.collect()
}
