//! `slabcore-tool copy` between all pairs of servers.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::Signal;
use serde_json::Value;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::terminal::Terminal;
use slabcore_testkit::tls_files::TlsFiles;

use crate::moved_items::{
    LARGE, PAIRS, Running, address, fill, items, odd_items, outcome, run, server, summary, tool,
    unix_now, values, wait_for_items,
};
use crate::users_file::UsersFile;

on_both! {
    what_is_too_large_is_named,
    newer_items_stay_unless_it_is_asked_for,
    differences_are_found,
    a_server_that_ends_is_said,
    refused_lists_are_said,
    servers_with_tls_and_users_are_copied,
    stale_items_are_left_to_their_clients,
    a_full_server_is_said,
}

/// A copy of `from` to `to`, with more words.
fn words<'w>(from: &'w str, to: &'w str, more: &[&'w str]) -> Vec<&'w str> {
    [&["copy", from, to], more].concat()
}

fn copy(from: &ServerProcess, to: &ServerProcess, more: &[&str], status: i32) -> Value {
    summary(&words(&address(from), &address(to), more), status)
}

#[test]
fn every_item_is_copied() {
    const KEYS: usize = 100_000;
    for (from, to) in PAIRS {
        let (from, to) = (server(from, LARGE), server(to, LARGE));
        fill(&from, KEYS);
        let begin = unix_now();
        let odd = odd_items();
        let mut client = from.connect();
        for item in &odd {
            item.store(&mut client);
        }
        let copied = copy(&from, &to, &["--verify"], 0);
        assert_eq!(copied["items"], KEYS + odd.len(), "{copied}");
        assert_eq!(copied["verified"]["items"], KEYS + odd.len(), "{copied}");
        assert_eq!(items(&to), KEYS + odd.len());
        let mut client = to.connect();
        for item in &odd {
            item.expect(&mut client, begin);
        }
        let keys: Vec<String> = (0..KEYS).step_by(97).map(|it| format!("key:{it}")).collect();
        let found = values(&mut client, &keys);
        for number in (0..KEYS).step_by(97) {
            let expected = (number as u32, format!("value-of-{number}"));
            assert_eq!(found.get(&format!("key:{number}")), Some(&expected));
        }
    }
}

/// An empty server, and one whose every key is asked for alone.
#[test]
fn small_copies() {
    for (from, to) in PAIRS {
        let (from, to) = (server(from, &[]), server(to, &[]));
        assert_eq!(copy(&from, &to, &["--verify"], 0)["items"], 0);
        from.connect().expect("set a 0 0 1\r\nx\r\n", "STORED\r\n");
        let slowly = ["--rate", "1k", "--rate-bytes", "10k", "--connections", "1"];
        assert_eq!(copy(&from, &to, &slowly, 0)["items"], 1);
        to.connect().expect("get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n");
    }
}

fn what_is_too_large_is_named(kind: ServerKind) {
    let (from, to) = (server(ServerKind::Slabcore, LARGE), server(kind, &["-I", "1m"]));
    let mut client = from.connect();
    // The second one exceeds the limit with what the server adds to it.
    for (key, bytes) in [("over", (1 << 20) + 1), ("just", 1 << 20), ("under", 500_000)] {
        let value = "x".repeat(bytes);
        client.expect(format!("set {key} 0 0 {bytes}\r\n{value}\r\n"), "STORED\r\n");
    }
    let copied = copy(&from, &to, &[], 3);
    let (count, mut keys) = outcome(&copied, "too_large");
    keys.sort_unstable();
    assert_eq!((count, keys), (2, vec!["just", "over"]), "{copied}");
    assert_eq!(outcome(&copied, "done").0, 1);
    let printed = run(&words(&address(&from), &address(&to), &["--resume"]), 3);
    let printed = String::from_utf8(printed.stdout).expect("UTF-8");
    assert!(printed.contains("  2 NOT STORED: too large for the server (-I): "), "{printed}");
    assert_eq!(items(&to), 1);
}

