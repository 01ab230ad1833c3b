//! Snapshots: written under load, restored into other servers, damaged, without room.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

use crate::test_directory::TestDirectory;

/// The time after which a test gives up. It is far longer than anything takes.
const PATIENCE: Duration = Duration::from_mins(1);

const MANIFEST: &str = "snapshot.manifest";

fn options(threads: usize, words: &[&str]) -> ServerOptions {
    ServerOptions::new(ServerKind::Slabcore, threads).arguments(words)
}

/// A server that writes snapshots to this directory.
fn writer(directory: &TestDirectory, threads: usize, words: &[&str]) -> ServerProcess {
    let path = directory.path().to_str().unwrap();
    options(threads, &["--snapshot-dir", path]).arguments(words).start()
}

/// A server that begins with the snapshot in this directory or file.
fn reader(path: &Path, threads: usize, words: &[&str]) -> ServerProcess {
    options(threads, &["--restore", path.to_str().unwrap()]).arguments(words).start()
}

/// Stores `k0` and so on, of 1,000 bytes each.
fn set_numbered(client: &mut WireClient, items: u32) {
    let value = "v".repeat(1_000);
    for first in (0..items).step_by(1_000) {
        let set = |n| format!("set k{n} 0 0 1000 noreply\r\n{value}\r\n");
        let requests: Vec<String> = (first..first + 1_000).map(set).collect();
        client.send(requests.concat().as_bytes());
        client.round_trip();
    }
}

fn stat_of(client: &mut WireClient, name: &str) -> String {
    let stats = client.stats("slabcore");
    let found = stats.into_iter().find(|(it, _)| it == name);
    found.unwrap_or_else(|| panic!("no {name}")).1
}

fn count_of(client: &mut WireClient, name: &str) -> u64 {
    stat_of(client, name).parse().unwrap()
}

/// Waits until a statistic has a value.
fn wait_for(client: &mut WireClient, name: &str, wanted: impl Fn(&str) -> bool) {
    let begin = Instant::now();
    while !wanted(&stat_of(client, name)) {
        assert!(begin.elapsed() < PATIENCE, "{name} is {}", stat_of(client, name));
        thread::yield_now();
    }
}

/// The snapshot's files of a directory, in order.
fn files_of(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|it| it.extension().is_some_and(|it| it == "slab")).collect();
    files.sort();
    files
}

/// What a client can see of an item.
#[derive(Debug, PartialEq)]
struct Seen {
    value: Vec<u8>,
    flags: String,
    cas: String,
    was_hit: String,
    ttl: i64,
}

/// An item by a key in base64.
fn see(client: &mut WireClient, key: &str) -> Option<Seen> {
    client.send(format!("mg {key} b s f c h t\r\n").as_bytes());
    let line = String::from_utf8(client.read_line()).unwrap();
    if line == "EN\r\n" {
        return None;
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let word = |letter| {
        let found = words.iter().find_map(|word| word.strip_prefix(letter));
        found.unwrap_or_else(|| panic!("{letter} in {line}")).to_owned()
    };
    let ttl = word('t').parse().unwrap();
    let (flags, cas, was_hit) = (word('f'), word('c'), word('h'));
    let bytes = word('s').parse::<usize>().unwrap();
    client.send(format!("mg {key} b v\r\n").as_bytes());
    assert_eq!(client.read_line(), format!("VA {bytes}\r\n").as_bytes());
    let value = client.read_exact(bytes);
    assert_eq!(client.read_exact(2), b"\r\n");
    Some(Seen { value, flags, cas, was_hit, ttl })
}

/// The base64 of the key with this number; some keys have bytes that text cannot have.
fn key(number: u32) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let [a, b, c, d] = number.to_be_bytes();
    let bits = u64::from(u32::from_be_bytes([a, b, c, d])) << 16 | 0x0d0a;
    (0..8).map(|at| DIGITS[(bits >> (42 - 6 * at) & 63) as usize] as char).collect()
}

/// Bytes of the value with this number.
fn value_bytes(number: u32) -> usize {
    match number {
        7 => 300_000,
        8 => 5_000_000,
        9 => 262_000,
        number => number as usize % 700,
    }
}

fn value(number: u32) -> Vec<u8> {
    (0..value_bytes(number)).map(|at| (at as u32 * 31 + number) as u8).collect()
}

const ITEMS: u32 = 5_000;

