//! `-e` with other settings than before: the items move to other shards and slab classes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Signal, geteuid};
use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::test_directory::TestDirectory;
use slabcore_testkit::wire_client::WireClient;

use crate::memory_file::MemoryFile;

/// Threads, and other options.
type Settings = (usize, &'static [&'static str]);

fn start(file: &MemoryFile, (threads, arguments): Settings) -> ServerProcess {
    let options = ServerOptions::new(ServerKind::Slabcore, threads);
    options.arguments(&["-e", file.path()]).arguments(arguments).start()
}

fn stat_of(client: &mut WireClient, name: &str) -> String {
    let stats = client.stats("slabcore");
    let found = stats.into_iter().find(|(it, _)| it == name);
    found.unwrap_or_else(|| panic!("no {name}")).1
}

fn number_of(client: &mut WireClient, name: &str) -> u64 {
    stat_of(client, name).parse().unwrap()
}

/// Values of all sizes, with flags, ttls, cas uniques, numbers.
fn store_all_kinds(client: &mut WireClient) {
    let lengths = [0, 1, 10, 90, 500, 1_500, 4_000, 9_000, 30_000, 70_000, 700_000];
    for (number, length) in lengths.into_iter().cycle().take(120).enumerate() {
        let flags = [0, 7, 300, 70_000][number % 4];
        let ttl = [0, 10_000][number % 2];
        let value = format!("{number:06}").repeat(length / 6 + 1);
        let value = &value[..length];
        let set = format!("set k{number} {flags} {ttl} {length}\r\n{value}\r\n");
        client.expect(set, "STORED\r\n");
        if number % 3 == 0 {
            client.send(format!("gets k{number}\r\n").as_bytes());
            client.read_until(|bytes| bytes.ends_with(b"\r\nEND\r\n").then_some(bytes.len()));
        }
    }
    client.expect("set n 0 0 2\r\n41\r\n", "STORED\r\n");
    client.expect("incr n 1\r\n", "42\r\n");
    client.expect("set gone 0 0 1\r\n1\r\n", "STORED\r\n");
    client.expect("delete gone\r\n", "DELETED\r\n");
}

/// All that a client can see of the items of [`store_all_kinds`], apart from times.
fn seen(client: &mut WireClient) -> BTreeMap<String, Vec<u8>> {
    let keys = (0..120).map(|number| format!("k{number}")).chain(["n".into(), "gone".into()]);
    let look = |key: String| {
        // Asked for it, each item would get a unique.
        let has_unique = key[1..].parse().is_ok_and(|number: usize| number.is_multiple_of(3));
        let unique = if has_unique { "c" } else { "" };
        client.send(format!("mg {key} v f s {unique}\r\n").as_bytes());
        let line = client.read_line();
        let text = String::from_utf8(line.clone()).unwrap();
        let mut words = text.split_ascii_whitespace();
        let mut reply = line;
        if words.next() == Some("VA") {
            let length: usize = words.next().unwrap().parse().unwrap();
            reply.extend(client.read_exact(length + 2));
        }
        client.send(format!("mg {key} t\r\n").as_bytes());
        let ttl = String::from_utf8(client.read_line()).unwrap();
        reply.push(u8::from(ttl.contains("t-1")));
        (key, reply)
    };
    keys.map(look).collect()
}

/// All kinds of items stay what they are, whatever changes.
#[test]
fn all_kinds_of_items_move() {
    let changes: [(Settings, Settings, &str); 9] = [
        ((1, &["-m", "64"]), (2, &["-m", "64"]), "other_-t"),
        ((4, &["-m", "64"]), (1, &["-m", "64"]), "other_-t"),
        ((2, &["-m", "64"]), (2, &["-m", "65"]), "other_-m"),
        ((2, &["-m", "64"]), (2, &["-m", "300"]), "other_-m"),
        ((2, &["-m", "64"]), (2, &["-m", "40"]), "other_-m"),
        ((2, &["-m", "64"]), (2, &["-m", "63"]), "other_-m"),
        ((2, &["-m", "64"]), (2, &["-m", "64", "-f", "1.5"]), "other_-f"),
        ((2, &["-m", "64", "-n", "500"]), (2, &["-m", "64"]), "other_-n"),
        ((3, &["-m", "64", "-f", "1.1", "-n", "8"]), (8, &["-m", "80"]), "other_-m,_-t,_-n,_-f"),
    ];
    for (number, (before, after, reason)) in changes.into_iter().enumerate() {
        let file = MemoryFile::new();
        let server = start(&file, before);
        let mut client = server.connect();
        store_all_kinds(&mut client);
        let mut old = seen(&mut client);
        let items = client.stat("curr_items").unwrap();
        drop(client);
        let signals = [Signal::KILL, Signal::TERM];
        server.stop_by(signals[number % 2]);
        // There, back, and there again: both generations are used.
        for (settings, signal) in [(after, signals[0]), (before, signals[1]), (after, signals[0])] {
            let server = start(&file, settings);
            let mut client = server.connect();
            assert_eq!(stat_of(&mut client, "recovery_kind"), "rehomed");
            assert_eq!(stat_of(&mut client, "recovery_reason"), reason);
            assert_eq!(stat_of(&mut client, "recovered_items"), items, "{reason}");
            assert_eq!(stat_of(&mut client, "recovered_dropped"), "0", "{reason}");
            assert_eq!(client.stat("curr_items").unwrap(), items);
            let new = seen(&mut client);
            for (key, reply) in &old {
                assert!(new[key] == *reply, "{reason}: {key}");
            }
            client.expect("flush_all\r\nset a 0 0 1\r\n1\r\n", "OK\r\nSTORED\r\n");
            client.expect("delete a\r\n", "DELETED\r\n");
            store_all_kinds(&mut client);
            old = seen(&mut client);
            drop(client);
            server.stop_by(signal);
        }
        // With the same settings nothing moves.
        let server = start(&file, after);
        assert_eq!(server.connect().stat("curr_items").unwrap(), items);
        assert_ne!(stat_of(&mut server.connect(), "recovery_kind"), "rehomed");
    }
}

