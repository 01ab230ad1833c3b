//! The shape of the tree: which crate may know which, and the house style as far as it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Longest line of a Rust file, in characters.
const LINE_CHARACTERS_MAX: usize = 100;

/// Longest function, in lines from its `fn` to its closing brace, unless a `// long: <why>` stands
/// above it.
const FUNCTION_LINES_MAX: usize = 70;

/// Which crates of the workspace a crate may depend on. Tests may use the test kit beside these.
const ORDER: &[(&str, &[&str])] = &[
    ("slabcore-storage", &[]),
    ("slabcore-protocol", &[]),
    ("slabcore-metrics", &[]),
    ("slabcore-shard", &["slabcore-storage", "slabcore-protocol", "slabcore-metrics"]),
    (
        "slabcore-server",
        &["slabcore-shard", "slabcore-storage", "slabcore-protocol", "slabcore-metrics"],
    ),
    (
        "slabcore",
        &[
            "slabcore-server",
            "slabcore-shard",
            "slabcore-storage",
            "slabcore-protocol",
            "slabcore-metrics",
        ],
    ),
    ("slabcore-testkit", &[]),
    (
        "slabcore-benches",
        &[
            "slabcore-server",
            "slabcore-storage",
            "slabcore-protocol",
            "slabcore-metrics",
            // Makes the certificates of measured servers.
            "slabcore-testkit",
        ],
    ),
    ("slabcore-tests", &[]),
];

/// The crates without clock, socket, thread: a use of one does not compile there.
const PURE_CRATES: [&str; 4] = ["storage", "protocol", "metrics", "shard"];

/// Files of the server that name the types of one dialect, and for what. A request of any other
/// kind, and all that is done with it, is the same in all of them.
const DIALECT_FILES: [(&str, &str); 10] = [
    ("binary_orders.rs", "binary requests that are not for a key"),
    ("commands.rs", "an arm for the requests of each; what is neither a key's nor one dialect's"),
    ("connection.rs", "an arm for the steps and the plain reads of each"),
    ("data_blocks.rs", "the reply to a value that is too large"),
    ("gather.rs", "the replies to what all shards answer"),
    ("key_requests.rs", "the plain reads of each"),
    ("login.rs", "the login of each"),
    ("planned.rs", "an arm for the requests of each"),
    ("stage.rs", "the plain reads of each"),
    ("stats_more.rs", "the refusal of what there are no stats of"),
];

/// File names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] =
    ["util", "utils", "common", "helper", "helpers", "manager", "types", "misc"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file of the project, with its text.
fn rust_files() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for folder in ["crates", "benches", "tests", "fuzz"] {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 20, "the search finds the files");
    files
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder's entry").path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a Rust file is UTF-8");
            files.push((path, text));
        }
    }
}

