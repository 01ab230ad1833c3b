//! The families of slab classes in `/metrics`. The exporter keeps a series for ever, and classes
//! come and go, so they are written here.

use std::fmt::Write;

use slabcore_metrics::class_names::{CLASS_FAMILIES, ClassSource};
use slabcore_metrics::prometheus_names::Kind;
use slabcore_shard::{ClassTable, ItemColumns};

/// The families of all classes with pages or counts, each as one text. As in `stats items`, some
/// exist only with memcached's maintainer.
pub(super) fn class_families(table: &ClassTable, columns: ItemColumns) -> Vec<String> {
    let classes: Vec<usize> = table.active_classes().collect();
    let mut families = Vec::new();
    for family in CLASS_FAMILIES.iter().filter(|_| !classes.is_empty()) {
        let mut text = head(family.name, family.kind, family.help);
        let before = text.len();
        for class in &classes {
            for series in family.series {
                let value = match series.source {
                    ClassSource::Column(name) if !columns.has(name) => continue,
                    ClassSource::Column(name) => table.value(*class, name),
                    ClassSource::SetsWithoutCas => sets_without_cas(table, *class),
                };
                let (name, labels) = (family.name, series.labels);
                // Writing to memory never fails.
                let _ = writeln!(text, "{name}{{slab=\"{class}\"{labels}}} {value}");
            }
        }
        if text.len() > before {
            families.push(text);
        }
    }
    families
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
        for family in CLASS_FAMILIES {
            for series in family.series {
                if let ClassSource::Column(name) = series.source {
                    assert!(ClassTable::has_column(name), "{}: {name}", family.name);
                }
            }
        }
    }
}
