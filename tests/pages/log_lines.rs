//! The page for operators names log lines as the code writes them.

use std::fs;

use crate::page::{Page, files, root};

/// The crates that log.
const LOGGING: [&str; 2] = ["crates/server/src", "crates/slabcore/src"];

/// The longest part of a line of the page that the code must have: between dots, parentheses, and
/// words in capitals, which are what differs.
fn fixed_part(line: &str) -> String {
    let differs =
        |word: &str| word == "..." || (word.chars().all(char::is_uppercase) && word != "-U");
    let mut parts = vec![Vec::new()];
    let line = line.replace("...", " ... ").replace("()", " ... ");
    for word in line.split_whitespace() {
        if differs(word.trim_end_matches([':', ','])) {
            parts.push(Vec::new());
        } else {
            parts.last_mut().expect("there is a part").push(word);
        }
    }
    let parts = parts.into_iter().map(|words| words.join(" "));
    parts.max_by_key(String::len).unwrap_or_default()
}

#[test]
fn log_lines_are_those_of_the_code() {
    let sources = files().into_iter().filter(|path| {
        let is_rust = path.extension().is_some_and(|it| it == "rs");
        is_rust && LOGGING.iter().any(|folder| path.starts_with(folder))
    });
    // Strings go on after a backslash at the end of a line.
    let code: String = sources
        .map(|path| fs::read_to_string(root().join(path)).expect("a Rust file is UTF-8"))
        .flat_map(|text| {
            text.split("\\\n").map(|it| it.trim_start().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let page = Page::read("docs/operating.md");
    let (_, section) = page.text.split_once("## Log lines").expect("a section for log lines");
    let rows = section.lines().take_while(|line| !line.starts_with("## "));
    let cells = rows.filter_map(|row| row.strip_prefix("| `")?.split(" | ").next());
    let mut missing = Vec::new();
    let mut found = 0;
    for line in cells.flat_map(|cell| cell.split('`').step_by(2)).filter(|it| it.len() > 3) {
        if code.contains(&fixed_part(line)) {
            found += 1;
        } else {
            missing.push(line);
        }
    }
    assert!(missing.is_empty(), "the code has no such lines: {missing:#?}");
    assert!(found > 10, "the lines are found");
}

#[test]
fn fixed_parts_are_found() {
    let check = |line: &str, expected: &str| assert_eq!(fixed_part(line), expected);
    check("slabcore: serving with epoll: ...", "slabcore: serving with epoll:");
    check("N lines about KIND suppressed", "lines about");
    check("accept4(): ...", "accept4");
}