/// Stores items of all kinds. Returns what clients see of them.
fn fill(client: &mut WireClient) -> BTreeMap<u32, Seen> {
    for number in 0..ITEMS {
        let (key, value) = (key(number), value(number));
        let (flags, ttl) = (number % 5 * 70_000, [0, 5_000][number as usize % 2]);
        client.send(format!("ms {key} {} b F{flags} T{ttl} q\r\n", value.len()).as_bytes());
        client.send(&value);
        client.send(b"\r\n");
    }
    client.send(b"mn\r\n");
    assert_eq!(client.read_line(), b"MN\r\n");
    let mut items = BTreeMap::new();
    for number in 0..ITEMS {
        if number % 3 == 0 {
            client.send(format!("mg {} b q\r\nmn\r\n", key(number)).as_bytes());
            while client.read_line() != b"MN\r\n" {}
        }
        // The last ones are left unread.
        if number < ITEMS - 100 {
            items.insert(number, see(client, &key(number)).unwrap());
        }
    }
    items
}

/// Values, flags, cas uniques, ttls, keys of any bytes, and whether an item was read: all are there
/// in a server with other threads, another memory and another backend.
#[test]
fn items_are_restored_into_any_server() {
    let directory = TestDirectory::new();
    let server = writer(&directory, 2, &["-m", "64", "-I", "8m"]);
    let mut client = server.connect();
    let items = fill(&mut client);
    client.expect("snapshot\r\n", "OK\r\n");
    assert_eq!(stat_of(&mut client, "snapshot_state"), "done");
    assert_eq!(count_of(&mut client, "snapshot_items"), u64::from(ITEMS));
    drop(client);
    assert_eq!(server.stop().code(), Some(0));
    assert_eq!(files_of(directory.path()).len(), 2);
    for (threads, words) in [
        (1, &["-m", "100", "-I", "8m"][..]),
        (2, &["-m", "64", "-I", "8m", "--backend", "epoll"]),
        (5, &["-m", "200", "-I", "16m", "-f", "1.1"]),
    ] {
        let server = reader(directory.path(), threads, words);
        let mut client = server.connect();
        assert_eq!(count_of(&mut client, "restored_items"), u64::from(ITEMS));
        assert_eq!(count_of(&mut client, "restored_dropped"), 0);
        for (number, before) in &items {
            let mut after = see(&mut client, &key(*number)).unwrap();
            let ttls = if before.ttl < 0 { -1..=-1 } else { before.ttl - 60..=before.ttl };
            assert!(ttls.contains(&after.ttl), "{} after {}", after.ttl, before.ttl);
            after.ttl = before.ttl;
            // It was read after that statistic was shown.
            after.was_hit.clone_from(&before.was_hit);
            assert!(after == *before, "item {number}");
        }
        let unread = ITEMS - 1;
        assert!(!unread.is_multiple_of(3));
        assert_eq!(see(&mut client, &key(unread)).unwrap().was_hit, "0");
        // New uniques are above the old ones.
        let highest = items.values().map(|it| it.cas.parse::<u64>().unwrap()).max().unwrap();
        client.send(b"ms new 1 c\r\n1\r\n");
        let line = String::from_utf8(client.read_line()).unwrap();
        let unique: u64 = line.trim_end().strip_prefix("HD c").unwrap().parse().unwrap();
        assert!(unique > highest, "{unique} after {highest}");
    }
}

