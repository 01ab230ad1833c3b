//! The lines of one reply to a `stats` command.

use std::collections::BTreeMap;

/// A `stats` command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// `stats`.
    General,
    /// `stats items`.
    Items,
    /// `stats slabs`.
    Slabs,
    /// `stats settings`.
    Settings,
    /// `stats slabcore`.
    Slabcore,
    /// `stats shards`.
    Shards,
    /// `stats latency`.
    Latency,
    /// `stats hotkeys`.
    HotKeys,
    /// `stats mrc`.
    MissRatioCurve,
}

impl Topic {
    /// The topics of every memcached.
    pub(crate) const OF_ALL: [Self; 4] = [Self::General, Self::Items, Self::Slabs, Self::Settings];
    /// Slabcore's own topics.
    pub(crate) const OF_SLABCORE: [Self; 5] =
        [Self::Slabcore, Self::Shards, Self::Latency, Self::HotKeys, Self::MissRatioCurve];

    /// The word after `stats`; empty for the general table.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::General => "",
            Self::Items => "items",
            Self::Slabs => "slabs",
            Self::Settings => "settings",
            Self::Slabcore => "slabcore",
            Self::Shards => "shards",
            Self::Latency => "latency",
            Self::HotKeys => "hotkeys",
            Self::MissRatioCurve => "mrc",
        }
    }
}

/// Names and values of one table. Of two lines with one name the last counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StatTable {
    values: BTreeMap<String, String>,
}

/// The lines of one class, shard, command or key: what follows its name, and the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StatGroup<'t> {
    values: BTreeMap<&'t str, &'t str>,
}

impl StatTable {
    /// Adds a line.
    pub(super) fn insert(&mut self, name: String, value: String) {
        self.values.insert(name, value);
    }

    /// Number of lines.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The value of a line.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value of a line that is a whole number.
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// The value of a line that is a finite number.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        finite(self.text(name)?)
    }

    /// Lines of the form `<prefix><group>:<name>` by group, in the order of the groups' numbers.
    /// Groups that are not numbers come last, by name. Other lines are left out, and groups beyond
    /// `groups_max`.
    pub(crate) fn groups(&self, prefix: &str, groups_max: usize) -> Vec<(&str, StatGroup<'_>)> {
        let mut groups: BTreeMap<&str, StatGroup<'_>> = BTreeMap::new();
        for (name, value) in &self.values {
            let parts = name.strip_prefix(prefix).and_then(|it| it.split_once(':'));
            if let Some((group, name)) = parts {
                groups.entry(group).or_default().values.insert(name, value);
            }
        }
        let mut groups: Vec<(&str, StatGroup<'_>)> = groups.into_iter().collect();
        let number = |name: &str| finite(name).unwrap_or(f64::INFINITY);
        groups.sort_by(|a, b| number(a.0).total_cmp(&number(b.0)));
        groups.truncate(groups_max);
        groups
    }
}

impl<'t> StatGroup<'t> {
    /// The value of a line.
    pub(crate) fn text(&self, name: &str) -> Option<&'t str> {
        self.values.get(name).copied()
    }

    /// The value of a line that is a whole number.
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// The value of a line that is a finite number.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        finite(self.text(name)?)
    }
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lines: &[(&str, &str)]) -> StatTable {
        let mut table = StatTable::default();
        for (name, value) in lines {
            table.insert((*name).to_owned(), (*value).to_owned());
        }
        table
    }

    #[test]
    fn groups_are_in_the_order_of_their_numbers() {
        let table = table(&[
            ("items:10:number", "4"),
            ("items:2:number", "3"),
            ("items:2:age", "7"),
            ("items:x:number", "1"),
            ("active_slabs", "2"),
        ]);
        let groups = table.groups("items:", 9);
        let names: Vec<&str> = groups.iter().map(|it| it.0).collect();
        assert_eq!(names, ["2", "10", "x"]);
        assert_eq!(groups[0].1.count("number"), Some(3));
        assert_eq!(groups[0].1.count("age"), Some(7));
        assert_eq!(table.groups("items:", 1).len(), 1);
    }

    #[test]
    fn only_finite_numbers_are_numbers() {
        let table =
            table(&[("a", "inf"), ("b", "-1"), ("c", "1.5"), ("d", "18446744073709551616")]);
        assert_eq!((table.number("a"), table.count("a")), (None, None));
        assert_eq!((table.number("b"), table.count("b")), (Some(-1.0), None));
        assert_eq!((table.number("c"), table.count("c")), (Some(1.5), None));
        assert_eq!(table.count("d"), None);
    }
}
