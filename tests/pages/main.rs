//! The pages that people read say what is so: their commands run, their links and paths lead
//! somewhere, their options and metrics exist.

mod commands;
mod commands_not_run;
mod links;
mod log_lines;
mod metrics;
mod names;
mod page;
mod page_server;

use page::Page;

/// README is for a decision within five minutes.
const README_WORDS_MAX: usize = 700;

#[test]
fn readme_is_short() {
    let readme = Page::read("README.md");
    let words = readme.text.split_whitespace().count();
    assert!(words <= README_WORDS_MAX, "README.md has {words} words");
}
