//! `slabcore-tool dump` and `restore`, in both formats, from and into both servers.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerProcess};
use slabcore_testkit::terminal::Terminal;

use crate::moved_items::{
    LARGE, PAIRS, Running, address, fill, items, odd_items, outcome, run, server, summary, tool,
    unix_now,
};
use crate::test_directory::TestDirectory;

on_both! {
    text_is_taken_by_a_plain_socket,
    a_dump_that_ends_early_leaves_the_last_one,
    damaged_files_give_what_is_whole,
    newer_items_stay_unless_it_is_asked_for,
}

const KEYS: usize = 20_000;

/// A server with many items, and some odd ones.
fn filled(kind: ServerKind) -> ServerProcess {
    let server = server(kind, LARGE);
    fill(&server, KEYS);
    let mut client = server.connect();
    for item in odd_items() {
        item.store(&mut client);
    }
    server
}

fn text_of(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// All items of `from` are in `to`.
fn expect_the_same(from: &ServerProcess, to: &ServerProcess, begin: u64) {
    let output = tool(&["copy", &address(from), &address(to), "--verify-only", "--json"]).output();
    let compared = serde_json::from_slice(&output.expect("the tool starts").stdout).expect("JSON");
    // A dump names whole seconds, too, so ttls may differ by one more than `--verify` allows.
    let found = outcome(&compared, "same").0 + outcome(&compared, "other_ttl").0;
    assert_eq!(found as usize, KEYS + odd_items().len(), "{compared}");
    assert_eq!(outcome(&compared, "missing").0, 0, "{compared}");
    let mut client = to.connect();
    for item in odd_items() {
        item.expect(&mut client, begin);
    }
}

#[test]
fn every_item_is_dumped_and_restored() {
    for (from, to) in PAIRS {
        let begin = unix_now();
        let from = filled(from);
        for format in ["snapshot", "text"] {
            let to = server(to, LARGE);
            let directory = TestDirectory::new();
            let file = directory.file("items");
            let file = text_of(&file);
            let dumped = summary(&["dump", &address(&from), file, "--format", format], 0);
            assert_eq!(dumped["items"], KEYS + odd_items().len(), "{dumped}");
            assert!(!Path::new(&format!("{file}.partial")).exists());
            let restored = summary(&["restore", file, &address(&to)], 0);
            assert_eq!(restored["items"], KEYS + odd_items().len(), "{restored}");
            assert_eq!(restored["notes"].as_array().map(Vec::len), Some(0), "{restored}");
            expect_the_same(&from, &to, begin);
        }
    }
}

/// Both at the same time, as in `dump a | restore b`.
#[test]
fn dumps_go_through_pipes() {
    for ((from, to), format) in PAIRS.into_iter().zip(["snapshot", "text"].repeat(2)) {
        let begin = unix_now();
        let (from, to) = (filled(from), server(to, LARGE));
        let mut dump = tool(&["dump", &address(&from), "--format", format, "--json"]);
        let mut dump = dump.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a tool");
        let pipe = dump.stdout.take().expect("a pipe");
        let restore = tool(&["restore", "-", &address(&to)]).stdin(pipe).output().expect("a tool");
        let dumped = dump.wait_with_output().expect("it ends");
        let text = String::from_utf8(restore.stdout).expect("UTF-8");
        let count = KEYS + odd_items().len();
        assert!(text.starts_with(&format!("restored {count} items (")), "{text}");
        assert!(dumped.status.success() && restore.status.success());
        let dumped = String::from_utf8(dumped.stderr).expect("UTF-8");
        assert!(dumped.starts_with("{\"command\":\"dumped\",\"complete\":true,"), "{dumped}");
        expect_the_same(&from, &to, begin);
    }
}

fn text_is_taken_by_a_plain_socket(kind: ServerKind) {
    let begin = unix_now();
    let (from, to) = (filled(ServerKind::Slabcore), server(kind, LARGE));
    let directory = TestDirectory::new();
    let file = directory.file("items");
    run(&["dump", &address(&from), text_of(&file), "--format", "text"], 0);
    let text = fs::read(&file).expect("the file is there");
    let mut client = to.connect();
    client.send(&text);
    // Stores are quiet: any other answer is a refusal.
    client.expect_reply("MN\r\n");
    expect_the_same(&from, &to, begin);
}

fn newer_items_stay_unless_it_is_asked_for(kind: ServerKind) {
    let (from, to) = (server(kind, &[]), server(kind, &[]));
    fill(&from, 100);
    to.connect().expect("set key:7 5 0 5\r\nnewer\r\n", "STORED\r\n");
    let directory = TestDirectory::new();
    let file = directory.file("items");
    run(&["dump", &address(&from), text_of(&file)], 0);
    let restored = summary(&["restore", text_of(&file), &address(&to)], 0);
    assert_eq!((outcome(&restored, "done").0, outcome(&restored, "already_there").0), (99, 1));
    to.connect().expect("get key:7\r\n", "VALUE key:7 5 5\r\nnewer\r\nEND\r\n");
    let restored = summary(&["restore", text_of(&file), &address(&to), "--overwrite"], 0);
    assert_eq!(outcome(&restored, "done").0, 100);
    to.connect().expect("get key:7\r\n", "VALUE key:7 7 10\r\nvalue-of-7\r\nEND\r\n");
}

fn a_dump_that_ends_early_leaves_the_last_one(kind: ServerKind) {
    for format in ["snapshot", "text"] {
        let (from, to) = (server(kind, &[]), server(kind, &[]));
        fill(&from, KEYS);
        let directory = TestDirectory::new();
        let file = directory.file("items");
        let partial = directory.file("items.partial");
        fs::write(&file, "the last dump").expect("a file");
        let words = ["dump", &address(&from), text_of(&file), "--format", format, "--rate", "5k"];
        let dump = Running::start(&words);
        while fs::metadata(&partial).map_or(0, |it| it.len()) < 10_000 {
            std::thread::yield_now();
        }
        drop(from);
        let (status, text, error) = dump.end();
        assert_eq!(status, Some(1), "{text}{error}");
        assert!(text.contains("items.partial, not in "), "{text}");
        assert!(error.contains("the server closed the connection"), "{error}");
        assert_eq!(fs::read(&file).expect("it is there"), b"the last dump");
        let restored = summary(&["restore", text_of(&partial), &address(&to)], 3);
        let done = outcome(&restored, "done").0;
        assert!(done > 0 && done == items(&to) as u64, "{restored}");
        let note = restored["notes"][0].as_str().expect("a note");
        assert!(note.contains("damaged: "), "{note}");
    }
}

fn damaged_files_give_what_is_whole(kind: ServerKind) {
    let (from, to) = (server(kind, &[]), server(kind, &[]));
    fill(&from, KEYS);
    let directory = TestDirectory::new();
    let [whole, damaged] = ["whole", "damaged"].map(|name| directory.file(name));
    run(&["dump", &address(&from), text_of(&whole)], 0);
    let whole = fs::read(&whole).expect("the file is there");
    let restore = |bytes: &[u8], status: i32| {
        fs::write(&damaged, bytes).expect("a file");
        to.connect().expect("flush_all\r\n", "OK\r\n");
        summary(&["restore", text_of(&damaged), &address(&to), "--overwrite"], status)
    };
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let restored = restore(&flipped, 3);
    let done = outcome(&restored, "done").0;
    assert!((KEYS as u64 / 2..KEYS as u64).contains(&done), "{restored}");
    let note = restored["notes"][0].as_str().expect("a note");
    let missing = KEYS as u64 - done;
    assert!(note.contains(&format!("{done} items; damaged: ")), "{note}");
    assert!(note.contains(&format!("{missing} items missing")), "{note}");
    let restored = restore(&whole[..middle], 3);
    let done = outcome(&restored, "done").0;
    assert!((KEYS as u64 / 5..KEYS as u64).contains(&done), "{restored}");
    let note = restored["notes"][0].as_str().expect("a note");
    assert!(note.contains("1 streams cut"), "{note}");
    let restored = restore(b"something else", 3);
    let note = restored["notes"][0].as_str().expect("a note");
    assert!(note.contains("not a snapshot"), "{note}");
    assert_eq!(outcome(&restore(&whole, 0), "done").0, KEYS as u64);
}

/// Files that are no regular files keep what they are.
#[test]
fn devices_are_written_to() {
    let from = server(ServerKind::Slabcore, &[]);
    fill(&from, 100);
    assert_eq!(summary(&["dump", &address(&from), "/dev/null"], 0)["items"], 100);
    let full = run(&["dump", &address(&from), "/dev/full"], 1);
    let error = String::from_utf8(full.stderr).expect("UTF-8");
    assert!(error.contains("/dev/full: cannot write: No space left on device"), "{error}");
    for device in ["/dev/null", "/dev/full"] {
        assert!(!fs::metadata(device).expect("it is there").is_file());
    }
}

#[test]
fn mistakes_are_said() {
    let from = server(ServerKind::Slabcore, &["-X"]);
    let directory = TestDirectory::new();
    let file = directory.file("items");
    let check = |words: &[&str], status: i32, expected: &str| {
        let error = String::from_utf8(run(words, status).stderr).expect("UTF-8");
        assert!(error.contains(expected), "{words:?}: {error}");
    };
    check(&["dump", &address(&from), text_of(&file)], 1, "ERROR metadump not allowed");
    assert!(fs::read_dir(directory.path()).expect("a directory").next().is_none());
    check(&["restore", text_of(&file), &address(&from)], 1, "items: No such file or directory");
    let path = text_of(directory.path());
    check(&["restore", path, &address(&from)], 1, "no snapshot is in it: snapshot.manifest: ");
    check(&["dump", &address(&from), "/nonexistent/x"], 1, "ERROR metadump not allowed");
    let mut terminal = Terminal::new(80, 24);
    for words in [["dump", &address(&from)], ["restore", &address(&from)]] {
        let mut command = tool(&words);
        command.stdin(terminal.programs()).stdout(terminal.programs());
        let status = command.stderr(terminal.programs()).status().expect("the tool starts");
        assert_eq!(status.code(), Some(2));
        terminal.read_until("is a terminal: name a file");
    }
}

/// A reader that goes away ends the dump.
#[test]
fn a_closed_pipe_is_an_error() {
    let from = server(ServerKind::Slabcore, &[]);
    fill(&from, KEYS);
    let mut dump = tool(&["dump", &address(&from), "--rate", "20k"]);
    let mut dump = dump.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a tool");
    let mut pipe = dump.stdout.take().expect("a pipe");
    pipe.read_exact(&mut [0; 100]).expect("the dump begins");
    drop(pipe);
    let dumped = dump.wait_with_output().expect("it ends");
    let error = String::from_utf8(dumped.stderr).expect("UTF-8");
    assert_eq!(dumped.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot write: Broken pipe"), "{error}");
    // The same in the middle of a restore from a pipe that ends too early.
    let to = server(ServerKind::Slabcore, &[]);
    let mut restore = tool(&["restore", &address(&to)]);
    let mut restore = restore.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a tool");
    let mut pipe = restore.stdin.take().expect("a pipe");
    pipe.write_all(b"ms a 1\r\nx\r\nms b 5\r\n").expect("the tool reads");
    drop(pipe);
    let restored = restore.wait_with_output().expect("it ends");
    let text = String::from_utf8(restored.stdout).expect("UTF-8");
    assert_eq!(restored.status.code(), Some(3), "{text}");
    assert!(text.contains("1 items; damaged: a value has not its length"), "{text}");
    assert_eq!(items(&to), 1);
}

/// The server's own snapshots are restored by the tool, also if one of their files is missing.
#[test]
fn snapshots_of_the_server_are_restored() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let begin = unix_now();
    let directory = TestDirectory::new();
    let path = text_of(directory.path());
    let from = server(ServerKind::Slabcore, &[LARGE, &["--snapshot-dir", path]].concat());
    fill(&from, KEYS);
    for item in odd_items() {
        item.store(&mut from.connect());
    }
    from.connect().expect("snapshot\r\n", "OK\r\n");
    for kind in [ServerKind::Slabcore, ServerKind::Stock] {
        let to = server(kind, LARGE);
        let restored = summary(&["restore", path, &address(&to)], 0);
        assert_eq!(restored["items"], KEYS + odd_items().len(), "{restored}");
        expect_the_same(&from, &to, begin);
    }
    let mut files = fs::read_dir(directory.path()).expect("a directory");
    let is_of_shard = |path: &Path| path.extension().is_some_and(|it| it == "slab");
    let removed = files.find_map(|file| Some(file.ok()?.path()).filter(|it| is_of_shard(it)));
    fs::remove_file(removed.expect("a file for each shard")).expect("it is there");
    let to = server(ServerKind::Stock, LARGE);
    let restored = summary(&["restore", path, &address(&to)], 3);
    assert!(restored["notes"][0].as_str().expect("a note").starts_with("missing: "), "{restored}");
    let done = outcome(&restored, "done").0;
    assert!(done > 0 && done < KEYS as u64, "{restored}");
}

/// The tool's snapshots are restored by the server at its start.
#[test]
fn the_server_starts_with_a_dump_of_memcached() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let begin = unix_now();
    let from = filled(ServerKind::Stock);
    let directory = TestDirectory::new();
    let file = directory.file("items");
    run(&["dump", &address(&from), text_of(&file)], 0);
    let words = [LARGE, &["--restore", text_of(&file)]].concat();
    expect_the_same(&from, &server(ServerKind::Slabcore, &words), begin);
}
