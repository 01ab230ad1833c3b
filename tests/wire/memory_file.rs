//! `-e`: items outlive the process, whatever ends it.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use slabcore_testkit::limits::POLL_PAUSE_MAX;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

use crate::test_directory::TestDirectory;

/// The longest time that a server may take to return or take memory.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file in memory, removed at the end.
pub(crate) struct MemoryFile(PathBuf);

impl MemoryFile {
    pub(crate) fn new() -> Self {
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        Self(Path::new("/dev/shm").join(format!("slabcore-test-{}-{number}", std::process::id())))
    }

    /// Its name.
    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub(crate) fn options(&self, threads: usize) -> ServerOptions {
        let options = ServerOptions::new(ServerKind::Slabcore, threads);
        options.arguments(&["-m", "64", "-e", self.path()])
    }

    fn start(&self, threads: usize) -> ServerProcess {
        self.options(threads).start()
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
        // What memcached keeps beside it.
        let _ = fs::remove_file(self.0.with_added_extension("meta"));
    }
}

fn stat_of(stats: &[(String, String)], name: &str) -> u64 {
    let (_, value) = stats.iter().find(|(it, _)| it == name).expect("a statistic");
    value.parse().unwrap()
}

/// All that belongs to an item is there again, after each way to end a server.
#[test]
fn items_are_there_again() {
    let long = "long".repeat(100_000);
    for (threads, signal) in [(1, Signal::TERM), (2, Signal::INT), (8, Signal::KILL)] {
        let file = MemoryFile::new();
        let server = file.start(threads);
        let mut client = server.connect();
        client.expect("set a 7 0 1\r\n1\r\n", "STORED\r\n");
        client.expect("set dies 0 1 1\r\n1\r\n", "STORED\r\n");
        client.expect("set deleted 0 0 1\r\n1\r\n", "STORED\r\n");
        client.expect("delete deleted\r\n", "DELETED\r\n");
        client.expect(format!("set long 0 500 400000\r\n{long}\r\n"), "STORED\r\n");
        client.expect("set n 0 0 2\r\n41\r\n", "STORED\r\n");
        client.expect("incr n 1\r\n", "42\r\n");
        client.send(b"gets a\r\n");
        let with_unique = client.read_line();
        drop(client);
        server.stop_by(signal);

        let server = file.start(threads);
        let mut client = server.connect();
        let stats = client.stats("slabcore");
        let found = |name: &str| stat_of(&stats, name);
        assert_eq!(found("recovered_items") + found("recovered_dead"), 4, "one may have expired");
        client.send(b"gets a\r\n");
        assert_eq!(client.read_line(), with_unique);
        client.expect_reply("1\r\nEND\r\n");
        client.expect("get deleted\r\n", "END\r\n");
        client.expect("get n\r\n", "VALUE n 0 2\r\n42\r\nEND\r\n");
        client.expect("get long\r\n", format!("VALUE long 0 400000\r\n{long}\r\nEND\r\n"));
        // The time went on.
        let patience = Instant::now();
        while {
            client.send(b"get dies\r\n");
            client.read_line() != b"END\r\n"
        } {
            client.expect_reply("1\r\nEND\r\n");
            assert!(patience.elapsed().as_secs() < 10);
        }
        client.send(b"mg long t\r\n");
        let ttl = String::from_utf8(client.read_line()).unwrap();
        let left: u32 = ttl.trim_end().strip_prefix("HD t").unwrap().parse().unwrap();
        assert!((1..500).contains(&left) || left == 500, "{ttl}");
        // Nothing else is in the way of new items.
        client.expect("set a 0 0 3\r\nnew\r\n", "STORED\r\n");
        client.expect("get a\r\n", "VALUE a 0 3\r\nnew\r\nEND\r\n");
        drop(client);
        assert_eq!(server.stop().code(), Some(0));
    }
}

