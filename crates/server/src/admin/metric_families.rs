//! All metric families that `/metrics` can show, for the page that documents them.

use slabcore_metrics::class_names::{CLASS_FAMILIES, SHARD_CLASS_FAMILIES};
use slabcore_metrics::histogram_names::HISTOGRAM_FAMILIES;
use slabcore_metrics::prometheus_names::{FAMILIES, Kind, SHARD_FAMILIES};

use crate::admin::curve_exposition::CURVE_FAMILIES;
use crate::admin::exposition::{CPU_SECONDS, LRU_FACTORS, SERVER_FAMILIES};
use crate::admin::prefix_exposition::{PREFIX_FAMILIES, PrefixFamily};
use crate::admin::state_families::{STATE_FAMILIES, StateFamily};

/// A metric family as a reader of `/metrics` sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricFamily {
    /// Full name with its prefix.
    pub name: &'static str,
    /// Whether it may go down.
    pub kind: Kind,
    /// Names of the labels of its series, in order.
    pub labels: Vec<&'static str>,
    /// Text of the `HELP` line.
    pub help: &'static str,
}

/// All families in the order of their names. Some exist only with a backend or with items.
#[must_use]
pub fn metric_families() -> Vec<MetricFamily> {
    let server = SERVER_FAMILIES.iter().map(|family| MetricFamily {
        name: family.name,
        kind: family.kind,
        labels: family.label_names.to_vec(),
        help: family.help,
    });
    let fractions = LRU_FACTORS.iter().chain(&CPU_SECONDS).map(|family| MetricFamily {
        name: family.name,
        kind: family.kind,
        labels: Vec::new(),
        help: family.help,
    });
    let sums = FAMILIES.iter().map(|family| (family, None));
    let shards = SHARD_FAMILIES.iter().map(|family| (family, Some("shard")));
    let tables = sums.chain(shards).map(|(family, added)| MetricFamily {
        name: family.name,
        kind: family.kind,
        labels: label_names(family.series.iter().flat_map(|one| one.labels.iter().map(|it| it.0)))
            .into_iter()
            .chain(added)
            .collect(),
        help: family.help,
    });
    let sums = CLASS_FAMILIES.iter().map(|family| (family, None));
    let of_shards = SHARD_CLASS_FAMILIES.iter().map(|family| (family, Some("shard")));
    let classes = sums.chain(of_shards).map(|(family, first)| {
        let written = family.series.iter().flat_map(|one| one.labels.split(','));
        let names = written.filter_map(|label| label.split_once('=')).map(|(name, _)| name);
        MetricFamily {
            name: family.name,
            kind: family.kind,
            labels: label_names(first.into_iter().chain(["slab"]).chain(names)),
            help: family.help,
        }
    });
    let states = STATE_FAMILIES.iter().map(|family| MetricFamily {
        name: family.name,
        kind: StateFamily::KIND,
        labels: vec![family.label.name()],
        help: family.help,
    });
    let histograms = HISTOGRAM_FAMILIES.iter().map(|family| MetricFamily {
        name: family.name,
        kind: Kind::Histogram,
        labels: family.source.label_names().iter().copied().chain(["le"]).collect(),
        help: family.help,
    });
    let prefixes = PREFIX_FAMILIES.iter().map(|family| MetricFamily {
        name: family.name,
        kind: PrefixFamily::KIND,
        labels: family.labels.to_vec(),
        help: family.help,
    });
    let curve = CURVE_FAMILIES.iter().map(|family| MetricFamily {
        name: family.name,
        kind: family.kind,
        labels: family.labels.to_vec(),
        help: family.help,
    });
    let mut families: Vec<MetricFamily> =
        server.chain(fractions).chain(curve).chain(tables).chain(states).chain(classes).collect();
    families.extend(histograms.chain(prefixes));
    families.sort_unstable_by_key(|family| family.name);
    families
}

/// Each name once, in the order of its first appearance.
fn label_names(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}