/// Other options and certificates change nothing.
#[test]
fn other_options_keep_the_items_in_place() {
    let file = MemoryFile::new();
    let server = start(&file, (2, &["-m", "64"]));
    store_all_kinds(&mut server.connect());
    server.stop_by(Signal::KILL);
    // An item that is longer than `-I` now stays.
    for options in [
        &["-m", "64", "-I", "2m"][..],
        &["-m", "64", "-I", "512k", "-c", "50"],
        &["-m", "64", "-M"],
        &["-m", "64", "-C", "-o", "temporary_ttl=10"],
    ] {
        let server = ServerOptions::new(ServerKind::Slabcore, 2);
        let server = server.arguments(&["-e", file.path()]).arguments(options).start();
        let mut client = server.connect();
        assert_eq!(client.stat("curr_items").unwrap(), "121", "{options:?}");
        assert_ne!(stat_of(&mut client, "recovery_kind"), "rehomed");
        client.send(b"get k10\r\n");
        assert_eq!(client.read_line(), b"VALUE k10 300 700000\r\n");
        drop(client);
        server.stop_by(Signal::KILL);
    }
}

fn fill(client: &mut WireClient, items: usize, bytes: usize) {
    let value = "v".repeat(bytes);
    for first in (0..items).step_by(1_000) {
        let set = |number| format!("set {number} 0 0 {bytes} noreply\r\n{value}\r\n");
        let requests: String = (first..items.min(first + 1_000)).map(set).collect();
        client.send(requests.as_bytes());
        client.round_trip();
    }
}

/// Keys below `keys` that the server has.
fn present(client: &mut WireClient, keys: usize) -> usize {
    let mut found = 0;
    for first in (0..keys).step_by(100) {
        let keys: Vec<String> = (first..keys.min(first + 100)).map(|it| it.to_string()).collect();
        client.send(format!("get {}\r\n", keys.join(" ")).as_bytes());
        loop {
            let line = client.read_line();
            let Some(length) = line.strip_prefix(b"VALUE ") else { break };
            let length = String::from_utf8(length.to_vec()).unwrap();
            let length = length.trim_end().rsplit(' ').next().unwrap().parse::<usize>().unwrap();
            client.read_exact(length + 2);
            found += 1;
        }
    }
    found
}

/// A full server has no free page for the copies. It loses little, and what was read stays.
#[test]
fn a_full_server_moves() {
    let cases: [(usize, Settings, usize); 6] = [
        (100, (2, &["-m", "32"]), 95),
        (100, (2, &["-m", "16"]), 40),
        (100, (1, &["-m", "64"]), 99),
        (100, (1, &["-m", "32", "-f", "1.5"]), 75),
        (20_000, (3, &["-m", "32"]), 80),
        (300_000, (2, &["-m", "32"]), 55),
    ];
    for (bytes, after, percent) in cases {
        let file = MemoryFile::new();
        let server = start(&file, (1, &["-m", "32"]));
        let mut client = server.connect();
        let room = (32 << 20) / (bytes + 30);
        let hot = room / 10;
        fill(&mut client, hot, bytes);
        for _ in 0..3 {
            assert_eq!(present(&mut client, hot), hot);
        }
        fill(&mut client, hot, bytes);
        for _ in 0..3 {
            assert_eq!(present(&mut client, hot), hot);
        }
        let value = "v".repeat(bytes);
        for number in hot..2 * room {
            client.send(format!("set {number} 0 0 {bytes} noreply\r\n{value}\r\n").as_bytes());
            if number % 200 == 0 {
                client.round_trip();
                if number % (room / 20).max(1) < 200 {
                    present(&mut client, hot);
                }
            }
        }
        client.round_trip();
        let items: usize = client.stat("curr_items").unwrap().parse().unwrap();
        let hot_before = present(&mut client, hot);
        drop(client);
        server.stop_by(Signal::KILL);
        let server = start(&file, after);
        let mut client = server.connect();
        let found = number_of(&mut client, "recovered_items") as usize;
        let dropped = number_of(&mut client, "recovered_dropped") as usize;
        assert!(items.abs_diff(found + dropped) <= items / 100 + 2, "{found}, {dropped}, {items}");
        assert!(found * 100 >= items * percent, "{bytes} {after:?}: {found} of {items}");
        let hot_after = present(&mut client, hot);
        assert!(
            hot_after * 100 >= hot_before * percent.max(80),
            "{bytes} {after:?}: {hot_after} of {hot_before}"
        );
        client.expect(format!("set new 0 0 {bytes}\r\n{value}\r\n"), "STORED\r\n");
        client.expect("get new\r\n", format!("VALUE new 0 {bytes}\r\n{value}\r\nEND\r\n"));
    }
}