/// A full server has few pages to begin with: most are in its slab classes.
#[test]
fn a_full_server_finds_its_items() {
    for bytes in [50, 20_000, 700_000] {
        let file = MemoryFile::new();
        let server = file.start(2);
        let mut client = server.connect();
        let value = "v".repeat(bytes);
        let sets = 2 * (64 << 20) / (bytes + 70);
        for first in (0..sets).step_by(1_000) {
            let set = |number| format!("set {number} 0 0 {bytes} noreply\r\n{value}\r\n");
            let requests: String = (first..sets.min(first + 1_000)).map(set).collect();
            client.send(requests.as_bytes());
            client.round_trip();
        }
        let items: u64 = client.stat("curr_items").unwrap().parse().unwrap();
        assert!(server.stat("evictions") > 0);
        drop(client);
        server.stop_by(Signal::KILL);
        let server = file.start(2);
        let mut client = server.connect();
        let stats = client.stats("slabcore");
        let found = |name: &str| stat_of(&stats, name);
        assert_eq!(found("recovered_dropped"), 0, "{bytes} bytes");
        // A page that was being emptied may have lost some more items before the kill.
        let recovered = found("recovered_items");
        assert!((items - items / 100 - 1..=items).contains(&recovered), "{recovered} of {items}");
        client.expect(format!("set new 0 0 {bytes}\r\n{value}\r\n"), "STORED\r\n");
        client.expect("get new\r\n", format!("VALUE new 0 {bytes}\r\n{value}\r\nEND\r\n"));
    }
}

/// What was flushed stays away.
#[test]
fn flushed_items_stay_away() {
    let file = MemoryFile::new();
    for round in 0..6 {
        let server = file.start(2);
        let mut client = server.connect();
        client.expect("get old\r\n", "END\r\n");
        client.expect("set old 0 0 1\r\n1\r\n", "STORED\r\n");
        client.expect("flush_all\r\n", "OK\r\n");
        client.expect("set new 0 0 1\r\n1\r\n", "STORED\r\n");
        drop(client);
        server.stop_by(if round % 2 == 0 { Signal::KILL } else { Signal::TERM });
        let server = file.start(2);
        server.connect().expect("get old new\r\n", "VALUE new 0 1\r\n1\r\nEND\r\n");
        server.stop();
    }
}

fn text_of(client: &mut WireClient, name: &str) -> String {
    let stats = client.stats("slabcore");
    stats.into_iter().find(|(it, _)| it == name).expect("a statistic").1
}

/// How a start came to its items, and why not faster.
fn expect_recovery(server: &ServerProcess, kind: &str, reason: &str) {
    let mut client = server.connect();
    let found = ["recovery_kind", "recovery_reason"].map(|name| text_of(&mut client, name));
    assert_eq!(found, [kind, reason]);
}

/// A signal or `shutdown` leaves records, by which the next start attaches its shards. It also does
/// if values were arriving, being sent, or moved.
#[test]
fn after_a_stop_no_item_is_searched() {
    let long = "long".repeat(200_000);
    for threads in [1, 4] {
        let file = MemoryFile::new();
        let start = || file.options(threads).arguments(&["-A"]).start();
        let mut server = start();
        expect_recovery(&server, "none", "none");
        let mut client = server.connect();
        for number in 0..1_000 {
            client.expect(format!("set k{number} 7 0 4\r\nv{number:03}\r\n"), "STORED\r\n");
        }
        client.expect(format!("set long 0 0 800000\r\n{long}\r\n"), "STORED\r\n");
        for stop in [Some(Signal::TERM), Some(Signal::INT), Some(Signal::USR1), None] {
            let mut client = server.connect();
            let mut uploader = server.connect();
            uploader.send(b"set k1 0 0 700000\r\nonly the beginning");
            let mut reader = server.connect();
            reader.send(b"get long\r\nget long\r\nget long\r\n");
            client.round_trip();
            match stop {
                Some(signal) => server.stop_by(signal),
                None => {
                    client.send(b"shutdown\r\n");
                    server.wait()
                }
            };
            server = start();
            expect_recovery(&server, "attached", "none");
            let mut client = server.connect();
            assert_eq!(client.stat("curr_items").unwrap(), "1001");
            for number in 0..1_000 {
                let reply = format!("VALUE k{number} 7 4\r\nv{number:03}\r\nEND\r\n");
                client.expect(format!("get k{number}\r\n"), reply);
            }
            client.expect("get long\r\n", format!("VALUE long 0 800000\r\n{long}\r\nEND\r\n"));
        }
        server.stop_by(Signal::KILL);
        server = start();
        expect_recovery(&server, "scanned", "the_last_process_was_killed");
        server.stop();
    }
}

