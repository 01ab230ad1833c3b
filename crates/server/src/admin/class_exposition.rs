//! The families of slab classes in `/metrics`. They are written here: the exporter keeps a series
//! for ever, and classes come and go.

use std::fmt::Write;

use slabcore_metrics::class_names::{CLASS_FAMILIES, ClassSource};
use slabcore_metrics::prometheus_names::Kind;
use slabcore_shard::{ClassTable, ItemColumns};

/// The families of the classes that have pages, or have counted something, each as one text.
/// As in `stats items` some of them exist only with memcached's maintainer.
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
                // Memory takes all bytes.
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

/// Saturating, as an `add` with a cas unique counts apart.
fn sets_without_cas(table: &ClassTable, class: usize) -> u64 {
    let [sets, hits, bad] = ["cmd_set", "cas_hits", "cas_badval"].map(|it| table.value(class, it));
    sets.saturating_sub(hits).saturating_sub(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that is no column would be shown as 0.
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
