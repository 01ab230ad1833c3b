//! The Prometheus families of the numbers of shards.
//!
//! [`FAMILIES`] are sums over the shards. Those that begin with `memcached` have the names of
//! `memcached_exporter` 0.16, so that its dashboards and alerts keep working. [`SHARD_FAMILIES`]
//! are this server's own, one series per shard. Both show totals; `stats reset` does not change
//! them. A family of the exporter whose subject does not exist here is always 0, and its help text
//! says so.

use crate::{Counter, Gauge, Snapshot};

/// One metric family.
#[derive(Debug)]
pub struct Family {
    /// Full name with its prefix; ends in `_total` if and only if it is a counter.
    pub name: &'static str,
    /// Whether it may go down.
    pub kind: Kind,
    /// Text of the `HELP` line.
    pub help: &'static str,
    /// Its series, each with its own labels.
    pub series: &'static [Series],
}

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of values up to each of several borders, which only grow.
    Histogram,
}

impl Kind {
    /// The word of the `TYPE` line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One series of a family.
#[derive(Debug)]
pub struct Series {
    /// Label names and values; the values need no escaping.
    pub labels: &'static [(&'static str, &'static str)],
    /// Where the value comes from.
    pub source: Source,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A counter's total.
    Counter(Counter),
    /// A gauge's value.
    Gauge(Gauge),
    /// Stores without a cas unique. `cmd_set` counts all stores; the exporter shows those with a
    /// cas unique as `command="cas"`.
    SetsWithoutCas,
}

impl Source {
    /// The value in a snapshot.
    pub const fn value(self, snapshot: &Snapshot) -> u64 {
        match self {
            Self::Counter(counter) => snapshot.get(counter),
            Self::Gauge(gauge) => snapshot.gauge(gauge),
            // Saturating: the numbers of a running shard are read one after the other.
            Self::SetsWithoutCas => snapshot
                .get(Counter::CmdSet)
                .saturating_sub(snapshot.get(Counter::CasHits))
                .saturating_sub(snapshot.get(Counter::CasMisses))
                .saturating_sub(snapshot.get(Counter::CasBadval)),
        }
    }
}

macro_rules! counter {
    ($name:literal, $counter:ident, $help:literal) => {
        Family {
            name: $name,
            kind: Kind::Counter,
            help: $help,
            series: &[Series { labels: &[], source: Source::Counter(Counter::$counter) }],
        }
    };
}

macro_rules! gauge {
    ($name:literal, $gauge:ident, $help:literal) => {
        Family {
            name: $name,
            kind: Kind::Gauge,
            help: $help,
            series: &[Series { labels: &[], source: Source::Gauge(Gauge::$gauge) }],
        }
    };
}

/// A series of `memcached_commands_total`.
const fn command(labels: &'static [(&'static str, &'static str)], counter: Counter) -> Series {
    Series { labels, source: Source::Counter(counter) }
}

const COMMANDS: &[Series] = &[
    command(&[("command", "get"), ("status", "hit")], Counter::GetHits),
    command(&[("command", "get"), ("status", "miss")], Counter::GetMisses),
    Series { labels: &[("command", "set"), ("status", "hit")], source: Source::SetsWithoutCas },
    command(&[("command", "delete"), ("status", "hit")], Counter::DeleteHits),
    command(&[("command", "delete"), ("status", "miss")], Counter::DeleteMisses),
    command(&[("command", "incr"), ("status", "hit")], Counter::IncrHits),
    command(&[("command", "incr"), ("status", "miss")], Counter::IncrMisses),
    command(&[("command", "decr"), ("status", "hit")], Counter::DecrHits),
    command(&[("command", "decr"), ("status", "miss")], Counter::DecrMisses),
    command(&[("command", "cas"), ("status", "hit")], Counter::CasHits),
    command(&[("command", "cas"), ("status", "miss")], Counter::CasMisses),
    command(&[("command", "cas"), ("status", "badval")], Counter::CasBadval),
    command(&[("command", "touch"), ("status", "hit")], Counter::TouchHits),
    command(&[("command", "touch"), ("status", "miss")], Counter::TouchMisses),
    command(&[("command", "flush"), ("status", "hit")], Counter::CmdFlush),
];

const EVICTION_ORDERS: &[Series] = &[
    Series { labels: &[("order", "recency")], source: Source::Gauge(Gauge::OrderRecency) },
    Series { labels: &[("order", "worth")], source: Source::Gauge(Gauge::OrderWorth) },
    Series { labels: &[("order", "read_first")], source: Source::Gauge(Gauge::OrderReadFirst) },
];

/// The families for the sum over all shards: those of `memcached_exporter`, then our own.
pub static FAMILIES: &[Family] = &[
    Family {
        name: "memcached_commands_total",
        kind: Kind::Counter,
        help: "Commands by name and outcome.",
        series: COMMANDS,
    },
    counter!("memcached_read_bytes_total", BytesRead, "Bytes received from clients."),
    counter!("memcached_written_bytes_total", BytesWritten, "Bytes sent to clients."),
    gauge!("memcached_current_connections", CurrConnections, "Client connections open now."),
    counter!("memcached_connections_total", TotalConnections, "Connections accepted."),
    counter!(
        "memcached_connections_yielded_total",
        ConnYields,
        "Times a connection paused because it had more requests than it may execute in one turn."
    ),
    gauge!("memcached_current_bytes", Bytes, "Bytes of the items stored now, headers included."),
    gauge!("memcached_current_items", CurrItems, "Items stored now."),
    counter!("memcached_items_total", TotalItems, "Items ever stored."),
    counter!("memcached_items_evicted_total", Evictions, "Live items removed to make room."),
    counter!(
        "memcached_items_reclaimed_total",
        Reclaimed,
        "Expired items whose memory was taken for new ones."
    ),
    counter!("memcached_item_too_large_total", StoreTooLarge, "Stores refused as too large."),
    counter!("memcached_item_no_memory_total", StoreNoMemory, "Stores refused for lack of memory."),
    counter!(
        "memcached_direct_reclaims_total",
        DirectReclaims,
        "Items evicted or taken back by a store that needed memory."
    ),
    counter!(
        "memcached_lru_crawler_starts_total",
        LruCrawlerStarts,
        "Searches of the crawler for expired items, one page each, and crawls and dumps of clients."
    ),
    counter!(
        "memcached_lru_crawler_reclaimed_total",
        CrawlerReclaimed,
        "Expired items taken back by the crawler."
    ),
    counter!(
        "memcached_lru_crawler_items_checked_total",
        CrawlerItemsChecked,
        "Items examined by the crawler."
    ),
    counter!(
        "memcached_lru_crawler_moves_to_cold_total",
        MovesToCold,
        "Items moved to the COLD segment."
    ),
    counter!(
        "memcached_lru_crawler_moves_to_warm_total",
        MovesToWarm,
        "Items moved to the WARM segment."
    ),
    counter!(
        "memcached_lru_crawler_moves_within_lru_total",
        MovesWithinLru,
        "Looks of evictions at items that were read lately and stay in WARM."
    ),
    counter!("slabcore_logins_total", AuthCmds, "Logins that clients tried."),
    counter!("slabcore_logins_failed_total", AuthErrors, "Logins refused."),
];

/// This server's own families: one series per shard, with the label `shard`.
pub static SHARD_FAMILIES: &[Family] = &[
    counter!("slabcore_shard_turns_total", Turns, "Turns of the executor with something to do."),
    counter!("slabcore_shard_ring_enters_total", RingEnters, "System calls that entered the ring."),
    counter!(
        "slabcore_shard_ring_completions_total",
        RingCompletions,
        "Operations of the ring that completed: receives, sends, doorbells."
    ),
    counter!(
        "slabcore_shard_receive_buffers_exhausted_total",
        ReceiveBuffersExhausted,
        "Receives that ended because all receive buffers were in use, and were started again."
    ),
    counter!(
        "slabcore_shard_foreign_requests_total",
        ForeignRequests,
        "Requests sent to the shard that owns the key."
    ),
    counter!(
        "slabcore_shard_foreign_batches_total",
        ForeignBatches,
        "Batches that carried requests to other shards."
    ),
    counter!(
        "slabcore_shard_borrowed_total",
        ShardsBorrowed,
        "Groups of requests that the executor executed on another executor's shard, in its place."
    ),
    counter!(
        "slabcore_shard_busy_total",
        ShardsBusy,
        "Times another executor was at work on a shard, so that requests for it were sent."
    ),
    counter!("slabcore_shard_doorbells_total", Doorbells, "Times another executor was woken."),
    counter!(
        "slabcore_shard_connections_moved_total",
        ConnectionsMoved,
        "Connections that came from another executor because they ask for the shard's keys."
    ),
    counter!(
        "slabcore_shard_datagrams_received_total",
        DatagramsReceived,
        "Datagrams received on the UDP port."
    ),
    counter!(
        "slabcore_shard_datagrams_sent_total",
        DatagramsSent,
        "Datagrams sent from the UDP port."
    ),
    counter!(
        "slabcore_shard_answers_dropped_total",
        AnswersDropped,
        "Replies to datagrams that were too long, or could not be sent."
    ),
    counter!(
        "slabcore_shard_gets_total",
        CmdGet,
        "Keys looked up in the shard by gets that set no expiration time."
    ),
    counter!("slabcore_shard_get_hits_total", GetHits, "Gets that found an item in the shard."),
    counter!(
        "slabcore_shard_served_requests_total",
        RequestsServed,
        "Requests that other executors sent to the shard."
    ),
    counter!(
        "slabcore_shard_evictions_total",
        Evictions,
        "Live items removed from the shard to make room."
    ),
    counter!(
        "slabcore_shard_evicted_unfetched_total",
        EvictedUnfetched,
        "Those of them that nobody had read."
    ),
    counter!(
        "slabcore_shard_reclaimed_total",
        Reclaimed,
        "Expired items of the shard whose memory was taken for new ones."
    ),
    counter!("slabcore_shard_stores_total", CmdSet, "Stores in the shard that got memory."),
    gauge!("slabcore_shard_items", CurrItems, "Items in the shard."),
    gauge!("slabcore_shard_item_bytes", Bytes, "Bytes of these items, headers included."),
    gauge!("slabcore_shard_hash_table_bytes", HashBytes, "Bytes of the shard's hash table."),
    Family {
        name: "slabcore_shard_eviction_order",
        kind: Kind::Gauge,
        help: "1 for the order in which the shard evicts items now, 0 for the others.",
        series: EVICTION_ORDERS,
    },
    gauge!("slabcore_shard_pages", PagesOwned, "Pages that the shard owns."),
    gauge!(
        "slabcore_shard_connections",
        CurrConnections,
        "Client connections of the shard's executor."
    ),
    gauge!(
        "slabcore_shard_waiting_input_bytes",
        WaitingInputBytes,
        "Memory of received requests that are not executed yet."
    ),
    gauge!(
        "slabcore_shard_spare_buffer_bytes",
        SpareBufferBytes,
        "Memory of output buffers kept for reuse."
    ),
    counter!("slabcore_shard_idle_kicks_total", IdleKicks, "Connections closed for being idle."),
];

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::ShardMetrics;
    use std::collections::HashSet;

