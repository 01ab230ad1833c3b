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

/// Begins the line of a module's documentation that says what a file of the server names the types
/// of one dialect for. A request of any other kind, and all that is done with it, is the same in
/// all of them.
const DIALECT_LINE: &str = "//! Dialects: ";

/// Files of a crate that use each other, all directly or by others, at most; 1 in crates that are
/// not named: there are no circles.
const CIRCLE_FILES_MAX: &[(&str, usize)] = &[("storage", 6)];

/// The rooms of the server, from the ground up: a folder uses only those before it.
const ROOMS: [&str; 10] = [
    "settings",
    "connection",
    "shared",
    "executor",
    "admin",
    "requests",
    "hub",
    "drivers",
    "launch",
    "in_memory",
];

/// Files of the server outside of rooms: its face, the server in memory, and its tests as a whole.
const FILES_WITHOUT_ROOM_MAX: usize = 5;

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
fn the_server_says_where_it_names_dialects() {
    let mut files = Vec::new();
    collect(&root().join("crates/server/src"), &mut files);
    for (path, text) in files.iter().filter(|(path, _)| !is_test(path)) {
        let names_one = text.lines().any(names_a_dialect);
        let says_so = text.lines().any(|line| line.starts_with(DIALECT_LINE));
        let path = path.display();
        assert!(!names_one || says_so, "{path} names a dialect: \"{DIALECT_LINE}<what for>\"");
        assert!(names_one || !says_so, "{path} names no dialect, and says it does");
    }
}

fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
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
fn files_use_each_other_one_way() {
    let crates = fs::read_dir(root().join("crates")).expect("there are crates");
    for entry in crates {
        let folder = entry.expect("a folder's entry").path();
        let name = folder.file_name().expect("a crate has a name").to_string_lossy();
        let uses = uses_in(&folder.join("src"));
        let circle = largest_circle(&uses);
        let max = CIRCLE_FILES_MAX.iter().find(|it| it.0 == name).map_or(1, |it| it.1);
        assert_eq!(circle.len(), max, "a circle in {name}: {circle:?}");
    }
}

/// Modules, and which others each uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// The modules of a crate that are files.
fn uses_in(folder: &Path) -> Uses {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.retain(|(path, _)| !is_test(path));
    let module = |path: &Path| {
        let path = path.strip_prefix(folder).expect("a file in it").with_extension("");
        let module = path.to_string_lossy().replace('/', "::");
        module.strip_suffix("::mod").unwrap_or(&module).to_owned()
    };
    let modules: BTreeSet<String> = files.iter().map(|(path, _)| module(path)).collect();
    let face = fs::read_to_string(folder.join("lib.rs")).unwrap_or_default();
    let handed_on = handed_on(&face);
    let used_by = |(path, text): &(PathBuf, String)| {
        let module = module(path);
        let mut used = modules_named(text, &module, &modules, &handed_on);
        used.remove(&module);
        (module, used)
    };
    files.iter().map(used_by).collect()
}

/// What a crate's face hands on, and from which module.
fn handed_on(face: &str) -> BTreeMap<&str, &str> {
    let uses = face.split("pub use ").skip(1).filter_map(|text| text.split(';').next());
    let of_use = |text| list_of(text).into_iter().map(move |item| (item, text));
    uses.flat_map(of_use).collect()
}

/// The last words of a path, which may end in a list.
fn list_of(path: &str) -> Vec<&str> {
    let items = path.rsplit_once("::").map_or(path, |(_, items)| items);
    let items = items.trim_matches(['{', '}']).split(',').map(str::trim);
    items.filter(|item| !item.is_empty()).collect()
}

/// The modules that a file's code names, but for its tests.
fn modules_named(
    text: &str,
    module: &str,
    modules: &BTreeSet<String>,
    handed_on: &BTreeMap<&str, &str>,
) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: Vec<&str> =
        code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let parent =
        module.rsplit_once("::").map_or(String::new(), |(parent, _)| format!("{parent}::"));
    let code = code.join("\n").replace("super::", &format!("crate::{parent}"));
    let code = code.replace("use self::", &format!("use crate::{module}::"));
    let mut named = BTreeSet::new();
    for path in code.split("crate::").skip(1) {
        let paths = match path.split_once('}') {
            Some((list, _)) if path.starts_with('{') => list_of(list),
            _ => vec![path],
        };
        for path in paths {
            let is_path = |character: char| character.is_alphanumeric() || "_:".contains(character);
            let path = &path[..path.find(|it| !is_path(it)).unwrap_or(path.len())];
            let first = path.split("::").next().unwrap_or_default();
            named.extend(file_of(handed_on.get(first).unwrap_or(&path), modules));
        }
    }
    named
}