/// With `-M` the new shards evict nothing. What finds no room is dropped, and sets go on after a
/// delete.
#[test]
fn a_full_server_that_evicts_nothing_moves() {
    for (after, percent) in
        [(&["-m", "16", "-M"], 97), (&["-m", "24", "-M"], 100), (&["-m", "8", "-M"], 40)]
    {
        let file = MemoryFile::new();
        let server = start(&file, (1, &["-m", "16", "-M"]));
        let mut client = server.connect();
        fill(&mut client, 16 * 10_000, 100);
        let items: usize = client.stat("curr_items").unwrap().parse().unwrap();
        assert!(items < 16 * 10_000, "it is not full");
        drop(client);
        server.stop_by(Signal::KILL);
        let server = start(&file, (2, after));
        let mut client = server.connect();
        let found = number_of(&mut client, "recovered_items") as usize;
        let dropped = number_of(&mut client, "recovered_dropped") as usize;
        assert_eq!(found + dropped, items);
        assert!(found * 100 >= items * percent, "{after:?}: {found} of {items}");
        assert_eq!(present(&mut client, 16 * 10_000), found);
        let key = (0..16 * 10_000).find(|key| present_key(&mut client, *key)).unwrap();
        client.expect(format!("delete {key}\r\n"), "DELETED\r\n");
        let value = "w".repeat(100);
        client.expect(format!("set {key} 0 0 100\r\n{value}\r\n"), "STORED\r\n");
        assert_eq!(server.stat("evictions"), 0);
    }
}

fn present_key(client: &mut WireClient, key: usize) -> bool {
    client.send(format!("mg {key}\r\n").as_bytes());
    client.read_line() == b"HD\r\n"
}

/// Bytes of the header, and of its words.
const HEADER_BYTES: u64 = 4096;
/// The word of the generations in use.
const IN_USE: u64 = 32;
const PAGES: u64 = 2;
const WORD_BYTES: u64 = 8;

fn header_word(file: &File, word: u64) -> Option<u64> {
    let end = file.metadata().ok()?.len();
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, end.checked_sub(HEADER_BYTES)? + word * WORD_BYTES).ok()?;
    Some(u64::from_le_bytes(bytes))
}

/// Pages of the second generation, by the directory.
fn moved_pages(file: &File) -> usize {
    let pages = header_word(file, PAGES).unwrap();
    let mut words = vec![0; pages as usize * 4];
    file.read_exact_at(&mut words, pages * (64 << 10)).unwrap();
    words.as_chunks::<4>().0.iter().filter(|word| word[3] > 64).count()
}

/// Items of a server whose next start is killed.
const ITEMS: usize = 60_000;

/// A server without a port, to be killed before it serves.
fn spawn(file: &MemoryFile, directory: &TestDirectory, (threads, arguments): Settings) -> Child {
    let mut command = Command::new(binaries::slabcore());
    command.args(["-s".as_ref(), directory.file("socket").as_os_str()]);
    command.args(["--metrics-listen", "off", "-e", file.path(), "-t", &threads.to_string()]);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if geteuid().is_root() {
        command.args(["-u", "root"]);
    }
    command.spawn().unwrap()
}

