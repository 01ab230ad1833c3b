//! Phrases that make a comment hard to read.

use crate::search::source::{RustFile, rust_files};

/// Phrases that comments do without, in lower case. Each has a plainer form: "as long as",
/// "again", "after", "is", "for that", "except".
const PHRASES: &[&str] = &[
    "anew",
    "are told",
    "as ever",
    "but for",
    "come in two",
    "comes in two",
    "for so long",
    "for what",
    "is told",
    "kin",
    "of now",
    "of which each",
    "so long as",
    "stand",
    "stands",
    "what is no",
    "whoever",
];

/// Such phrases in the comments of a crate at most; none in crates that are not named. A crate is
/// named by its folder.
const PHRASES_MAX: &[(&str, usize)] = &[];

#[test]
fn comments_use_common_words() {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for file in rust_files() {
        // This file has to name them.
        if file.path == "tests/structure/rules/comments.rs" {
            continue;
        }
        let name = crate_of(&file);
        if found.last().is_none_or(|last| last.0 != name) {
            found.push((name.to_owned(), Vec::new()));
        }
        let phrases = phrases_in(&file.text).into_iter();
        let described = phrases.map(|(line, phrase)| format!("  {}:{line}: {phrase}", file.path));
        found.last_mut().expect("one was pushed").1.extend(described);
    }
    let mut wrong = Vec::new();
    for (name, phrases) in found {
        let max = PHRASES_MAX.iter().find(|it| it.0 == name).map_or(0, |it| it.1);
        if phrases.len() > max {
            let count = phrases.len();
            wrong.push(format!("(\"{name}\", {count}), {max} allowed:\n{}", phrases.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "hard phrases in comments, see the table:\n{}", wrong.join("\n"));
}

/// The crate that a file belongs to: `storage`, `benches`, `tests`.
fn crate_of(file: &RustFile) -> &str {
    let mut folders = file.path.split('/');
    let first = folders.next().unwrap_or_default();
    if first == "crates" { folders.next().unwrap_or_default() } else { first }
}

/// Each phrase of the list in a text's comments, and its line. Successive comment lines are one
/// comment, so a phrase may begin on one line and end on the next.
fn phrases_in(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    let mut words = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some(comment) = comment_in(line) else {
            found.extend(phrases_among(&words));
            words.clear();
            continue;
        };
        let is_word = |character: char| character.is_alphanumeric() || character == '\'';
        let of_line = comment.split(|it| !is_word(it)).filter(|word| !word.is_empty());
        words.extend(of_line.map(|word| (number + 1, word.to_lowercase())));
    }
    found.extend(phrases_among(&words));
    found
}

/// The phrases in a comment. Each of its words comes with its line.
fn phrases_among(words: &[(usize, String)]) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for start in 0..words.len() {
        let begins = |phrase: &&str| {
            let mut rest = words[start..].iter();
            phrase.split(' ').all(|word| rest.next().is_some_and(|it| it.1 == word))
        };
        found
            .extend(PHRASES.iter().filter(|it| begins(it)).map(|phrase| (words[start].0, *phrase)));
    }
    found
}

/// The comment that a line ends with. A `//` within a string has no space before it.
fn comment_in(line: &str) -> Option<&str> {
    let whole = line.trim_start().strip_prefix("//");
    whole.or_else(|| line.split_once(" // ").map(|(_, comment)| comment))
}

#[test]
fn the_search_for_phrases_finds_them() {
    let check = |text: &str, expected: &[(usize, &str)]| {
        assert_eq!(phrases_in(text), expected, "{text}");
    };
    check("/// Whoever reads this.", &[(1, "whoever")]);
    check("fn f() {\n    g(); // once, and anew\n}", &[(2, "anew")]);
    check("//! It is open, so\n//! long as it lives.", &[(1, "so long as")]);
    check("let text = \"kin http://anew\";", &[]);
    check("/// It is\n\n// told.", &[]);
    check("/// A kind newcomer; for whatever.", &[]);
}