/// A client changes other items all the while. What is not changed is in each snapshot, once and as
/// it is; what is changed has one of its values.
#[test]
fn items_that_stay_are_in_a_snapshot_under_load() {
    let directory = TestDirectory::new();
    let server = writer(&directory, 3, &["-m", "256"]);
    let mut client = server.connect();
    let long = "l".repeat(400_000);
    client.expect(format!("set long 0 0 400000\r\n{long}\r\n"), "STORED\r\n");
    let stays = 40_000;
    for first in (0..stays).step_by(1_000) {
        let set = |n| format!("set stays{n} 0 0 {} noreply\r\nstays{n}\r\n", 5 + digits(n));
        let requests: String = (first..first + 1_000).map(set).collect();
        client.send(requests.as_bytes());
        client.round_trip();
    }
    let is_over = AtomicBool::new(false);
    let snapshots = thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = server.connect();
            let mut round = 0_u32;
            while !is_over.load(Ordering::Relaxed) {
                round += 1;
                let change = |n: u32| match (n + round) % 3 {
                    0 => format!("delete goes{n} noreply\r\n"),
                    _ => format!("set goes{n} 0 0 {} noreply\r\n{round}\r\n", digits(round)),
                };
                let requests: String = (0..3_000).map(change).collect();
                client.send(requests.as_bytes());
                let replaced = format!("set long 0 0 400000 noreply\r\n{long}\r\n");
                client.send(replaced.as_bytes());
                client.round_trip();
            }
        });
        let mut rounds = 0;
        for _ in 0..5 {
            client.expect("snapshot\r\n", "OK\r\n");
            rounds += 1;
            let reader = reader(directory.path(), 2, &["-m", "256"]);
            let mut reader = reader.connect();
            for n in 0..stays {
                reader.send(format!("get stays{n}\r\n").as_bytes());
                assert_eq!(
                    reader.read_line(),
                    format!("VALUE stays{n} 0 {}\r\n", 5 + digits(n)).as_bytes()
                );
                reader.expect_reply(format!("stays{n}\r\nEND\r\n"));
            }
            reader.send(b"get long\r\n");
            assert_eq!(reader.read_line(), b"VALUE long 0 400000\r\n");
            reader.expect_reply(format!("{long}\r\nEND\r\n"));
            for n in 0..3_000 {
                reader.send(format!("get goes{n}\r\n").as_bytes());
                let line = reader.read_line();
                if line != b"END\r\n" {
                    let value = String::from_utf8(reader.read_line()).unwrap();
                    assert!(value.trim_end().parse::<u32>().unwrap() > 0);
                    assert_eq!(reader.read_line(), b"END\r\n");
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
        rounds
    });
    assert_eq!(snapshots, 5);
    assert_eq!(count_of(&mut client, "snapshot_errors"), 0);
    assert_eq!(files_of(directory.path()).len(), 3, "older files are gone");
}

fn digits(number: u32) -> usize {
    number.to_string().len()
}

/// Changes a file.
type Damage = fn(&mut Vec<u8>);

/// A snapshot that is not whole gives what is whole, and the log says so. It never stops a start.
#[test]
fn a_damaged_snapshot_gives_what_is_whole() {
    let directory = TestDirectory::new();
    let server = writer(&directory, 1, &["-m", "64"]);
    let mut client = server.connect();
    let value = "v".repeat(1_000);
    set_numbered(&mut client, 3_000);
    client.expect("snapshot\r\n", "OK\r\n");
    drop(client);
    server.stop();
    let file = files_of(directory.path()).remove(0);
    let whole = fs::read(&file).unwrap();
    let damages: [(Damage, std::ops::RangeInclusive<u64>, &str); 5] = [
        (|bytes| bytes[1_000_000] ^= 1, 2_700..=2_800, "1 blocks missing"),
        (|bytes| bytes.truncate(1_500_000), 1_200..=1_500, "1 streams cut"),
        (|bytes| drop(bytes.drain(500_000..600_000)), 2_400..=2_800, "blocks missing"),
        (|bytes| bytes.clear(), 0..=0, "1 streams cut"),
        (|bytes| bytes.fill(b'S'), 0..=0, "1 streams cut"),
    ];
    for (damage, items, report) in damages {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        fs::write(&file, bytes).unwrap();
        let server = reader(directory.path(), 2, &[]);
        let mut client = server.connect();
        let restored = count_of(&mut client, "restored_items");
        assert!(items.contains(&restored), "{restored} items, {report}");
        for n in 0..3_000 {
            client.send(format!("mg k{n} v\r\n").as_bytes());
            if client.read_line() == b"VA 1000\r\n" {
                client.expect_reply(format!("{value}\r\n"));
            }
        }
        assert_eq!(client.stat("curr_items").unwrap(), restored.to_string());
        let log = server.log();
        assert!(log.contains("is not whole") && log.contains(report), "{log}");
    }
    for (name, bytes) in [(MANIFEST, Some("nonsense")), (MANIFEST, None)] {
        let path = directory.file(name);
        let _ = bytes.map_or_else(|| fs::remove_file(&path), |bytes| fs::write(&path, bytes));
        let server = reader(directory.path(), 2, &[]);
        assert_eq!(server.connect().stat("curr_items").unwrap(), "0");
        let log = server.log();
        assert!(log.contains("warning: nothing is restored from"), "{log}");
    }
    // A file alone is a snapshot, too.
    fs::write(&file, &whole).unwrap();
    let server = reader(&file, 2, &[]);
    assert_eq!(server.connect().stat("curr_items").unwrap(), "3000");
}

