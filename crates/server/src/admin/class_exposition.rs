//! The families of slab classes in `/metrics`. The exporter keeps a series for ever, and classes
//! come and go, so they are written here.

use std::fmt::Write;

use slabcore_metrics::class_names::{
    CLASS_FAMILIES, ClassFamily, ClassSource, SHARD_CLASS_FAMILIES,
};
use slabcore_metrics::prometheus_names::Kind;
use slabcore_shard::{ClassTable, ItemColumns};

use crate::admin::published_numbers::PublishedNumbers;
use crate::settings::limits::SHARD_CLASSES_MAX;

/// The families of all classes with pages or counts, each as one text: for the sum over all shards,
/// and for each shard unless these are too many. As in `stats items`, some exist only with
/// memcached's maintainer.
pub(super) fn class_families(numbers: &PublishedNumbers, columns: ItemColumns) -> Vec<String> {
    let sum = [(String::new(), &numbers.classes)];
    let mut families = texts(CLASS_FAMILIES, &sum, columns);
    if numbers.shard_classes.iter().map(ClassTable::len).sum::<usize>() <= SHARD_CLASSES_MAX {
        let shards = numbers.shard_classes.iter().enumerate();
        let shards: Vec<_> =
            shards.map(|(shard, table)| (format!("shard=\"{shard}\","), table)).collect();
        families.extend(texts(SHARD_CLASS_FAMILIES, &shards, columns));
    }
    families
}

/// The texts of these families, for each table with the labels before it.
fn texts(
    families: &[ClassFamily],
    tables: &[(String, &ClassTable)],
    columns: ItemColumns,
) -> Vec<String> {
    let text = |family: &ClassFamily| {
        let mut text = head(family.name, family.kind, family.help);
        let before = text.len();
        for (first, table) in tables {
            for class in table.active_classes() {
                for series in family.series {
                    let value = match series.source {
                        ClassSource::Column(name) if !columns.has(name) => continue,
                        ClassSource::Column(name) => table.value(class, name),
                        ClassSource::SetsWithoutCas => sets_without_cas(table, class),
                    };
                    let (name, labels) = (family.name, series.labels);
                    // Writing to memory never fails.
                    let _ = writeln!(text, "{name}{{{first}slab=\"{class}\"{labels}}} {value}");
                }
            }
        }
        (text.len() > before).then_some(text)
    };
    families.iter().filter_map(text).collect()
}

fn head(name: &str, kind: Kind, help: &str) -> String {
    format!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.name())
}

/// Sets without a cas unique. Saturating: an `add` with a cas unique is counted elsewhere.
fn sets_without_cas(table: &ClassTable, class: usize) -> u64 {
    let [sets, hits, bad] = ["cmd_set", "cas_hits", "cas_badval"].map(|it| table.value(class, it));
    sets.saturating_sub(hits).saturating_sub(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An unknown name would be shown as 0.
    #[test]
    fn every_source_is_a_column() {
        for family in CLASS_FAMILIES.iter().chain(SHARD_CLASS_FAMILIES) {
            for series in family.series {
                if let ClassSource::Column(name) = series.source {
                    assert!(ClassTable::has_column(name), "{}: {name}", family.name);
                }
            }
        }
    }
}