    #[test]
    fn names_keep_the_exposition_rules() {
        let mut names = HashSet::new();
        for family in FAMILIES.iter().chain(SHARD_FAMILIES) {
            let name = family.name;
            assert!(names.insert(name), "{name} twice");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
            assert!(family.help.ends_with('.') && !family.help.contains(['\\', '\n']), "{name}");
            let mut labels = HashSet::new();
            for series in family.series {
                assert!(labels.insert(series.labels), "{name} {:?} twice", series.labels);
                let is_gauge = matches!(series.source, Source::Gauge(_));
                assert_eq!(is_gauge, family.kind == Kind::Gauge, "{name}");
            }
        }
    }

    #[test]
    fn stat_names_are_distinct_words() {
        let counters = Counter::ALL.iter().map(|c| c.stat_name());
        let mut names = HashSet::new();
        for name in counters.chain(Gauge::ALL.iter().map(|g| g.stat_name())) {
            assert!(names.insert(name), "{name} twice");
            // A colon would make memcached_exporter take the name for a slab class.
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        }
    }

    #[test]
    fn sets_are_counted_without_the_cas_ones() {
        let metrics = ShardMetrics::new();
        metrics.add(Counter::CmdSet, 10);
        metrics.add(Counter::CasHits, 1);
        metrics.add(Counter::CasMisses, 2);
        metrics.add(Counter::CasBadval, 3);
        assert_eq!(Source::SetsWithoutCas.value(&metrics.snapshot()), 4);
        metrics.add(Counter::CasHits, 100);
        assert_eq!(Source::SetsWithoutCas.value(&metrics.snapshot()), 0);
    }
}
