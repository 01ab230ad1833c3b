//! Names in the pages: files, rooms, types, options and metrics that must exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use slabcore_testkit::binaries;

use crate::page::{Page, files, root};

/// Endings of file names that mean a file of the tree.
const FILE_ENDINGS: [&str; 7] = [".rs", ".md", ".toml", ".txt", ".service", ".svg", ".yml"];

/// Pages that name types and functions of the code.
const CODE_PAGES: [&str; 2] = ["ARCHITECTURE.md", "CONTRIBUTING.md"];

/// Names in them that are not the project's.
const FOREIGN_TYPES: &[&str] = &["BytesMut", "MeshBuilder"];

/// Words that look like metrics: a program, and a field of Redis' `INFO`.
const FOREIGN_NAMES: &[&str] = &["memcached_exporter", "slabcore_version"];

/// Words in code that look like options and are those of other programs.
const FOREIGN_OPTIONS: &[&str] = &["--bin", "--test", "--package", "--update", "--list"];

/// Whether a span of code names a file or folder, and if so whether it exists.
fn exists(span: &str, files: &[PathBuf]) -> Option<bool> {
    let is_plain = !span.starts_with('/') && !span.contains([' ', '*', '<', '{', '=', ':', '$']);
    if !is_plain {
        return None;
    }
    let Some((first, rest)) = span.split_once('/') else {
        let is_file = FILE_ENDINGS.iter().any(|ending| span.ends_with(ending));
        return is_file.then(|| files.iter().any(|path| path.ends_with(span)));
    };
    let span = span.trim_end_matches('/');
    if first == "." || root().join(first).exists() {
        Some(root().join(span).exists())
    } else if root().join("crates").join(first).exists() {
        // A room: the crate's name, then the folder.
        Some(
            root().join("crates").join(first).join("src").join(rest.trim_end_matches('/')).exists(),
        )
    } else {
        None
    }
}