fn newer_items_stay_unless_it_is_asked_for(kind: ServerKind) {
    let (from, to) = (server(ServerKind::Slabcore, &[]), server(kind, &[]));
    fill(&from, 1000);
    to.connect().expect("set key:7 5 0 5\r\nnewer\r\n", "STORED\r\n");
    for mode in [&[][..], &["--resume"]] {
        let copied = copy(&from, &to, mode, 0);
        assert!(outcome(&copied, "already_there").0 > 0, "{copied}");
        to.connect().expect("get key:7\r\n", "VALUE key:7 5 5\r\nnewer\r\nEND\r\n");
    }
    assert_eq!(items(&to), 1000);
    assert_eq!(outcome(&copy(&from, &to, &["--overwrite"], 0), "done").0, 1000);
    to.connect().expect("get key:7\r\n", "VALUE key:7 7 10\r\nvalue-of-7\r\nEND\r\n");
}

fn differences_are_found(kind: ServerKind) {
    let (from, to) = (server(ServerKind::Slabcore, &[]), server(kind, &[]));
    fill(&from, 1000);
    from.connect().expect("set dies 0 100 1\r\nx\r\n", "STORED\r\n");
    copy(&from, &to, &[], 0);
    let mut client = to.connect();
    client.expect("set key:1 1 0 10\r\nvalue-of-2\r\n", "STORED\r\n");
    client.expect("set key:2 9 0 10\r\nvalue-of-2\r\n", "STORED\r\n");
    client.expect("touch key:3 50\r\n", "TOUCHED\r\n");
    client.expect("touch dies 50\r\n", "TOUCHED\r\n");
    client.expect("delete key:4\r\n", "DELETED\r\n");
    let compared = copy(&from, &to, &["--verify-only"], 3);
    assert_eq!(outcome(&compared, "other_value"), (1, vec!["key:1"]), "{compared}");
    assert_eq!(outcome(&compared, "other_flags"), (1, vec!["key:2"]), "{compared}");
    assert_eq!(outcome(&compared, "other_ttl").0, 2, "{compared}");
    assert_eq!(outcome(&compared, "missing"), (1, vec!["key:4"]), "{compared}");
    assert_eq!(outcome(&compared, "same").0, 996);
    // The missing one is copied, the others are newer.
    let copied = copy(&from, &to, &["--verify"], 3);
    assert_eq!(outcome(&copied, "done").0, 1);
    assert_eq!(outcome(&copied["verified"], "missing").0, 0);
    assert_eq!(outcome(&copied["verified"], "other_value").0, 1);
    assert_eq!(copy(&from, &to, &["--overwrite", "--verify"], 0)["verified"]["items"], 1001);
}

/// A copy that is killed or interrupted is begun again, and reads only the rest.
#[test]
fn a_copy_goes_on_where_it_ended() {
    const KEYS: usize = 20_000;
    for ((from, to), signal) in PAIRS.into_iter().zip([Signal::KILL, Signal::INT].repeat(2)) {
        let (from, to) = (server(from, &[]), server(to, &[]));
        fill(&from, KEYS);
        let (source, target) = (address(&from), address(&to));
        let copy_of = Running::start(&words(&source, &target, &["--rate", "5k"]));
        wait_for_items(&to);
        copy_of.signal(signal);
        let (status, text, error) = copy_of.end();
        if signal == Signal::INT {
            assert_eq!(status, Some(1), "{text}{error}");
            assert!(text.contains("run it again with --resume"), "{text}");
            assert!(error.contains("ended by a signal"), "{error}");
        }
        let before = items(&to);
        assert!((1..KEYS).contains(&before), "{before}");
        let copied = copy(&from, &to, &["--resume", "--verify"], 0);
        assert_eq!(outcome(&copied, "already_there").0, before as u64, "{copied}");
        assert_eq!(outcome(&copied, "done").0, (KEYS - before) as u64, "{copied}");
        assert_eq!(items(&to), KEYS);
    }
}

