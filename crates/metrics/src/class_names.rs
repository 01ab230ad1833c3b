//! Under which Prometheus family each number of a slab class is published.
//!
//! The names are those of `memcached_exporter` 0.16. Each series has the label `slab`, the number
//! of the class, and the labels of its row. Values are columns of `stats items` and
//! `stats slabs`, as totals: no `stats reset` is taken off.

use crate::prometheus_names::Kind;

/// One family with a series, or several, for each slab class.
#[derive(Debug)]
pub struct ClassFamily {
    /// Full name with its prefix.
    pub name: &'static str,
    /// Whether it may go down.
    pub kind: Kind,
    /// Text of the `HELP` line.
    pub help: &'static str,
    /// Its series for one class.
    pub series: &'static [ClassSeries],
}

/// One series of a class.
#[derive(Debug)]
pub struct ClassSeries {
    /// Labels beside `slab`, as they are written behind it; empty, or from a comma on.
    pub labels: &'static str,
    /// Where the value comes from.
    pub source: ClassSource,
}

/// Where a value of a class comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassSource {
    /// The column with this name.
    Column(&'static str),
    /// Stores but those with a cas unique that found an item, as the exporter computes them.
    SetsWithoutCas,
}

macro_rules! family {
    ($kind:ident $name:literal, $column:literal, $help:literal) => {
        ClassFamily {
            name: concat!("memcached_slab_", $name),
            kind: Kind::$kind,
            help: $help,
            series: &[ClassSeries { labels: "", source: ClassSource::Column($column) }],
        }
    };
}

const fn series(labels: &'static str, column: &'static str) -> ClassSeries {
    ClassSeries { labels, source: ClassSource::Column(column) }
}

const COMMANDS: &[ClassSeries] = &[
    series(",command=\"get\",status=\"hit\"", "get_hits"),
    ClassSeries { labels: ",command=\"set\",status=\"hit\"", source: ClassSource::SetsWithoutCas },
    series(",command=\"delete\",status=\"hit\"", "delete_hits"),
    series(",command=\"incr\",status=\"hit\"", "incr_hits"),
    series(",command=\"decr\",status=\"hit\"", "decr_hits"),
    series(",command=\"cas\",status=\"hit\"", "cas_hits"),
    series(",command=\"cas\",status=\"badval\"", "cas_badval"),
    series(",command=\"touch\",status=\"hit\"", "touch_hits"),
];

const LRU_HITS: &[ClassSeries] = &[
    series(",lru=\"hot\"", "hits_to_hot"),
    series(",lru=\"warm\"", "hits_to_warm"),
    series(",lru=\"cold\"", "hits_to_cold"),
    series(",lru=\"temporary\"", "hits_to_temp"),
];

/// Families of slab classes.
#[rustfmt::skip]
pub static CLASS_FAMILIES: &[ClassFamily] = &[
    ClassFamily {
        name: "memcached_slab_commands_total",
        kind: Kind::Counter,
        help: "Commands by slab class, name and outcome.",
        series: COMMANDS,
    },
    ClassFamily {
        name: "memcached_slab_lru_hits_total",
        kind: Kind::Counter,
        help: "Gets that found an item, by segment: all COLD, there are no segments.",
        series: LRU_HITS,
    },
    family!(Gauge "current_items", "number", "Items stored now."),
    family!(Gauge "hot_items", "number_hot", "Items in the HOT segment: 0, there are no segments."),
    family!(Gauge "warm_items", "number_warm",
        "Items in the WARM segment: 0, there are no segments."),
    family!(Gauge "cold_items", "number_cold",
        "Items in the COLD segment: all, there are no segments."),
    family!(Gauge "temporary_items", "number_temp",
        "Items in the TEMP segment: 0, there are no segments."),
    family!(Gauge "items_age_seconds", "age", "Seconds since the longest idle item was accessed."),
    family!(Gauge "hot_age_seconds", "age_hot",
        "The same of the HOT segment: 0, there are no segments."),
    family!(Gauge "warm_age_seconds", "age_warm",
        "The same of the WARM segment: 0, there are no segments."),
    family!(Gauge "mem_requested_bytes", "mem_requested", "Bytes that the items asked for."),
    family!(Counter "items_evicted_total", "evicted", "Live items pushed out to make room."),
    family!(Counter "items_evicted_nonzero_total", "evicted_nonzero",
        "Of the evicted items those that had an exptime."),
    family!(Counter "items_evicted_unfetched_total", "evicted_unfetched",
        "Of the evicted items those that nobody had read."),
    family!(Gauge "items_evicted_time_seconds", "evicted_time",
        "Seconds since the item that was evicted last had been accessed."),
    family!(Counter "items_outofmemory_total", "outofmemory",
        "Allocations that found nothing to evict."),
    family!(Counter "items_tailrepairs_total", "tailrepairs",
        "Repaired references to items: 0, none can be lost."),
    family!(Counter "items_reclaimed_total", "reclaimed", "Expired items overwritten by new ones."),
    family!(Counter "items_expired_unfetched_total", "expired_unfetched",
        "Expired items taken back that nobody had read."),
    family!(Counter "items_crawler_reclaimed_total", "crawler_reclaimed",
        "Expired items that the crawler took back."),
    family!(Counter "items_moves_to_cold", "moves_to_cold",
        "Items moved to the COLD segment: 0, there are no segments."),
    family!(Counter "items_moves_to_warm", "moves_to_warm",
        "Items moved to the WARM segment: 0, there are no segments."),
    family!(Counter "items_moves_within_lru", "moves_within_lru",
        "Items moved to the head of their own segment: 0, there are no segments."),
    family!(Gauge "chunk_size_bytes", "chunk_size", "Bytes of a chunk."),
    family!(Gauge "chunks_per_page", "chunks_per_page", "Chunks of a page."),
    family!(Gauge "current_pages", "total_pages", "Pages of the slab class."),
    family!(Gauge "current_chunks", "total_chunks", "Chunks of these pages."),
    family!(Gauge "chunks_used", "used_chunks", "Chunks in use."),
    family!(Gauge "chunks_free", "free_chunks", "Chunks not in use."),
    family!(Gauge "chunks_free_end", "free_chunks_end",
        "Chunks at the end of the last page: 0, all of a page are free at once."),
];

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::prometheus_names::{FAMILIES, SHARD_FAMILIES};
    use std::collections::HashSet;

    #[test]
    fn names_keep_the_exposition_rules() {
        let mut names: HashSet<&str> =
            FAMILIES.iter().chain(SHARD_FAMILIES).map(|family| family.name).collect();
        for family in CLASS_FAMILIES {
            let name = family.name;
            assert!(names.insert(name), "{name} twice");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            // The exporter's own exceptions.
            let is_total = family.kind == Kind::Counter && !name.contains("_items_moves_");
            assert_eq!(name.ends_with("_total"), is_total, "{name}");
            assert!(family.help.ends_with('.') && !family.help.contains(['\\', '\n']), "{name}");
            let mut labels = HashSet::new();
            for series in family.series {
                assert!(labels.insert(series.labels), "{name} {:?} twice", series.labels);
                assert!(series.labels.is_empty() || series.labels.starts_with(','), "{name}");
            }
        }
    }
}