/// A start that is killed at once leaves no record: what it changed would not be in it.
#[test]
fn a_record_is_used_once() {
    let file = MemoryFile::new();
    let server = file.start(2);
    server.connect().expect("set a 0 0 1\r\n1\r\n", "STORED\r\n");
    server.stop_by(Signal::TERM);
    let server = file.start(2);
    server.connect().expect("set b 0 0 1\r\n1\r\n", "STORED\r\n");
    server.stop_by(Signal::KILL);
    let server = file.start(2);
    let mut client = server.connect();
    assert_eq!(text_of(&mut client, "recovery_kind"), "scanned");
    client.expect("get a b\r\n", "VALUE a 0 1\r\n1\r\nVALUE b 0 1\r\n1\r\nEND\r\n");
}

/// Bytes of the header from its end, of the words that the tests below change.
const HEADER_BYTES: u64 = 4096;
const BOOT_ID_AT: u64 = 7 * 8;
const ZERO_AT: u64 = 10 * 8;
const ALIVE_AT: u64 = 512;

impl MemoryFile {
    /// Changes a word of the header, while no server has the file.
    fn change_word(&self, at: u64, change: impl Fn(u64) -> u64) {
        let file = fs::OpenOptions::new().read(true).write(true).open(&self.0).unwrap();
        let at = file.metadata().unwrap().len() - HEADER_BYTES + at;
        let mut word = [0; 8];
        file.read_exact_at(&mut word, at).unwrap();
        file.write_all_at(&change(u64::from_le_bytes(word)).to_le_bytes(), at).unwrap();
    }

    /// Makes the file look as if no server had had it for so much longer.
    fn age(&self, seconds: u64) {
        for at in [ALIVE_AT, ALIVE_AT + 8] {
            self.change_word(at, |alive| alive - seconds);
        }
    }
}

/// Deletes were missed while no server had the items. The time is known after a kill, too.
#[test]
fn after_a_long_absence_it_starts_empty() {
    for signal in [Signal::TERM, Signal::KILL] {
        let file = MemoryFile::new();
        let start = || file.options(1).arguments(&["--restart-within", "100"]).start();
        let server = start();
        server.connect().expect("set a 0 0 1\r\n1\r\n", "STORED\r\n");
        server.stop_by(signal);
        file.age(50);
        let server = start();
        let mut client = server.connect();
        client.expect("get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n");
        let absence: u64 = text_of(&mut client, "absence_seconds").parse().unwrap();
        assert!((50..100).contains(&absence), "{absence}");
        server.stop_by(signal);
        file.age(1_000);
        let server = start();
        let mut client = server.connect();
        client.expect("get a\r\n", "END\r\n");
        assert_eq!(text_of(&mut client, "recovery_kind"), "empty");
        let log = server.log();
        assert!(log.contains("starts empty: nobody had it for 10"), "{log}");
        assert!(log.contains("s (--restart-within 100)"), "{log}");
        server.stop();
    }
}

/// Memory that outlives the machine's boot, as DAX does, has a boot id that is not the present one.
/// Then the wall clock counts, and only a clean stop leaves items that can be trusted.
#[test]
fn over_a_reboot_the_wall_clock_counts() {
    let file = MemoryFile::new();
    let server = file.start(1);
    let mut client = server.connect();
    client.expect("set short 0 500 1\r\n1\r\n", "STORED\r\n");
    client.expect("set long 0 5000 1\r\n1\r\n", "STORED\r\n");
    server.stop_by(Signal::TERM);
    file.change_word(BOOT_ID_AT, |word| !word);
    // The boot clock says nothing, and the wall clock that 1,000 seconds have passed.
    file.change_word(ALIVE_AT + 8, |unix| unix - 1_000);
    let server = file.start(1);
    let mut client = server.connect();
    assert_eq!(text_of(&mut client, "recovery_kind"), "attached");
    client.expect("get short\r\n", "END\r\n");
    client.send(b"mg long t\r\n");
    let ttl = String::from_utf8(client.read_line()).unwrap();
    let left: u32 = ttl.trim_end().strip_prefix("HD t").unwrap().parse().unwrap();
    assert!((3_000..=4_000).contains(&left), "{ttl}");
    // From now on it is a file of this boot.
    server.stop_by(Signal::KILL);
    let server = file.start(1);
    server.connect().expect("get long\r\n", "VALUE long 0 1\r\n1\r\nEND\r\n");
    server.stop_by(Signal::KILL);
    file.change_word(BOOT_ID_AT, |word| !word);
    let server = file.start(1);
    server.connect().expect("get long\r\n", "END\r\n");
    assert!(server.log().contains("starts empty: the machine was started again"));
}