/// Clients write where the operator has said, and nowhere else.
#[test]
fn clients_choose_no_other_place() {
    let server = options(2, &[]).start();
    let refused = "SERVER_ERROR snapshots not enabled (--snapshot-dir)\r\n";
    server.connect().expect(
        "snapshot\r\nsnapshot /tmp\r\nsnapshot x noreply\r\nmn\r\n",
        format!("{refused}{refused}MN\r\n"),
    );
    let directory = TestDirectory::new();
    fs::create_dir(directory.file("nightly")).unwrap();
    fs::write(directory.file("file"), "").unwrap();
    std::os::unix::fs::symlink("/tmp", directory.file("link")).unwrap();
    let server = writer(&directory, 2, &[]);
    let mut client = server.connect();
    client.expect("set k 0 0 1\r\n1\r\n", "STORED\r\n");
    for name in ["/tmp", "..", ".", "../x", ".hidden", "a/b"] {
        client.expect(format!("snapshot {name}\r\n"), "CLIENT_ERROR bad command line format\r\n");
    }
    for name in ["nosuch", "file", "link"] {
        client.send(format!("snapshot {name}\r\n").as_bytes());
        let line = String::from_utf8(client.read_line()).unwrap();
        assert!(
            line.starts_with("SERVER_ERROR no snapshot: the directory cannot be used"),
            "{line}"
        );
    }
    client.expect("snapshot nightly\r\n", "OK\r\n");
    assert_eq!(files_of(&directory.file("nightly")).len(), 2);
    assert!(files_of(directory.path()).is_empty());
    let restored = reader(&directory.file("nightly"), 1, &[]);
    restored.connect().expect("get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
    // Options that lack a directory are refused.
    for words in [&["--snapshot-at-stop"][..], &["--snapshot-every", "5"]] {
        let (status, log) = options(1, words).start_in_vain();
        assert_eq!(status.code(), Some(64), "{log}");
    }
    let (status, log) =
        options(1, &["--snapshot-dir", "/tmp", "--snapshot-every", "0"]).start_in_vain();
    assert_eq!(status.code(), Some(64), "{log}");
}

/// A file cannot grow, as on a full disk. The server goes on, and the snapshot before is untouched.
#[test]
fn without_room_the_old_snapshot_stays() {
    let directory = TestDirectory::new();
    let server = writer(&directory, 2, &["-m", "64"]);
    let mut client = server.connect();
    client.expect("set old 0 0 1\r\n1\r\n", "STORED\r\n");
    client.expect("snapshot\r\n", "OK\r\n");
    let listing = |directory: &TestDirectory| -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(directory.path()).unwrap().map(|it| it.unwrap().path());
        entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    };
    let before = listing(&directory);
    set_numbered(&mut client, 8_000);
    let pid = Pid::from_raw(server.pid().cast_signed());
    let limit = |bytes| {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(pid, Resource::Fsize, limit).expect("its limit can be changed")
    };
    let (limited, unlimited) = (Some(1 << 20), None);
    limit(limited);
    client.send(b"snapshot\r\n");
    let line = String::from_utf8(client.read_line()).unwrap();
    assert!(line.starts_with("SERVER_ERROR no snapshot: a file cannot be written:"), "{line}");
    assert_eq!(listing(&directory), before);
    assert_eq!(stat_of(&mut client, "snapshot_state"), "failed");
    assert_eq!(count_of(&mut client, "snapshot_errors"), 1);
    assert_eq!(count_of(&mut client, "snapshot_items"), 1, "those of the last whole one");
    let log = server.log();
    assert!(log.contains("the one before is as it was"), "{log}");
    client.expect("get old\r\n", "VALUE old 0 1\r\n1\r\nEND\r\n");
    limit(unlimited);
    client.expect("snapshot\r\n", "OK\r\n");
    assert_eq!(stat_of(&mut client, "snapshot_state"), "done");
    assert_eq!(count_of(&mut client, "snapshot_items"), 8_001);
    let after = listing(&directory);
    assert!(before.keys().all(|it| it.ends_with(MANIFEST) || !after.contains_key(it)));
    assert_eq!(after.len(), 3);
}

