//! The Prometheus families of the numbers of slab classes.
//!
//! [`CLASS_FAMILIES`] are sums over the shards, with the names of `memcached_exporter` 0.16. Each
//! series has the label `slab`, the number of the class, and labels of its own.
//! [`SHARD_CLASS_FAMILIES`] are our own, with the label `shard` before these. Values
//! are columns of `stats items` and `stats slabs`, as totals: `stats reset` does not change them.

use crate::prometheus_names::Kind;

/// One family, with one or more series for each slab class.
#[derive(Debug)]
pub struct ClassFamily {
    /// Full name with its prefix.
    pub name: &'static str,
    /// Whether it may go down.
    pub kind: Kind,
    /// Text of the `HELP` line.
    pub help: &'static str,
    /// The series of one class.
    pub series: &'static [ClassSeries],
}

/// One series of a slab class.
#[derive(Debug)]
pub struct ClassSeries {
    /// The labels after `slab`, as they are written; empty, or starting with a comma.
    pub labels: &'static str,
    /// Where the value comes from.
    pub source: ClassSource,
}

/// Where a value of a slab class comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassSource {
    /// The column with this name.
    Column(&'static str),
    /// Stores except those with a cas unique that found an item, as the exporter computes them.
    SetsWithoutCas,
}

macro_rules! family {
    ($kind:ident $name:literal, $column:literal, $help:literal) => {
        family!("memcached_slab_" $kind $name, $column, $help)
    };
    ($prefix:literal $kind:ident $name:literal, $column:literal, $help:literal) => {
        ClassFamily {
            name: concat!($prefix, $name),
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

/// The families of slab classes, for the sum over all shards. The types are the exporter's, also
/// where a value may go down.
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
        help: "Gets that found an item, by LRU segment.",
        series: LRU_HITS,
    },
    family!(Gauge "current_items", "number", "Items stored now."),
    family!(Gauge "hot_items", "number_hot",
        "Items in the HOT segment."),
    family!(Gauge "warm_items", "number_warm",
        "Items in the WARM segment."),
    family!(Gauge "cold_items", "number_cold",
        "Items in the COLD segment."),
    family!(Gauge "temporary_items", "number_temp",
        "Items in the TEMP segment."),
    family!(Gauge "items_age_seconds", "age",
        "Seconds since the item in COLD that has been idle longest was accessed."),
    family!(Gauge "hot_age_seconds", "age_hot",
        "The same for the HOT segment."),
    family!(Gauge "warm_age_seconds", "age_warm",
        "The same for the WARM segment."),
    family!(Counter "mem_requested_bytes", "mem_requested",
        "Bytes that the items need, without rounding up to chunks."),
    family!(Counter "items_evicted_total", "evicted", "Live items removed to make room."),
    family!(Counter "items_evicted_nonzero_total", "evicted_nonzero",
        "Evicted items that had an expiration time."),
    family!(Counter "items_evicted_unfetched_total", "evicted_unfetched",
        "Evicted items that nobody had read."),
    family!(Counter "items_evicted_time_seconds", "evicted_time",
        "Seconds that the item evicted last had been idle."),
    family!(Counter "items_outofmemory_total", "outofmemory",
        "Allocations that failed because there was nothing to evict."),
    family!(Counter "items_tailrepairs_total", "tailrepairs",
        "Repaired reference counts of items: always 0, as none can break."),
    family!(Counter "items_reclaimed_total", "reclaimed",
        "Expired items whose memory was taken for new ones."),
    family!(Counter "items_expired_unfetched_total", "expired_unfetched",
        "Expired items that were taken back and that nobody had read."),
    family!(Counter "items_crawler_reclaimed_total", "crawler_reclaimed",
        "Expired items taken back by the crawler."),
    family!(Counter "items_moves_to_cold", "moves_to_cold",
        "Items moved to the COLD segment."),
    family!(Counter "items_moves_to_warm", "moves_to_warm",
        "Items moved to the WARM segment."),
    family!(Counter "items_moves_within_lru", "moves_within_lru",
        "Looks of evictions at items that were read lately and stay in WARM."),
    family!(Gauge "chunk_size_bytes", "chunk_size", "Bytes of one chunk."),
    family!(Gauge "chunks_per_page", "chunks_per_page", "Chunks in one page."),
    family!(Gauge "current_pages", "total_pages", "Pages of the slab class."),
    family!(Gauge "current_chunks", "total_chunks", "Chunks in these pages."),
    family!(Gauge "chunks_used", "used_chunks", "Chunks in use."),
    family!(Gauge "chunks_free", "free_chunks", "Chunks free."),
    family!(Gauge "chunks_free_end", "free_chunks_end",
        "Unused chunks at the end of the last page: always 0, as a new page's chunks are free."),
];

/// The families of the slab classes of each shard.
#[rustfmt::skip]
pub static SHARD_CLASS_FAMILIES: &[ClassFamily] = &[
    family!("slabcore_class_" Gauge "items", "number", "Items of the class in the shard."),
    family!("slabcore_class_" Gauge "item_bytes", "mem_requested",
        "Bytes that these items need, without rounding up to chunks."),
    family!("slabcore_class_" Gauge "pages", "total_pages", "Pages of the class in the shard."),
    family!("slabcore_class_" Counter "evictions_total", "evicted",
        "Live items removed to make room."),
    family!("slabcore_class_" Counter "reclaimed_total", "reclaimed",
        "Expired items whose memory was taken for new ones."),
    family!("slabcore_class_" Gauge "eviction_age_seconds", "evicted_time",
        "Seconds that the item evicted last had been idle."),
    ClassFamily {
        name: "slabcore_class_hits_total",
        kind: Kind::Counter,
        help: "Gets that found an item, by LRU segment.",
        series: LRU_HITS,
    },
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
        for family in CLASS_FAMILIES.iter().chain(SHARD_CLASS_FAMILIES) {
            let name = family.name;
            assert!(names.insert(name), "{name} twice");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            // The exporter's own exceptions.
            let is_exception = ["_items_moves_", "_evicted_time_", "slab_mem_requested_"]
                .iter()
                .any(|part| name.contains(part));
            let is_total = family.kind == Kind::Counter && !is_exception;
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
