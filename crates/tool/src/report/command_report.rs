//! Requests by command, with their latency if the server measures it.

use serde::Serialize;

use super::sample::Sample;
use super::span::{Span, ratio, rounded};
use crate::limits::COMMANDS_MAX;
use crate::statistics::{StatGroup, Topic};

/// Requests of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct CommandReport {
    /// `get`, `set` (all stores), `delete`, `arithmetic`, `touch` or `other`.
    pub(crate) command: String,
    /// Requests so far.
    pub(crate) requests: Option<u64>,
    /// Requests per second.
    pub(crate) requests_per_second: Option<f64>,
    /// Hits among hits and misses, of the span; `null` for commands without them.
    pub(crate) hit_ratio: Option<f64>,
    /// Mean time in the server, of the requests of the span.
    pub(crate) mean_us: Option<f64>,
    /// Time in the server of all requests so far.
    pub(crate) latency: Option<LatencyReport>,
}

/// Times in the server in microseconds, over all requests so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct LatencyReport {
    /// Requests that were measured.
    pub(crate) count: Option<u64>,
    /// Half of the requests took less.
    pub(crate) p50_us: Option<f64>,
    /// 90 % took less.
    pub(crate) p90_us: Option<f64>,
    /// 99 % took less.
    pub(crate) p99_us: Option<f64>,
    /// 99.9 % took less.
    pub(crate) p999_us: Option<f64>,
    /// The slowest.
    pub(crate) max_us: Option<f64>,
}

/// A kind of commands and its counters in the general table.
struct Kind {
    command: &'static str,
    requests: &'static [&'static str],
    hits: &'static [&'static str],
    misses: &'static [&'static str],
}

/// The kinds that memcached counts.
const KINDS: &[Kind] = &[
    Kind { command: "get", requests: &["cmd_get"], hits: &["get_hits"], misses: &["get_misses"] },
    Kind { command: "set", requests: &["cmd_set"], hits: &[], misses: &[] },
    Kind {
        command: "delete",
        requests: &["delete_hits", "delete_misses"],
        hits: &["delete_hits"],
        misses: &["delete_misses"],
    },
    Kind {
        command: "arithmetic",
        requests: &["incr_hits", "incr_misses", "decr_hits", "decr_misses"],
        hits: &["incr_hits", "decr_hits"],
        misses: &["incr_misses", "decr_misses"],
    },
    Kind {
        command: "touch",
        requests: &["cmd_touch"],
        hits: &["touch_hits"],
        misses: &["touch_misses"],
    },
    Kind { command: "other", requests: &["cmd_flush"], hits: &[], misses: &[] },
];

/// All requests that memcached counts.
pub(super) fn requests(sample: &Sample) -> Option<u64> {
    let counts = KINDS.iter().filter_map(|kind| sample.sum(kind.requests));
    counts.reduce(u64::saturating_add)
}

/// The commands, those of memcached first.
pub(super) fn commands(span: &Span<'_>) -> Vec<CommandReport> {
    let groups = latency_groups(span.now);
    let before = span.before().map(latency_groups).unwrap_or_default();
    let latency = |command: &str| find(&groups, command).map(latency_of);
    let mean = |command: &str| mean_us(find(&before, command), find(&groups, command)?);
    let counted = KINDS.iter().map(|kind| {
        let growth = |names: &[&str]| span.growth(|sample| sample.sum(names));
        CommandReport {
            command: kind.command.to_owned(),
            requests: span.now.sum(kind.requests),
            requests_per_second: span.per_second(|sample| sample.sum(kind.requests)),
            hit_ratio: ratio(growth(kind.hits), growth(kind.misses)),
            mean_us: span.before().and_then(|_| mean(kind.command)),
            latency: latency(kind.command),
        }
    });
    let is_counted = |command: &str| KINDS.iter().any(|kind| kind.command == command);
    // Kinds that only a newer server tells apart.
    let others = groups.iter().filter(|group| !is_counted(group.0)).map(|group| CommandReport {
        command: group.0.to_owned(),
        requests: group.1.count("count"),
        mean_us: span.before().and_then(|_| mean(group.0)),
        latency: Some(latency_of(&group.1)),
        ..CommandReport::default()
    });
    counted.chain(others).take(COMMANDS_MAX).collect()
}

fn latency_groups(sample: &Sample) -> Vec<(&str, StatGroup<'_>)> {
    let table = sample.table(Topic::Latency);
    table.map(|table| table.groups("", COMMANDS_MAX)).unwrap_or_default()
}

fn find<'g, 's>(groups: &'g [(&str, StatGroup<'s>)], command: &str) -> Option<&'g StatGroup<'s>> {
    groups.iter().find(|group| group.0 == command).map(|group| &group.1)
}

fn latency_of(group: &StatGroup<'_>) -> LatencyReport {
    LatencyReport {
        count: group.count("count"),
        p50_us: group.number("p50_us"),
        p90_us: group.number("p90_us"),
        p99_us: group.number("p99_us"),
        p999_us: group.number("p999_us"),
        max_us: group.number("max_us"),
    }
}

/// The mean of the requests between two samples; `None` if there was none.
fn mean_us(before: Option<&StatGroup<'_>>, now: &StatGroup<'_>) -> Option<f64> {
    let begin = |name: &str| before.and_then(|group| group.number(name)).unwrap_or(0.0);
    let count = now.number("count")? - begin("count");
    let sum_us = now.number("sum_us")? - begin("sum_us");
    (count > 0.0 && sum_us >= 0.0).then(|| rounded(sum_us / count))
}
