//! A file of the server that names types of one dialect says what for.

use std::collections::BTreeSet;

use crate::facts::FACTS;
use crate::search::source::rust_files;

/// Begins the line of a module's documentation that says what it names the types of one dialect
/// for. Requests of any other kind, and all that is done with them, are the same in all dialects.
const DIALECT_LINE: &str = "//! Dialects: ";

#[test]
fn the_server_says_where_it_names_dialects() {
    let server = FACTS.iter().find(|facts| facts.name == "server").expect("there is a server");
    let named: BTreeSet<&String> = server.dialect_files.iter().collect();
    let says_so = |text: &str| text.lines().any(|line| line.starts_with(DIALECT_LINE));
    let files = rust_files().into_iter().filter(|file| file.path.starts_with(&server.folder));
    let said: Vec<String> = files.filter(|it| says_so(&it.text)).map(|it| it.path).collect();
    let said: BTreeSet<&String> = said.iter().collect();
    let unsaid = named.difference(&said);
    let mut wrong: Vec<String> =
        unsaid.map(|it| format!("{it} names a dialect: \"{DIALECT_LINE}<what for>\"")).collect();
    let untrue = said.difference(&named);
    wrong.extend(untrue.map(|it| format!("{it} names no dialect, but says that it does")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