#[test]
fn rooms_of_the_server_use_each_other_one_way() {
    let uses = uses_in(&root().join("crates/server/src"));
    let room = |module: &str| {
        let folder = module.split("::").next().unwrap_or_default();
        ROOMS.iter().position(|room| *room == folder)
    };
    let mut wrong = Vec::new();
    for (module, used) in &uses {
        // The face of the crate, and what only tests use.
        let Some(place) = room(module) else { continue };
        let up = used.iter().filter(|it| room(it).is_some_and(|other| other > place));
        wrong.extend(up.map(|other| format!("{module} uses {other}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let files = |room: &str| uses.keys().filter(|it| it.starts_with(&format!("{room}::"))).count();
    assert!(ROOMS[..9].iter().all(|room| files(room) >= 3), "each room has files");
}

#[test]
fn rooms_say_what_they_are_for() {
    for room in &ROOMS[..9] {
        let path = root().join(format!("crates/server/src/{room}/mod.rs"));
        let text = fs::read_to_string(&path).expect("a room has a mod.rs");
        for line in ["//! May use: ", "Must not come in: ", "//! Start reading at "] {
            assert!(text.contains(line), "{} has no \"{line}\"", path.display());
        }
    }
    let stray = fs::read_dir(root().join("crates/server/src")).expect("there is a server");
    let stray: Vec<_> = stray.map(|it| it.expect("a folder's entry").file_name()).collect();
    let stray = stray.iter().filter(|it| it.to_string_lossy().ends_with(".rs"));
    assert!(stray.clone().count() <= FILES_WITHOUT_ROOM_MAX, "{:?}", stray.collect::<Vec<_>>());
}

/// The module that a path names, or has items of: the longest beginning that is a file.
fn file_of(mut path: &str, modules: &BTreeSet<String>) -> Option<String> {
    while !modules.contains(path) {
        path = path.rsplit_once("::")?.0;
    }
    Some(path.to_owned())
}

/// The largest set of modules each of which uses all others, directly or by others.
fn largest_circle(uses: &Uses) -> BTreeSet<&String> {
    let reach: BTreeMap<_, _> = uses.keys().map(|module| (module, reached(uses, module))).collect();
    let circle = |module: &String| -> BTreeSet<&String> {
        reach[module].iter().copied().filter(|it| reach[it].contains(module)).collect()
    };
    uses.keys().map(circle).max_by_key(BTreeSet::len).expect("a crate has files")
}

/// A module, and what it uses, directly or by others.
fn reached<'a>(uses: &'a Uses, from: &'a String) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        open.extend(uses[module].iter().filter(|used| reached.insert(used)));
    }
    reached
}

#[test]
fn the_search_for_circles_finds_them() {
    let modules: BTreeSet<String> = ["a", "a::b", "c"].map(str::to_owned).into();
    let handed_on = handed_on("pub use a::{One,\n    Two};\npub use c::Three;");
    let check = |text: &str, expected: &[&str]| {
        let named = modules_named(text, "a::b", &modules, &handed_on);
        assert_eq!(named.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{text}");
    };
    check("use crate::a::Thing;\nuse crate::c::{Other, Thing};", &["a", "c"]);
    check("let it = super::Thing; // crate::c", &["a"]);
    check("use crate::{\n    Three, Two,\n};", &["a", "c"]);
    check("use crate::One;", &["a"]);
    check("#[cfg(test)]\nmod tests {\n    use crate::c;\n}", &[]);
    let uses = |list: [(&str, &str); 3]| -> Uses {
        list.map(|(module, used)| (module.to_owned(), BTreeSet::from([used.to_owned()]))).into()
    };
    assert_eq!(largest_circle(&uses([("a", "b"), ("b", "c"), ("c", "a")])).len(), 3);
    assert_eq!(largest_circle(&uses([("a", "b"), ("b", "c"), ("c", "c")])).len(), 1);
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