/// A flush that was still to come outlives the process. One that came due meanwhile is made up for.
#[test]
fn a_later_flush_outlives_the_process() {
    for signal in [Signal::TERM, Signal::KILL] {
        let file = MemoryFile::new();
        let server = file.start(2);
        let mut client = server.connect();
        client.expect("set a 0 0 1\r\n1\r\n", "STORED\r\n");
        client.expect("flush_all 1000\r\n", "OK\r\n");
        server.stop_by(signal);
        let server = file.start(2);
        server.connect().expect("get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n");
        server.stop_by(signal);
        // Time is counted from a second of the boot clock. It seems to be long ago.
        file.change_word(ZERO_AT, |zero| zero.wrapping_sub(2_000));
        let server = file.start(2);
        let mut client = server.connect();
        client.expect("get a\r\n", "END\r\n");
        // This was the only time.
        client.expect("set b 0 0 1\r\n1\r\n", "STORED\r\n");
        server.stop_by(signal);
        let server = file.start(2);
        let mut client = server.connect();
        client.expect("get b\r\n", "VALUE b 0 1\r\n1\r\nEND\r\n");
        // The next one is cancelled.
        client.expect("flush_all 1000\r\n", "OK\r\n");
        client.expect("flush_all\r\n", "OK\r\n");
        client.expect("set c 0 0 1\r\n1\r\n", "STORED\r\n");
        server.stop_by(signal);
        file.change_word(ZERO_AT, |zero| zero.wrapping_sub(2_000));
        let server = file.start(2);
        server.connect().expect("get b c\r\n", "VALUE c 0 1\r\n1\r\nEND\r\n");
    }
}

const KEYS: usize = 2_000;
const OPERATIONS: usize = 3_000;
const KILLS: usize = 20;

/// How often the server is killed. `SLABCORE_KILLS` names another number, for a long run.
fn kills() -> usize {
    std::env::var("SLABCORE_KILLS").map_or(KILLS, |number| number.parse().unwrap())
}

/// The value that operation `number` stores; `None`: it deletes.
fn stored(number: usize) -> Option<String> {
    let bytes = [10, 100, 1_000, 20_000][number % 4] + number % 97;
    (!number.is_multiple_of(9)).then(|| format!("{number:08}").repeat(bytes / 8 + 1))
}

fn key_of(number: usize) -> usize {
    number.wrapping_mul(0x9e37_79b9) % KEYS
}

fn read_value(client: &mut WireClient, key: usize) -> Option<String> {
    client.send(format!("get key{key}\r\n").as_bytes());
    let line = String::from_utf8(client.read_line()).unwrap();
    let length = line.trim_end().rsplit(' ').next()?.parse::<usize>().ok()?;
    let value = client.read_exact(length);
    client.expect_reply("\r\nEND\r\n");
    Some(String::from_utf8(value).unwrap())
}

/// Kills at random moments: a key has the value of the last operation that was answered, or of a
/// later one that was not.
#[test]
fn a_killed_server_loses_nothing_that_was_answered() {
    let file = MemoryFile::new();
    let mut known: HashMap<usize, Vec<Option<String>>> = HashMap::new();
    let (mut number, mut random, mut lost, mut looked) = (0, 1_usize, 0, 0);
    for _ in 0..kills() {
        let server = file.start(2);
        let mut client = server.connect();
        for key in 0..KEYS {
            let value = read_value(&mut client, key);
            let Some(possible) = known.get_mut(&key) else {
                assert_eq!(value, None, "key{key}");
                continue;
            };
            looked += 1;
            if !possible.contains(&value) {
                assert_eq!(value, None, "key{key} has none of {} values", possible.len());
                lost += 1;
            }
            *possible = vec![value];
        }
        let mut requests = Vec::new();
        for number in number..number + OPERATIONS {
            let key = key_of(number);
            let request = match stored(number) {
                Some(value) => format!("set key{key} 0 0 {}\r\n{value}\r\n", value.len()),
                None => format!("delete key{key}\r\n"),
            };
            requests.extend(request.into_bytes());
        }
        let sender = client.sender();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let answered_until = number + (random >> 33) % OPERATIONS;
        std::thread::scope(|scope| {
            // It fails when the server ends.
            scope.spawn(|| sender.try_send(&requests));
            (number..answered_until).for_each(|_| drop(client.read_line()));
            server.stop_by(Signal::KILL);
            for number in number..number + OPERATIONS {
                let possible = known.entry(key_of(number)).or_default();
                if number < answered_until {
                    possible.clear();
                }
                possible.push(stored(number));
            }
        });
        number += OPERATIONS;
    }
    assert!(lost * 10_000 <= looked, "{lost} of {looked} items lost");
}

