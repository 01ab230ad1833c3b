//! Slab classes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::sample::Sample;
use super::span::Span;
use crate::limits::CLASSES_MAX;
use crate::statistics::{StatGroup, Topic};

/// One slab class. A number is absent (`null`) if the server does not tell it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct ClassReport {
    /// Its number.
    pub(crate) class: u64,
    /// Bytes of a chunk.
    pub(crate) chunk_bytes: Option<u64>,
    /// Its pages.
    pub(crate) pages: Option<u64>,
    /// Bytes of its chunks, used and free.
    pub(crate) allocated_bytes: Option<u64>,
    /// Bytes of its used chunks.
    pub(crate) used_bytes: Option<u64>,
    /// Bytes of its items.
    pub(crate) requested_bytes: Option<u64>,
    /// Its items.
    pub(crate) items: Option<u64>,
    /// Seconds since its oldest item was used.
    pub(crate) age_seconds: Option<u64>,
    /// Items that were evicted.
    pub(crate) evictions: Option<u64>,
    /// Items evicted per second.
    pub(crate) evictions_per_second: Option<f64>,
    /// Get hits per second.
    pub(crate) hits_per_second: Option<f64>,
    /// Stores per second.
    pub(crate) sets_per_second: Option<f64>,
    /// Stores that found no memory.
    pub(crate) out_of_memory: Option<u64>,
}

/// The counters of one class that rates are made of.
#[derive(Debug, Clone, Copy, Default)]
struct ClassCounts {
    evictions: Option<u64>,
    hits: Option<u64>,
    sets: Option<u64>,
}

/// All classes that have pages or items.
pub(super) fn classes(span: &Span<'_>) -> Vec<ClassReport> {
    let mut reports: BTreeMap<u64, ClassReport> = BTreeMap::new();
    for (class, group) in groups(span.now, Topic::Slabs, "") {
        let chunk_bytes = group.count("chunk_size");
        let bytes = |chunks: &str| chunk_bytes?.checked_mul(group.count(chunks)?);
        let report = reports.entry(class).or_default();
        report.chunk_bytes = chunk_bytes;
        report.pages = group.count("total_pages");
        report.allocated_bytes = bytes("total_chunks");
        report.used_bytes = bytes("used_chunks");
    }
    for (class, group) in groups(span.now, Topic::Items, "items:") {
        let report = reports.entry(class).or_default();
        report.items = group.count("number");
        report.requested_bytes = group.count("mem_requested");
        report.age_seconds = group.count("age");
        report.evictions = group.count("evicted");
        report.out_of_memory = group.count("outofmemory");
    }
    let before = span.before().map(counts_by_class).unwrap_or_default();
    let now = counts_by_class(span.now);
    for (class, report) in &mut reports {
        report.class = *class;
        let now = now.get(class).copied().unwrap_or_default();
        let before = before.get(class).copied().unwrap_or_default();
        report.evictions_per_second = span.rate_between(before.evictions, now.evictions);
        report.hits_per_second = span.rate_between(before.hits, now.hits);
        report.sets_per_second = span.rate_between(before.sets, now.sets);
    }
    reports.into_values().take(CLASSES_MAX).collect()
}

fn counts_by_class(sample: &Sample) -> BTreeMap<u64, ClassCounts> {
    let mut counts: BTreeMap<u64, ClassCounts> = BTreeMap::new();
    for (class, group) in groups(sample, Topic::Slabs, "") {
        let counts = counts.entry(class).or_default();
        counts.hits = group.count("get_hits");
        counts.sets = group.count("cmd_set");
    }
    for (class, group) in groups(sample, Topic::Items, "items:") {
        counts.entry(class).or_default().evictions = group.count("evicted");
    }
    counts
}

/// The lines of each class in a table.
fn groups<'s>(
    sample: &'s Sample,
    topic: Topic,
    prefix: &str,
) -> impl Iterator<Item = (u64, StatGroup<'s>)> {
    let table = sample.table(topic);
    let groups = table.map(|table| table.groups(prefix, CLASSES_MAX)).unwrap_or_default();
    groups.into_iter().filter_map(|(class, group)| Some((class.parse().ok()?, group)))
}