#[test]
fn crates_depend_one_way() {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata runs");
    let order: BTreeMap<&str, &[&str]> = ORDER.iter().copied().collect();
    let members: BTreeSet<_> =
        metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let name = package.name.to_string();
        let Some(allowed) = order.get(name.as_str()) else {
            wrong.push(format!("{name} has no place in the order"));
            continue;
        };
        for dependency in &package.dependencies {
            let internal = members.contains(dependency.name.as_str());
            let known = allowed.contains(&dependency.name.as_str());
            let testing = dependency.kind == DependencyKind::Development
                && (dependency.name == "slabcore-testkit" || known);
            if internal && !known && !testing {
                wrong.push(format!("{name} must not depend on {}", dependency.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_crates_are_no_std() {
    for name in PURE_CRATES {
        let text = fs::read_to_string(root().join(format!("crates/{name}/src/lib.rs")));
        let text = text.expect("the crate has a lib.rs");
        let attribute = text.lines().any(|line| line.trim() == "#![no_std]");
        assert!(attribute, "crates/{name} is not #![no_std]");
    }
}

/// A dialect is how a request is read and its reply written: it knows no item.
#[test]
fn dialects_know_no_storage() {
    let protocol = root().join("crates/protocol");
    let mut files = vec![(protocol.join("Cargo.toml"), String::new())];
    files[0].1 = fs::read_to_string(&files[0].0).expect("the crate has a manifest");
    collect(&protocol, &mut files);
    for (path, text) in files {
        for name in ["storage", "shard", "server"] {
            let named = [format!("slabcore-{name}"), format!("slabcore_{name}")];
            let names_it = named.iter().any(|named| text.contains(named));
            assert!(!names_it, "{} knows {name}", path.display());
        }
    }
}

#[test]
fn the_server_names_dialects_in_few_places() {
    let folder = root().join("crates/server/src");
    let mut files = Vec::new();
    collect(&folder, &mut files);
    let found: BTreeSet<_> = files
        .iter()
        .filter(|(_, text)| text.lines().any(names_a_dialect))
        .map(|(path, _)| path.strip_prefix(&folder).expect("a file in it").display().to_string())
        .filter(|path| !path.ends_with("tests.rs"))
        .collect();
    let expected: BTreeSet<_> = DIALECT_FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(found, expected, "the places are listed, each with what it is for");
}

/// Whether a line has a type of one dialect in it: `BinaryReply`, `MetaFlags`, `Echo`.
fn names_a_dialect(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let mut words = code.split(|character: char| !character.is_alphanumeric() && character != '_');
    words.any(|word| {
        let rest = word.strip_prefix("Binary").or_else(|| word.strip_prefix("Meta"));
        word == "Echo" || rest.is_some_and(|rest| rest.starts_with(char::is_uppercase))
    })
}

#[test]
fn the_search_for_dialects_finds_them() {
    assert!(names_a_dialect("use slabcore_protocol::{Echo, Keys};"));
    assert!(names_a_dialect("    Request::Meta(MetaRequest { .. }) => {}"));
    assert!(!names_a_dialect("use metrics::{Key, Metadata}; // BinaryReply"));
    assert!(!names_a_dialect("Protocol::Binary => \"binary\","));
}

#[test]
fn lines_fit() {
    let mut wrong = Vec::new();
    for (path, text) in rust_files() {
        for (number, line) in text.lines().enumerate() {
            if line.chars().count() > LINE_CHARACTERS_MAX {
                wrong.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "over {LINE_CHARACTERS_MAX} characters:\n{}", wrong.join("\n"));
}

#[test]
fn functions_are_short_or_say_why() {
    let mut wrong = Vec::new();
    for (path, text) in rust_files() {
        for (line, length) in long_functions(&text) {
            wrong.push(format!("{}:{line}: {length} lines", path.display()));
        }
    }
    assert!(wrong.is_empty(), "over {FUNCTION_LINES_MAX} lines:\n{}", wrong.join("\n"));
}

/// Line number and length of each function that is too long and has no reason above it. Relies on
/// rustfmt: a function's closing brace has the indentation of its `fn` line.
fn long_functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if !begins_function(line) {
            continue;
        }
        let indentation = &line[..line.len() - line.trim_start().len()];
        let end = lines[number..].iter().position(|other| {
            let inner = other.strip_prefix(indentation);
            inner.is_some_and(|inner| {
                inner == "}" || inner.ends_with(';') && !inner.starts_with(' ')
            })
        });
        let length = end.map_or(1, |end| end + 1);
        // The reason may stand above attributes and documentation.
        let above = lines[..number].iter().rev().take_while(|line| {
            let line = line.trim_start();
            line.starts_with("//") || line.starts_with("#[")
        });
        let reason = above.into_iter().any(|line| line.trim_start().starts_with("// long: "));
        if length > FUNCTION_LINES_MAX && !reason {
            found.push((number + 1, length));
        }
    }
    found
}

fn begins_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.by_ref().find(|word| {
        let qualifier = matches!(*word, "const" | "async" | "unsafe" | "extern" | "\"C\"");
        !qualifier && !word.starts_with("pub") && *word != "crate)" && *word != "super)"
    }) == Some("fn")
}

#[test]
fn the_search_for_long_functions_finds_them() {
    let body = "        work();\n".repeat(FUNCTION_LINES_MAX - 1);
    let long = format!("impl X {{\n    pub(crate) const fn f() {{\n{body}    }}\n}}\n");
    assert_eq!(long_functions(&long), [(2, FUNCTION_LINES_MAX + 1)]);
    let reasoned = long.replace("    pub(crate)", "    // long: a table\n    pub(crate)");
    assert_eq!(long_functions(&reasoned), []);
    let body = "    work();\n".repeat(FUNCTION_LINES_MAX - 2);
    assert_eq!(long_functions(&format!("fn f() {{\n{body}}}\n")), []);
}

#[test]
fn files_are_named_by_a_noun() {
    for (path, _) in rust_files() {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.expect("a file has a name");
        assert!(!EMPTY_NAMES.contains(&stem.as_str()), "{} says nothing", path.display());
    }
}

#[test]
fn no_test_is_ignored() {
    // In two pieces, so that this file does not find itself.
    let attribute = concat!("#[", "ignore");
    for (path, text) in rust_files() {
        assert!(!text.contains(attribute), "{} ignores a test", path.display());
    }
}
