//! Files, and arrows from each to those it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Names of files with arrows between them; an arrow keeps its reasons.
#[derive(Default)]
pub(crate) struct Graph {
    arrows: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Graph {
    /// Draws an arrow, unless it would end where it begins.
    pub(crate) fn add(&mut self, from: &str, to: &str, reason: &str) {
        if from == to {
            return;
        }
        self.arrows.entry(to.to_owned()).or_default();
        let arrows = self.arrows.entry(from.to_owned()).or_default();
        arrows.entry(to.to_owned()).or_default().insert(reason.to_owned());
    }

    /// All arrows: from, to, and the reasons.
    pub(crate) fn arrows(&self) -> impl Iterator<Item = (&str, &str, &BTreeSet<String>)> {
        self.arrows.iter().flat_map(|(from, arrows)| {
            arrows.iter().map(|(to, reasons)| (from.as_str(), to.as_str(), reasons))
        })
    }

    /// The largest set of files in which each reaches all others along arrows. A file that is in no
    /// circle is a set of one. A graph without files has an empty set.
    pub(crate) fn largest_circle(&self) -> BTreeSet<&str> {
        let reach: BTreeMap<&str, _> =
            self.arrows.keys().map(|file| (file.as_str(), self.reached(file))).collect();
        let circle = |file: &&str| -> BTreeSet<&str> {
            reach[file].iter().copied().filter(|other| reach[other].contains(file)).collect()
        };
        reach.keys().map(circle).max_by_key(BTreeSet::len).unwrap_or_default()
    }

    /// A file and all that it reaches.
    fn reached<'a>(&'a self, from: &'a str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            let next = self.arrows[file].keys().map(String::as_str);
            open.extend(next.filter(|to| reached.insert(to)));
        }
        reached
    }

    /// The arrows within a set of files, one a line.
    pub(crate) fn described(&self, files: &BTreeSet<&str>) -> String {
        let mut text = String::new();
        let inside = self.arrows().filter(|it| files.contains(it.0) && files.contains(it.1));
        for (from, to, reasons) in inside {
            let reasons: Vec<&str> = reasons.iter().map(String::as_str).collect();
            writeln!(text, "    {from} -> {to}: {}", reasons.join(", ")).expect("a string");
        }
        text
    }
}

#[test]
fn the_largest_circle_is_found() {
    let graph = |list: &[(&str, &str)]| {
        let mut graph = Graph::default();
        for (from, to) in list {
            graph.add(from, to, "why");
        }
        graph
    };
    assert_eq!(graph(&[]).largest_circle().len(), 0);
    assert_eq!(graph(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]).largest_circle().len(), 3);
    assert_eq!(graph(&[("a", "b"), ("b", "c"), ("c", "c")]).largest_circle().len(), 1);
    let two = graph(&[("a", "b"), ("b", "a"), ("a", "c")]);
    let circle = two.largest_circle();
    assert_eq!(two.described(&circle), "    a -> b: why\n    b -> a: why\n");
}