/// A start that is killed while items move loses none, whatever the next start wants.
#[test]
fn a_killed_move_goes_on() {
    let directory = TestDirectory::new();
    let next: [Settings; 4] = [
        (3, &["-m", "48"]),
        (1, &["-m", "48"]),
        (2, &["-m", "64"]),
        (3, &["-m", "40", "-f", "1.5"]),
    ];
    for (number, after) in next.into_iter().enumerate() {
        let file = MemoryFile::new();
        let server = start(&file, (1, &["-m", "48"]));
        let mut client = server.connect();
        fill(&mut client, ITEMS, 100);
        let long = "long".repeat(50_000);
        client.expect(format!("set long 0 0 200000\r\n{long}\r\n"), "STORED\r\n");
        drop(client);
        server.stop_by(Signal::KILL);
        let mut killed = spawn(&file, &directory, (3, &["-m", "48"]));
        let opened = File::open(file.path()).unwrap();
        let is_moving = || matches!(header_word(&opened, IN_USE), Some(2 | 3));
        let is_served = || header_word(&opened, IN_USE) == Some(1);
        let is_far = || is_moving() && moved_pages(&opened) > 20 * (number + 1);
        while !(is_served() || is_far()) {
            std::thread::yield_now();
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        assert!(is_moving(), "the move was over before it was killed");
        let server = start(&file, after);
        let mut client = server.connect();
        assert_eq!(client.stat("curr_items").unwrap(), (ITEMS + 1).to_string(), "{after:?}");
        assert_eq!(stat_of(&mut client, "recovery_kind"), "rehomed");
        assert_eq!(present(&mut client, ITEMS), ITEMS, "{after:?}");
        client.expect("get long\r\n", format!("VALUE long 0 200000\r\n{long}\r\nEND\r\n"));
    }
}

/// Whatever is in the file, the server starts and serves, with the items or without.
#[test]
fn no_file_stops_a_start() {
    let file = MemoryFile::new();
    let server = start(&file, (2, &["-m", "16"]));
    store_all_kinds(&mut server.connect());
    server.stop_by(Signal::KILL);
    let whole = fs::read(file.path()).unwrap();
    let header = whole.len() - HEADER_BYTES as usize;
    let check = |what: &str, content: &[u8], settings: Settings| {
        fs::write(file.path(), content).unwrap();
        let server = start(&file, settings);
        let mut client = server.connect();
        let stats = client.stats("slabcore");
        let is_empty = stats.contains(&("recovery_kind".to_owned(), "empty".to_owned()));
        assert_eq!(server.log().contains("starts empty"), is_empty, "{what}: {}", server.log());
        client.expect("set a 0 0 1\r\n1\r\n", "STORED\r\n");
        client.expect("get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n");
        drop(client);
        server.stop_by(Signal::KILL);
    };
    let settings: [Settings; 3] = [(2, &["-m", "16"]), (3, &["-m", "16"]), (2, &["-m", "12"])];
    for word in (0..12).chain(32..37) {
        for (value, settings) in [0, 1, u64::MAX].into_iter().zip(settings) {
            let mut damaged = whole.clone();
            damaged[header + word * 8..][..8].copy_from_slice(&value.to_le_bytes());
            check(&format!("word {word} is {value}"), &damaged, settings);
        }
    }
    for (length, settings) in
        [0, 1, 4_095, 4_096, 5_000, 1 << 20, whole.len() - 1, whole.len() - 4_096]
            .into_iter()
            .zip(settings.into_iter().cycle())
    {
        check(&format!("{length} bytes"), &whole[..length], settings);
    }
    for settings in settings {
        check("another program's", &vec![0xa5; whole.len()], settings);
        let mut damaged = whole.clone();
        // The directory, and what is behind it.
        let directory = (16 << 20)..header;
        for (place, byte) in damaged[directory].iter_mut().enumerate() {
            *byte ^= ((place * 0x9d) >> 3) as u8;
        }
        check("a damaged directory", &damaged, settings);
        let mut damaged = whole.clone();
        for (place, byte) in damaged[..16 << 20].iter_mut().enumerate() {
            if place % 97 == 0 {
                *byte = !*byte;
            }
        }
        check("damaged pages", &damaged, settings);
    }
}

/// A server with other settings leaves the file of one that serves alone.
#[test]
fn a_second_server_with_other_settings_refuses() {
    let file = MemoryFile::new();
    let server = start(&file, (2, &["-m", "64"]));
    store_all_kinds(&mut server.connect());
    let others: [Settings; 4] =
        [(1, &["-m", "64"]), (2, &["-m", "32"]), (2, &["-m", "128"]), (2, &["-f", "1.5"])];
    for (threads, arguments) in others {
        let options = ServerOptions::new(ServerKind::Slabcore, threads);
        let options = options.arguments(&["-e", file.path()]).arguments(arguments);
        let (status, log) = options.start_in_vain();
        assert_eq!(status.code(), Some(71));
        assert!(log.contains("another server uses it"), "{log}");
    }
    assert_eq!(server.connect().stat("curr_items").unwrap(), "121");
    server.stop_by(Signal::KILL);
    let server = start(&file, (2, &["-m", "64"]));
    assert_eq!(server.connect().stat("curr_items").unwrap(), "121");
}
