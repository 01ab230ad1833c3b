//! A table of cases. A line is `name :: script` or `name :: script => replies`.
//!
//! Empty lines and lines that begin with `#` are skipped. Scripts and replies have the notation of
//! `slabcore_testkit::script`.

use slabcore_testkit::script::{Part, Script};

/// One line of a table.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) script: Script,
    /// The literal replies with the closing mark, in tables that have replies.
    pub(crate) replies: Option<Vec<u8>>,
}

/// Reads a table. Panics on a line without a name and on two cases of one name.
pub(crate) fn read(table: &'static str) -> Vec<Case> {
    let lines = table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let cases: Vec<Case> = lines.map(read_line).collect();
    let mut names: Vec<_> = cases.iter().map(|case| case.name).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    assert!(twice.is_none(), "two cases have one name: {twice:?}");
    cases
}

fn read_line(line: &'static str) -> Case {
    let (name, rest) = line.split_once(" :: ").unwrap_or_else(|| panic!("no name in {line:?}"));
    let (script, replies) = match rest.split_once(" => ") {
        Some((script, replies)) => (script, Some(literal(replies))),
        None => (rest, None),
    };
    Case { name: name.trim(), script: Script::parse(script), replies }
}

/// The bytes of replies in the notation. `{close}` means that the server closes.
fn literal(text: &str) -> Vec<u8> {
    let script = Script::parse(text);
    let mut bytes = match script.parts.as_slice() {
        [] => Vec::new(),
        [Part::Bytes(bytes)] => bytes.clone(),
        _ => panic!("replies are bytes only: {text:?}"),
    };
    if script.closes {
        bytes.extend_from_slice(b"(closed)");
    }
    bytes
}