fn a_server_that_ends_is_said(kind: ServerKind) {
    for ends_from in [true, false] {
        let (from, to) = (server(kind, &[]), server(kind, &[]));
        fill(&from, 20_000);
        let (source, target) = (address(&from), address(&to));
        let copy = Running::start(&words(&source, &target, &["--rate", "5k"]));
        wait_for_items(&to);
        let ended = if ends_from { source.clone() } else { target.clone() };
        drop(if ends_from { from } else { to });
        let (status, text, error) = copy.end();
        assert_eq!(status, Some(1), "{text}{error}");
        assert!(text.contains("not all was copied: run it again with --resume"), "{text}");
        assert!(error.contains(&format!("{ended}: the server closed the connection")), "{error}");
    }
}

fn refused_lists_are_said(kind: ServerKind) {
    let (from, to) = (server(kind, &["-X"]), server(kind, &[]));
    let (source, target) = (address(&from), address(&to));
    let error = run(&words(&source, &target, &[]), 1).stderr;
    let error = String::from_utf8(error).expect("UTF-8");
    let expected = "does not list its keys: ERROR metadump not allowed (it was started with -X)";
    assert!(error.contains(expected), "{error}");
    to.connect().expect("lru_crawler disable\r\n", "OK\r\n");
    let error = run(&words(&target, &source, &[]), 1).stderr;
    let error = String::from_utf8(error).expect("UTF-8");
    assert!(error.contains("CLIENT_ERROR lru crawler disabled (lru_crawler enable)"), "{error}");
    let error = run(&words("/nonexistent", &target, &[]), 1).stderr;
    let error = String::from_utf8(error).expect("UTF-8");
    assert!(error.contains("/nonexistent: cannot connect: "), "{error}");
}

fn servers_with_tls_and_users_are_copied(kind: ServerKind) {
    let files = TlsFiles::new();
    let from = ServerOptions::new(kind, 1).tls(&files, files.client()).start();
    from.connect().expect("set small 5 100 5\r\nhello\r\n", "STORED\r\n");
    let large = "x".repeat(500_000);
    from.connect().expect(format!("set large 0 0 500000\r\n{large}\r\n"), "STORED\r\n");
    let users = UsersFile::new(&format!("copy-{kind:?}"), "ann:secret\n");
    let password = UsersFile::new(&format!("copy-password-{kind:?}"), "secret\n");
    let between = users.start(kind, &[]);
    let to = ServerOptions::new(kind, 1).on_unix_socket().start();
    let authority = files.path("ca.pem");
    let (source, target) = (format!("localhost:{}", from.port()), address(&between));
    let with_tls = ["--from-tls-ca", authority.to_str().expect("text")];
    let login = ["--to-user", "ann", "--to-password-file", password.path()];
    let more = [&with_tls[..], &login, &["--verify"]].concat();
    assert_eq!(summary(&words(&source, &target, &more), 0)["verified"]["items"], 2);
    let login = ["--from-user", "ann", "--from-password-file", password.path()];
    let socket = to.socket_path().to_str().expect("text");
    assert_eq!(summary(&words(&target, socket, &login), 0)["items"], 2);
    let reply = format!("VALUE large 0 500000\r\n{large}\r\nEND\r\n");
    to.connect().expect("get large\r\n", reply);
    let error = run(&words(&target, socket, &[]), 1).stderr;
    let error = String::from_utf8(error).expect("UTF-8");
    assert!(error.contains("wants a login: --user NAME (of copy: --from-user"), "{error}");
}

/// The copy must not take the place of the client that is to store a stale item again.
fn stale_items_are_left_to_their_clients(kind: ServerKind) {
    let (from, to) = (server(kind, &[]), server(kind, &[]));
    let mut client = from.connect();
    client.expect("set stale 0 0 1\r\nx\r\nset good 0 0 1\r\nx\r\n", "STORED\r\nSTORED\r\n");
    client.expect("md stale I T100\r\n", "HD\r\n");
    // Another client is about to store this one.
    client.expect("mg created N100\r\n", "HD W\r\n");
    for _ in 0..2 {
        let copied = copy(&from, &to, &[], 0);
        assert_eq!(outcome(&copied, "unfinished").0, 2, "{copied}");
        assert_eq!(items(&to), 1);
    }
    client.expect("mg stale\r\n", "HD X W\r\n");
    client.expect("mg created\r\n", "HD Z\r\n");
}