/// Snapshots at an interval, and one at each way to stop. Time goes on while no server runs.
#[test]
fn snapshots_are_written_in_time() {
    let directory = TestDirectory::new();
    let path = directory.path().to_str().unwrap().to_owned();
    let server = writer(&directory, 2, &["--snapshot-every", "1"]);
    let mut client = server.connect();
    client.expect("set k 0 0 1\r\n1\r\n", "STORED\r\n");
    wait_for(&mut client, "snapshot_items", |items| items == "1");
    let first = files_of(directory.path());
    let begin = Instant::now();
    while files_of(directory.path()) == first {
        assert!(begin.elapsed() < PATIENCE);
        thread::yield_now();
    }
    drop(client);
    assert_eq!(server.stop().code(), Some(0));

    let both = ["--snapshot-at-stop", "--restore", &path];
    for (round, signal) in [(0, Signal::TERM), (1, Signal::INT), (2, Signal::USR1)] {
        let server = writer(&directory, 2, &both);
        let mut client = server.connect();
        client.expect("get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
        for before in 0..round {
            client.expect(
                format!("get k{before}\r\n"),
                format!("VALUE k{before} 0 1\r\n1\r\nEND\r\n"),
            );
        }
        client.expect(format!("set k{round} 0 0 1\r\n1\r\n"), "STORED\r\n");
        client.expect(format!("set dies{round} 0 2 1\r\n1\r\n"), "STORED\r\n");
        drop(client);
        assert_eq!(server.stop_by(signal).code(), Some(0));
    }
    let begin = Instant::now();
    while reader(directory.path(), 2, &[]).connect().stat("curr_items").unwrap() != "4" {
        assert!(begin.elapsed() < PATIENCE, "an item outlives its ttl");
    }
    // Killed, a server leaves the snapshot that was there.
    let server = writer(&directory, 2, &both);
    server.connect().expect("set late 0 0 1\r\n1\r\n", "STORED\r\n");
    server.stop_by(Signal::KILL);
    let server = reader(directory.path(), 2, &[]);
    server
        .connect()
        .expect("get k k2 late\r\n", "VALUE k 0 1\r\n1\r\nVALUE k2 0 1\r\n1\r\nEND\r\n");
}

/// A quarter of the memory keeps what was read, and drops what was not.
#[test]
fn too_little_memory_drops_the_coldest() {
    let directory = TestDirectory::new();
    let server = writer(&directory, 2, &["-m", "64"]);
    let mut client = server.connect();
    let (items, hot) = (40_000_u32, 4_000_u32);
    set_numbered(&mut client, items);
    for _ in 0..3 {
        for n in 0..hot {
            client.send(format!("mg k{}\r\n", n * (items / hot)).as_bytes());
        }
        (0..hot).for_each(|_| assert_eq!(client.read_line(), b"HD\r\n"));
    }
    client.expect("snapshot\r\n", "OK\r\n");
    drop(client);
    server.stop();
    let server = reader(directory.path(), 3, &["-m", "16"]);
    let mut client = server.connect();
    let restored = count_of(&mut client, "restored_items");
    let dropped = count_of(&mut client, "restored_dropped");
    assert_eq!(restored + dropped, u64::from(items));
    assert!((8_000..16_000).contains(&restored), "{restored}");
    let mut found = 0;
    for n in 0..hot {
        client.send(format!("mg k{} s\r\n", n * (items / hot)).as_bytes());
        found += u32::from(client.read_line() != b"EN\r\n");
    }
    assert!(found * 100 > hot * 90, "{found} of {hot} hot items");
}

/// Items in memory are newer than any snapshot.
#[test]
fn items_of_a_memory_file_win() {
    let directory = TestDirectory::new();
    let server = writer(&directory, 2, &[]);
    let mut client = server.connect();
    client.expect("set k 0 0 3\r\nold\r\n", "STORED\r\n");
    client.expect("set deleted 0 0 3\r\nold\r\n", "STORED\r\n");
    client.expect("snapshot\r\n", "OK\r\n");
    drop(client);
    server.stop();
    let file = Path::new("/dev/shm").join(format!("slabcore-snapshot-{}", std::process::id()));
    let words = ["-m", "64", "-e", file.to_str().unwrap()];
    let server = reader(directory.path(), 2, &words);
    let mut client = server.connect();
    client.expect("get k\r\n", "VALUE k 0 3\r\nold\r\nEND\r\n");
    client.expect("set k 0 0 3\r\nnew\r\n", "STORED\r\n");
    client.expect("delete deleted\r\n", "DELETED\r\n");
    drop(client);
    server.stop();
    let server = reader(directory.path(), 2, &words);
    let mut client = server.connect();
    client.expect("get k deleted\r\n", "VALUE k 0 3\r\nnew\r\nEND\r\n");
    let log = server.log();
    let _ = fs::remove_file(&file);
    assert!(log.contains("is not restored: the items in memory are newer"), "{log}");
}
