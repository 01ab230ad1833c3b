//! The commands of the pages: each is run on a server of its page, or has a reason why it is not.

use std::collections::BTreeSet;

use crate::commands_not_run::NOT_RUN;
use crate::page::{Block, Page};
use crate::page_server::PageServer;

/// Languages of fenced blocks. What is not `sh` or `console` is not run here.
const LANGUAGES: [&str; 16] = [
    "sh", "console", "text", "ini", "rust", "toml", "yaml", "promql", "python", "php", "ruby",
    "js", "go", "java", "csharp", "c",
];

/// A command, and what the page says that it prints.
struct Shown {
    command: String,
    /// `None`: the page shows no output.
    output: Option<Vec<String>>,
}

/// The commands of a block.
fn shown(block: &Block) -> Vec<Shown> {
    match block.language.as_str() {
        "sh" => script(&block.lines),
        "console" => session(&block.lines),
        _ => Vec::new(),
    }
}

/// Lines of a script, without comments; a backslash at the end continues a line.
fn script(lines: &[String]) -> Vec<Shown> {
    let text = lines.join("\n").replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
    lines.map(|line| Shown { command: line.to_owned(), output: None }).collect()
}

/// Lines after `$ ` and what follows each.
fn session(lines: &[String]) -> Vec<Shown> {
    let mut commands: Vec<Shown> = Vec::new();
    for line in lines {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push(Shown { command: command.to_owned(), output: Some(Vec::new()) });
        } else {
            let last = commands.last_mut().expect("a session begins with a command");
            last.output.get_or_insert_default().push(line.clone());
        }
    }
    commands
}

/// Whether the lines are those that the page shows; `...` there means any number of lines.
fn matches(shown: &[String], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        Some((first, rest)) => {
            printed.first() == Some(&first.as_str()) && matches(rest, &printed[1..])
        }
    }
}

/// The part of a command that can be run: what is before `| sudo`.
fn runnable(command: &str) -> Option<String> {
    let before = command.split(" | sudo ").next().unwrap_or_default();
    let is_excepted = NOT_RUN.iter().any(|(beginning, _)| before.starts_with(beginning));
    (!is_excepted).then(|| before.to_owned())
}

#[test]
fn commands_run_and_print_what_the_pages_show() {
    let mut ran = 0;
    for page in Page::all() {
        let commands: Vec<Shown> = page.blocks().iter().flat_map(shown).collect();
        let commands = commands.iter().filter_map(|it| Some((runnable(&it.command)?, it)));
        let mut server = None;
        for (command, shown) in commands {
            let printed = server.get_or_insert_with(|| PageServer::new(&[])).run(&command);
            ran += 1;
            let Some(expected) = &shown.output else { continue };
            let lines: Vec<&str> = printed.lines().collect();
            let name = &page.name;
            assert!(matches(expected, &lines), "{name}: {command} prints\n{printed}");
        }
    }
    assert!(ran > 3, "there are commands to run");
}

#[test]
fn reasons_are_for_commands_that_are_there() {
    let pages = Page::all();
    let blocks = pages.iter().flat_map(Page::blocks);
    let commands: Vec<String> = blocks.flat_map(|it| shown(&it)).map(|it| it.command).collect();
    for (beginning, _) in NOT_RUN {
        let is_used = commands.iter().any(|command| command.starts_with(beginning));
        assert!(is_used, "no page has a command that begins with {beginning:?}");
    }
}

#[test]
fn blocks_have_a_language() {
    for page in Page::all() {
        for block in page.blocks() {
            let language = block.language.as_str();
            assert!(LANGUAGES.contains(&language), "{}: language {language:?}", page.name);
        }
    }
}

/// Packages, tests and tools that cargo is asked for.
#[test]
fn cargo_commands_name_what_is_there() {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec().expect("cargo metadata");
    let packages: BTreeSet<String> =
        metadata.packages.iter().map(|it| it.name.to_string()).collect();
    let targets: BTreeSet<&str> =
        metadata.packages.iter().flat_map(|it| &it.targets).map(|it| it.name.as_str()).collect();
    let pages = Page::all();
    let blocks = pages.iter().flat_map(Page::blocks);
    for command in blocks.flat_map(|it| shown(&it)).map(|it| it.command) {
        let words: Vec<&str> = command.split_whitespace().collect();
        if !words.contains(&"cargo") {
            continue;
        }
        for pair in words.windows(2) {
            let exists = match pair[0] {
                "-p" => packages.contains(pair[1]),
                "--test" | "--bin" | "--bench" => targets.contains(pair[1]),
                _ => true,
            };
            assert!(exists, "{command}: {}", pair[1]);
        }
    }
}

#[test]
fn sessions_are_compared() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let commands = session(&lines("$ a\nx\n...\ny\n$ b"));
    assert_eq!(commands.len(), 2);
    let expected = commands[0].output.as_ref().expect("it shows some");
    assert!(matches(expected, &["x", "y"]));
    assert!(matches(expected, &["x", "z", "z", "y"]));
    assert!(!matches(expected, &["x"]));
    assert_eq!(script(&lines("# c\na \\\n  b\n\nd")).len(), 2);
    assert_eq!(
        runnable("slabcore --generate man | sudo tee x"),
        Some("slabcore --generate man".to_owned())
    );
    assert_eq!(runnable("sudo install x"), None);
}
