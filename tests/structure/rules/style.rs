//! Lines and functions that fit on a screen, and tests that run.

use crate::search::source::rust_files;

/// Longest line of a Rust file, in characters.
const LINE_CHARACTERS_MAX: usize = 100;

/// Longest function, in lines from its `fn` to its closing brace, unless a comment
/// `// long: <why>` precedes it.
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn lines_fit() {
    let mut wrong = Vec::new();
    for file in rust_files() {
        for (number, line) in file.text.lines().enumerate() {
            if line.chars().count() > LINE_CHARACTERS_MAX {
                wrong.push(format!("{}:{}", file.path, number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "over {LINE_CHARACTERS_MAX} characters:\n{}", wrong.join("\n"));
}

#[test]
fn functions_are_short_or_say_why() {
    let mut wrong = Vec::new();
    for file in rust_files() {
        for (line, length) in long_functions(&file.text) {
            wrong.push(format!("{}:{line}: {length} lines", file.path));
        }
    }
    assert!(wrong.is_empty(), "over {FUNCTION_LINES_MAX} lines:\n{}", wrong.join("\n"));
}

/// Line number and length of each function that is too long and has no reason above it. The search
/// is by text, as functions within macro calls count as well. It relies on rustfmt: a function's
/// closing brace has the indentation of its `fn` line.
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
        // The reason may precede attributes and documentation.
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
fn no_test_is_ignored() {
    // In two pieces, so that the search does not find this file.
    let attribute = concat!("#[", "ignore");
    for file in rust_files() {
        assert!(!file.text.contains(attribute), "{} ignores a test", file.path);
    }
}