fn a_full_server_is_said(kind: ServerKind) {
    let (from, to) = (server(ServerKind::Slabcore, LARGE), server(kind, &["-m", "8", "-M"]));
    let mut client = from.connect();
    let value = "x".repeat(100_000);
    for number in 0..200 {
        client.expect(format!("set key:{number} 0 0 100000\r\n{value}\r\n"), "STORED\r\n");
    }
    let copied = copy(&from, &to, &[], 3);
    let (refused, _) = outcome(&copied, "out_of_memory");
    assert!((1..200).contains(&refused), "{copied}");
    assert_eq!(outcome(&copied, "done").0 + refused, 200);
    let evicting = server(kind, &["-m", "8"]);
    let printed = run(&words(&address(&from), &address(&evicting), &[]), 0).stdout;
    let printed = String::from_utf8(printed).expect("UTF-8");
    assert!(printed.contains("items meanwhile") && printed.contains("has evicted"), "{printed}");
}

/// Each value names its key, and its flags are its version: a copy that mixes two items shows.
#[test]
fn items_that_change_are_copied_whole() {
    const KEYS: u32 = 2_000;
    let long = "x".repeat(500);
    for (from, to) in PAIRS {
        let (from, to) = (server(from, &[]), server(to, &[]));
        let set = |key: u32, version: u32| {
            let long = &long[..(version % 500) as usize];
            let value = format!("{key}:{version}:{long}");
            format!("set key:{key} {version} 0 {}\r\n{value}\r\n", value.len())
        };
        let mut client = from.connect();
        for key in 0..KEYS {
            client.expect(set(key, 0), "STORED\r\n");
        }
        let copied = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut version = 0;
                while !copied.load(Ordering::Relaxed) {
                    version += 1;
                    for key in 0..KEYS {
                        client.expect(set(key, version), "STORED\r\n");
                    }
                }
            });
            for mode in [&[][..], &["--overwrite"], &["--overwrite"]] {
                let summary = copy(&from, &to, mode, 0);
                assert_eq!(outcome(&summary, "done").0, u64::from(KEYS), "{summary}");
            }
            copied.store(true, Ordering::Relaxed);
        });
        let keys: Vec<String> = (0..KEYS).map(|it| format!("key:{it}")).collect();
        let found = values(&mut to.connect(), &keys);
        assert_eq!(found.len(), keys.len());
        for (key, (flags, value)) in found {
            let expected = format!("{}:{flags}:", &key["key:".len()..]);
            let rest = value.strip_prefix(&expected);
            assert_eq!(rest.map(str::len), Some((flags % 500) as usize), "{key} {flags} {value}");
        }
    }
}

#[test]
fn a_terminal_shows_a_bar() {
    let (from, to) = (server(ServerKind::Slabcore, &[]), server(ServerKind::Slabcore, &[]));
    fill(&from, 20_000);
    let mut terminal = Terminal::new(100, 30);
    let (source, target) = (address(&from), address(&to));
    let mut command = tool(&words(&source, &target, &["--rate", "20k"]));
    command.stdin(terminal.programs()).stdout(Stdio::piped()).stderr(terminal.programs());
    let copy = Running(command.spawn().expect("the tool starts"));
    terminal.read_until("copying \u{2501}");
    terminal.read_until("k of 20.0k items, ");
    terminal.read_until("/s, ");
    terminal.read_until(" left");
    let mut copy = copy;
    let text = std::io::read_to_string(copy.0.stdout.take().expect("a pipe")).expect("UTF-8");
    assert!(text.starts_with("copied 20000 items ("), "{text}");
    assert!(copy.0.wait().expect("it is a child").success());
}