#[test]
fn files_and_rooms_exist() {
    let files = files();
    let mut wrong = Vec::new();
    for page in Page::all().iter().filter(|page| page.name != "CHANGELOG.md") {
        let in_blocks = page.blocks().into_iter().flat_map(|block| block.lines);
        let words: Vec<String> = in_blocks
            .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .filter(|word| !word.starts_with("target/"))
            .collect();
        for span in page.code_spans().iter().filter(|it| !it.starts_with("target/")).chain(&words) {
            if exists(span, &files) == Some(false) {
                wrong.push(format!("{}: {span}", page.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Words that are defined by `struct`, `enum`, `fn` and the like.
fn defined_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let keywords = ["struct", "enum", "trait", "type", "fn", "const", "static", "mod", "union"];
    for path in files().iter().filter(|path| path.extension().is_some_and(|it| it == "rs")) {
        let text = fs::read_to_string(root().join(path)).expect("a Rust file is UTF-8");
        for line in text.lines() {
            let is_name = |it: char| it.is_alphanumeric() || it == '_';
            let words: Vec<&str> =
                line.split(|it| !is_name(it)).filter(|it| !it.is_empty()).collect();
            let defined = words.windows(2).filter(|pair| keywords.contains(&pair[0]));
            names.extend(defined.map(|pair| pair[1].to_owned()));
            // Variants of enums and their like begin a line.
            names.extend(words.first().map(|word| (*word).to_owned()));
        }
    }
    names
}

#[test]
fn types_exist() {
    let names = defined_names();
    let mut wrong = Vec::new();
    for page in CODE_PAGES.map(Page::read) {
        for span in page.code_spans() {
            let words: Vec<&str> = span.trim_end_matches("()").split("::").collect();
            let is_name = |it: &&str| it.chars().all(|it| it.is_alphanumeric() || it == '_');
            let is_type = words[0].starts_with(char::is_uppercase)
                && words[0].contains(char::is_lowercase)
                && words.iter().all(|word| !word.is_empty() && is_name(word));
            if !is_type || FOREIGN_TYPES.contains(&words[0]) {
                continue;
            }
            if words.iter().any(|word| !names.contains(*word)) {
                wrong.push(format!("{}: {span}", page.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the server prints about itself.
fn printed(arguments: &[&str]) -> String {
    let output = Command::new(binaries::slabcore()).args(arguments).output();
    let output = output.expect("the server starts");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The man page without its markup.
fn man_page() -> String {
    printed(&["--generate", "man"]).replace("\\fB", "").replace("\\fR", "").replace("\\-", "-")
}

/// The path of a program that has commands; `None`: it is none of ours.
fn program_with_commands(name: &str) -> Option<&'static Path> {
    match name {
        "slabcore-tool" => Some(binaries::tool()),
        "slabcore-bench" => Some(binaries::bench()),
        _ => None,
    }
}

/// Commands of programs whose options the pages name alone.
const COMMANDS: [(&str, &str); 4] = [
    ("slabcore-tool", "copy"),
    ("slabcore-tool", "dump"),
    ("slabcore-tool", "restore"),
    ("slabcore-bench", "compare"),
];

/// The options of a program's command.
fn options_of(program: &str, command: &str) -> BTreeSet<String> {
    let path = program_with_commands(program).expect("it has commands");
    let output = Command::new(path).args([command, "--help"]).output();
    let output = output.expect("the program starts");
    assert!(output.status.success(), "{program} has no command {command}");
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    let words = help.split(|it: char| it.is_whitespace() || ",;:".contains(it));
    words.filter(|word| word.starts_with("--")).map(ToOwned::to_owned).collect()
}

/// Commands of these programs in the pages have options that they know.
#[test]
fn options_of_commands_exist() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for page in Page::all() {
        for span in page.code_spans() {
            let words: Vec<&str> = span.split_whitespace().collect();
            let Some((program, [command, rest @ ..])) = words.split_first() else { continue };
            if program_with_commands(program).is_none() {
                continue;
            }
            let known = options_of(program, command);
            let options = rest.iter().filter(|it| it.starts_with("--"));
            let unknown = options.filter(|it| !known.contains(**it));
            wrong.extend(unknown.map(|it| format!("{}: {span}: {it}", page.name)));
            checked += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 5, "the pages name commands of these programs");
}

#[test]
fn options_exist() {
    let man = man_page();
    let mut words: BTreeSet<&str> =
        man.split(|it: char| it.is_whitespace() || it == ',').filter(|it| !it.is_empty()).collect();
    let of_commands: Vec<_> =
        COMMANDS.iter().map(|(program, command)| options_of(program, command)).collect();
    words.extend(of_commands.iter().flatten().map(String::as_str));
    let mut wrong = Vec::new();
    for page in Page::all().iter().filter(|page| page.name != "CHANGELOG.md") {
        for span in page.code_spans().iter().filter(|span| span.starts_with('-')) {
            let mut parts = span.split([' ', '=']);
            let option = parts.next().unwrap_or_default();
            let suboptions = if option == "-o" { parts.next().unwrap_or_default() } else { "" };
            let suboptions =
                suboptions.split(',').filter(|it| !it.is_empty() && !it.ends_with('*'));
            for name in [option].into_iter().chain(suboptions) {
                let is_verbosity = ["-vv", "-vvv"].contains(&name);
                if !is_verbosity && !FOREIGN_OPTIONS.contains(&name) && !words.contains(name) {
                    wrong.push(format!("{}: {span}", page.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every option that has no effect, or less than in memcached, is on the page for it.
#[test]
fn options_without_effect_are_listed() {
    let spans: BTreeSet<String> =
        Page::read("docs/compatibility.md").code_spans().into_iter().collect();
    let man = man_page();
    let (_, extended) = man.split_once("EXTENDED OPTIONS").expect("the man page lists them");
    let lines: Vec<&str> = extended.lines().collect();
    let mut missing = Vec::new();
    for pair in lines.windows(2).filter(|pair| pair[1].starts_with("accepted with a warning")) {
        let name = pair[0].trim();
        if !spans.contains(name) && !spans.contains(&format!("-o {name}")) {
            missing.push(name);
        }
    }
    assert!(lines.len() > 100, "the man page is read");
    assert!(missing.is_empty(), "docs/compatibility.md does not name {missing:?}");
}

#[test]
fn metrics_exist() {
    let listed = Page::read("docs/metrics.md");
    // Families, and the parts of recorded names.
    let spans: BTreeSet<String> =
        listed.code_spans().iter().flat_map(|it| it.split(':').map(str::to_owned)).collect();
    let is_listed = |word: &str| {
        let ends = ["", "_bucket", "_sum", "_count"];
        ends.iter().any(|end| word.strip_suffix(end).is_some_and(|it| spans.contains(it)))
    };
    let crates: BTreeSet<String> = fs::read_dir(root().join("crates"))
        .expect("the tree has crates")
        .map(|entry| entry.expect("a crate").file_name().to_string_lossy().into_owned())
        .map(|name| format!("slabcore_{name}"))
        .collect();
    let mut wrong = Vec::new();
    // The code of docs/clients.md has functions of libmemcached.
    let is_checked = |page: &&Page| {
        page.name.starts_with("docs/") && page.name != "docs/clients.md" || page.name == "README.md"
    };
    for page in Page::all().iter().filter(is_checked) {
        let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
        for word in page.text.split(|it| !is_name(it)) {
            let is_metric = word.starts_with("memcached_") || word.starts_with("slabcore_");
            if is_metric
                && !crates.contains(word)
                && !is_listed(word)
                && !FOREIGN_NAMES.contains(&word)
            {
                wrong.push(format!("{}: {word}", page.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn paths_are_recognised() {
    let files = files();
    let check =
        |span: &str, expected: Option<bool>| assert_eq!(exists(span, &files), expected, "{span}");
    check("README.md", Some(true));
    check("crates/storage", Some(true));
    check("crates/nowhere", Some(false));
    check("server/requests", Some(true));
    check("server/nowhere", Some(false));
    check("nowhere.rs", Some(false));
    check("/etc/memcached.conf", None);
    check("get/set", None);
    assert!(Path::new(&files[0]).is_relative());
}

/// Every room of every crate is in ARCHITECTURE.md, and every stage of ./test in CONTRIBUTING.md.
#[test]
fn rooms_and_stages_are_listed() {
    let spans = |name: &str| Page::read(name).code_spans().into_iter().collect::<BTreeSet<_>>();
    let listed = spans("ARCHITECTURE.md");
    let files = files();
    let rooms = files.iter().filter(|path| path.ends_with("mod.rs")).filter_map(|it| it.parent());
    let rooms = rooms.filter(|room| room.parent().is_some_and(|above| above.ends_with("src")));
    let rooms = rooms.filter_map(|room| room.file_name());
    let missing: Vec<_> =
        rooms.filter(|room| !listed.contains(room.to_string_lossy().as_ref())).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md does not name the rooms {missing:?}");

    let listed = spans("CONTRIBUTING.md");
    let script = fs::read_to_string(root().join("test")).expect("there is ./test");
    let functions =
        script.lines().filter_map(|line| line.strip_prefix("stage_")?.strip_suffix("() {"));
    let missing: Vec<&str> = functions.filter(|stage| !listed.contains(*stage)).collect();
    assert!(missing.is_empty(), "CONTRIBUTING.md does not name the stages {missing:?}");
}
