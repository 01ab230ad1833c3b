//! The programs of `docs/clients.md`: each runs, and prints what the page says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::test_directory::TestDirectory;

use crate::program::{compiled, found_tool, go_command, run, tool};

/// The ports that the page names.
const MEMCACHED_PORT: &str = "11211";
const REDIS_PORT: &str = "6379";

/// Django's settings, which begin with this name as a comment.
const SETTINGS: &str = "settings.py";

/// A fenced block.
struct Block {
    language: String,
    text: String,
}

/// The fenced blocks of the page.
fn blocks() -> Vec<Block> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/clients.md");
    let page = fs::read_to_string(path).expect("the page");
    let parts = page.split("\n```").skip(1).step_by(2);
    let parts = parts.map(|part| part.split_once('\n').expect("a language and a text"));
    let block =
        |(language, text): (&str, &str)| Block { language: language.into(), text: text.into() };
    parts.map(block).collect()
}

/// What the text prints: the comments at the ends of its lines. Empty if it is not a program.
fn expected(text: &str, comment: &str) -> Vec<String> {
    let mark = format!(" {comment} ");
    let lines = text.lines().filter_map(|line| line.trim_start().split_once(&mark));
    lines.map(|(_, printed)| printed.trim().to_owned()).collect()
}

/// The servers of the tests, by their ports: for each dialect one, and one for both.
fn for_servers(session: impl Fn(u16, u16)) {
    let options = ServerOptions::new(ServerKind::Slabcore, 2);
    let server = options.arguments(&["--redis-port", "-1"]).start();
    session(server.port(), server.redis_port());
    let server = ServerOptions::new(ServerKind::Slabcore, 1).start();
    session(server.port(), server.port());
}

/// Runs all programs in a language. `command` runs the file with this name in a directory.
fn check(
    language: &str,
    comment: &str,
    programs: usize,
    command: impl Fn(&TestDirectory, PathBuf) -> Command,
) {
    let blocks: Vec<Block> = blocks().into_iter().filter(|it| it.language == language).collect();
    for_servers(|memcached, redis| {
        let directory = TestDirectory::new();
        let mut ran = 0;
        for block in &blocks {
            let text = block.text.replace(MEMCACHED_PORT, &memcached.to_string());
            let text = text.replace(REDIS_PORT, &redis.to_string());
            if text.starts_with(&format!("# {SETTINGS}\n")) {
                // Another program imports it.
                fs::write(directory.file(SETTINGS), text).expect("a file");
                continue;
            }
            let expected = expected(&text, comment);
            if expected.is_empty() {
                continue;
            }
            let path = directory.file(&format!("program{ran}.{language}"));
            fs::write(&path, text).expect("a file");
            let output = run(&mut command(&directory, path));
            let mut printed: Vec<&str> = output.lines().collect();
            // A line in a loop prints the same each time.
            printed.dedup();
            assert_eq!(printed, expected, "{language}:\n{}", block.text);
            ran += 1;
        }
        assert_eq!(ran, programs, "programs in {language}");
    });
}

#[test]
fn python() {
    let python = tool("page-python");
    check("python", "#", 5, |directory, file| {
        let mut command = Command::new(&python);
        command.arg("-B").arg(file).current_dir(directory.path());
        command.env("DJANGO_SETTINGS_MODULE", "settings");
        command
    });
}

#[test]
fn php() {
    let php = tool("php");
    check("php", "//", 2, |_, file| {
        let mut command = Command::new(&php);
        command.arg(file);
        command
    });
}

#[test]
fn ruby() {
    let ruby = tool("ruby");
    check("ruby", "#", 2, |_, file| {
        let mut command = Command::new(&ruby);
        command.arg(file);
        command
    });
}

#[test]
fn node() {
    let Some(modules) = found_tool("page-node") else {
        eprintln!("NOT TESTED: the programs for Node, because node or npm is missing");
        return;
    };
    check("js", "//", 5, |directory, file| {
        // Modules are looked for beside the program.
        let link = directory.file("node_modules");
        if !link.exists() {
            std::os::unix::fs::symlink(modules.join("node_modules"), link).expect("a link");
        }
        let module = file.with_extension("mjs");
        fs::rename(file, &module).expect("its file is there");
        let mut command = Command::new("node");
        command.arg(module);
        command
    });
}

#[test]
fn go() {
    check("go", "//", 2, |_, file| go_command(&file));
}

#[test]
fn c() {
    check("c", "//", 2, |directory, file| Command::new(compiled(directory, &file)));
}