#[test]
fn the_file_is_in_the_settings() {
    let file = MemoryFile::new();
    let shown = file.start(1).connect().stats("settings");
    let path = file.0.display().to_string();
    assert!(shown.contains(&("memory_file".to_owned(), path)), "{shown:?}");
}

/// One server at a time uses a file.
#[test]
fn a_second_server_refuses() {
    let file = MemoryFile::new();
    let server = file.start(1);
    let (status, log) = file.options(1).start_in_vain();
    assert_eq!(status.code(), Some(71));
    assert!(log.contains("another server uses it"), "{log}");
    server.connect().expect("set a 0 0 1\r\n1\r\n", "STORED\r\n");
    server.stop();
    file.start(1).connect().expect("get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n");
}

/// With a file of something else the server starts empty, and says why.
#[test]
fn a_file_that_does_not_fit_is_no_obstacle() {
    let file = MemoryFile::new();
    let check = |options: ServerOptions, reason: &str| {
        let server = options.start();
        server.connect().expect("get a\r\n", "END\r\n");
        server.connect().expect("set a 0 0 1\r\n1\r\n", "STORED\r\n");
        let log = server.log();
        assert!(log.contains(reason), "{reason}: {log}");
        server.stop();
    };
    fs::write(&file.0, vec![0xa5; 70 << 20]).unwrap();
    check(file.options(1), "it is another program's");
    fs::write(&file.0, "a text").unwrap();
    check(file.options(1), "");
}

/// Each get writes to an item: a disk would never rest.
#[test]
fn a_file_on_a_disk_is_refused() {
    let directory = TestDirectory::new();
    let file = MemoryFile(directory.file("items"));
    let disk = rustix::fs::statfs(directory.path()).unwrap();
    if disk.f_type as u32 == 0x0102_1994 {
        return;
    }
    let (status, log) = file.options(1).start_in_vain();
    assert_eq!(status.code(), Some(71));
    assert!(log.contains("use a file system in memory (tmpfs, hugetlbfs)"), "{log}");
}

/// `cache_memlimit` gives a file's memory back to its file system, and takes it again.
#[test]
fn a_file_shrinks_and_grows() {
    let file = MemoryFile::new();
    let allocated = || fs::metadata(&file.0).expect("the file").blocks() * 512;
    let server = file.start(2);
    let mut client = server.connect();
    let value = "v".repeat(10_000);
    let fill = |client: &mut WireClient, keys: Range<usize>| {
        for key in keys {
            client.expect(format!("set key{key} 0 0 10000\r\n{value}\r\n"), "STORED\r\n");
        }
    };
    fill(&mut client, 0..6_000);
    assert!(allocated() >= 64 << 20);
    client.expect("cache_memlimit 16\r\n", "OK\r\n");
    wait_until(|| allocated() <= 18 << 20, "the file system has the memory back");
    let few = server.stat("curr_items");
    client.expect("cache_memlimit 48\r\n", "OK\r\n");
    wait_until(|| allocated() >= 48 << 20, "the file has the memory again");
    fill(&mut client, 6_000..12_000);
    let more = server.stat("curr_items");
    assert!(more > 2 * few, "{few} items, then {more}");
    assert!(allocated() <= 50 << 20);
    let refusal = "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n";
    client.expect("cache_memlimit 65\r\n", refusal);
    drop(client);
    server.stop_by(Signal::KILL);
    let server = file.start(2);
    let found = server.stat("curr_items");
    // Pages that changed their class or shard before the kill took a few items with them.
    assert!(
        found * 100 >= more * 99,
        "{found} of {more}: {:?}",
        server.connect().stats("slabcore")
    );
}

fn wait_until(is_so: impl Fn() -> bool, what: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(POLL_PAUSE_MAX);
    }
}
