//! Crates depend on each other one way, and the lower ones have neither clock, socket nor thread.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::search::source::{read, root, rust_files};

/// Which crates of the workspace a crate may depend on. Tests may use the test kit beside these.
const ORDER: &[(&str, &[&str])] = &[
    ("slabcore-storage", &[]),
    ("slabcore-protocol", &[]),
    ("slabcore-metrics", &[]),
    ("slabcore-script", &[]),
    // Server and tool write and read the same files.
    ("slabcore-snapshot", &[]),
    ("slabcore-shard", &["slabcore-storage", "slabcore-protocol", "slabcore-metrics"]),
    (
        "slabcore-server",
        &[
            "slabcore-shard",
            "slabcore-script",
            "slabcore-snapshot",
            "slabcore-storage",
            "slabcore-protocol",
            "slabcore-metrics",
        ],
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
    // It knows a server only by what that says over the wire, and the format of its files.
    ("slabcore-tool", &["slabcore-snapshot"]),
    ("slabcore-testkit", &[]),
    // The testkit makes the certificates of measured servers.
    ("slabcore-bench", &["slabcore-testkit"]),
    (
        "slabcore-benches",
        &[
            "slabcore-bench",
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

/// The crates without clock, socket and thread: code that uses one does not compile there.
const PURE_CRATES: [&str; 4] = ["storage", "protocol", "metrics", "shard"];

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
        let text = read(&format!("crates/{name}/src/lib.rs"));
        let attribute = text.lines().any(|line| line.trim() == "#![no_std]");
        assert!(attribute, "crates/{name} is not #![no_std]");
    }
}

/// A dialect is how a request is read and its reply written. It knows no items.
#[test]
fn protocol_does_not_know_storage() {
    let manifest = "crates/protocol/Cargo.toml";
    let mut texts = vec![(manifest.to_owned(), read(manifest))];
    let files = rust_files().into_iter().filter(|file| file.path.starts_with("crates/protocol/"));
    texts.extend(files.map(|file| (file.path, file.text)));
    assert!(texts.len() > 10, "the search finds files");
    for (path, text) in texts {
        for name in ["storage", "shard", "server"] {
            let named = [format!("slabcore-{name}"), format!("slabcore_{name}")];
            let names_it = named.iter().any(|named| text.contains(named));
            assert!(!names_it, "{path} knows {name}");
        }
    }
}
