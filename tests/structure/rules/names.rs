//! Names: one word for one idea, and one idea for one word.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::FACTS;
use crate::search::names::{Name, names_with, stem_of};
use crate::search::source::rust_files;

/// File names that say nothing about what is inside.
const EMPTY_FILE_NAMES: [&str; 8] =
    ["util", "utils", "common", "helper", "helpers", "manager", "types", "misc"];

/// File names that meant another thing than readers expected, or several, with the number of files
/// that may still have them.
const FORMER_FILE_NAMES: &[(&str, usize)] = &[
    ("binary_orders", 0),
    ("core", 0),
    ("entry", 0),
    ("exchange", 0),
    ("exchanges", 0),
    ("numbers", 0),
    ("order_lines", 0),
    ("orders", 0),
    ("server_order", 0),
    ("stats_more", 0),
    ("step", 0),
];

/// Words that once were in names and meant another thing than readers expected, with the number of
/// files, types, functions, fields and constants that may still have them.
const FORMER_WORDS: &[(&str, usize)] = &[
    ("duties", 0),
    ("exchange", 0),
    ("exchanges", 0),
    ("fate", 0),
    ("foretold", 0),
    ("otherwise", 0),
    ("seat", 0),
    ("tellings", 0),
    ("told", 0),
    ("visit", 0),
];

/// Names of types that were in the workspace several times, for different things, with the number
/// of types that may still have them. One may remain.
const TYPES_RARE: &[(&str, usize)] = &[("Entry", 1), ("Peer", 1), ("Plan", 1), ("Step", 1)];

/// Types of one crate that share their name with another one of it: crate, name.
const DOUBLE_TYPES: &[(&str, &str)] = &[];

#[test]
fn files_are_named_by_a_noun() {
    let files = rust_files();
    for file in &files {
        assert!(!EMPTY_FILE_NAMES.contains(&stem_of(&file.path)), "{} says nothing", file.path);
    }
    for (stem, max) in FORMER_FILE_NAMES {
        let found: Vec<&str> =
            files.iter().map(|it| &*it.path).filter(|path| stem_of(path) == *stem).collect();
        assert!(found.len() <= *max, "{stem} misleads: {found:?}");
    }
}

#[test]
fn former_words_do_not_come_back() {
    let mut wrong = Vec::new();
    for (word, max) in FORMER_WORDS {
        let names = FACTS.iter().flat_map(|facts| names_with(word, &facts.names));
        let names: BTreeSet<&Name> = names.collect();
        if names.len() > *max {
            wrong.push(format!("{word}, {} times, {max} allowed: {names:?}", names.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_type_has_its_name_alone() {
    let mut wrong = Vec::new();
    let mut of_workspace: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for facts in &*FACTS {
        for (name, files) in &facts.types {
            let known = DOUBLE_TYPES.contains(&(&facts.name, name));
            if files.len() > 1 && !known {
                wrong.push(format!("(\"{}\", \"{name}\"): {files:?}", facts.name));
            }
        }
        for (name, _) in TYPES_RARE {
            let files = facts.types.get(*name).into_iter().flatten().cloned();
            of_workspace.entry(name).or_default().extend(files);
        }
    }
    let max = |name: &str| TYPES_RARE.iter().find(|it| it.0 == name).map_or(1, |it| it.1);
    let several = of_workspace.iter().filter(|(name, files)| files.len() > max(name));
    wrong.extend(several.map(|(name, files)| format!("{name} in the workspace: {files:?}")));
    assert!(wrong.is_empty(), "one name for several types:\n{}", wrong.join("\n"));
}
