//! Dumps of all keys, and the settings of the crawler that makes them.

use std::collections::BTreeSet;

use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

on_both! {
    dumps_can_be_switched_off,
    cachedump_lists_keys_of_a_class;
    since_45: every_key_is_dumped,
    a_dump_says_that_it_begins,
    dumps_and_watch_must_begin_a_packet,
    items_of_the_last_slab_class_are_dumped,
}

/// As many keys as in memcached's own test.
const KEYS: usize = 70_090;

/// Keeps memcached's crawler from starting by itself, which would make it busy.
const STEADY: &[&str] = &["-o", "no_lru_maintainer"];

fn store(client: &mut WireClient, prefix: &str, keys: std::ops::Range<usize>) {
    for first in keys.clone().step_by(500) {
        let numbers = first..(first + 500).min(keys.end);
        let replies = "STORED\r\n".repeat(numbers.len());
        let sets: Vec<_> = numbers.map(|n| format!("set {prefix}{n} 0 0 1\r\nx\r\n")).collect();
        client.send(sets.concat().as_bytes());
        assert_eq!(client.read_exact(replies.len()), replies.as_bytes());
    }
}

/// The lines of a dump, without its first line, up to the last one.
fn dump(client: &mut WireClient, command: &str, end: &[u8]) -> Vec<String> {
    client.expect(format!("{command}\r\n"), "OK\r\n");
    lines_to(client, end)
}

/// The lines of `stats cachedump`.
fn cachedump(client: &mut WireClient, words: &str) -> Vec<String> {
    client.send(format!("stats cachedump {words}\r\n").as_bytes());
    lines_to(client, b"END\r\n")
}

fn lines_to(client: &mut WireClient, end: &[u8]) -> Vec<String> {
    let mut scanned = 0;
    let bytes = client.read_until(|received| {
        while let Some(length) = received[scanned..].iter().position(|&byte| byte == b'\n') {
            let line = &received[scanned..=scanned + length];
            scanned += line.len();
            if line == end {
                return Some(scanned);
            }
        }
        None
    });
    let text = String::from_utf8(bytes).expect("dumps are text");
    let mut lines: Vec<_> = text.split_inclusive('\n').map(str::to_owned).collect();
    lines.pop();
    lines
}

/// The keys in a dump's lines. Panics if one occurs twice.
fn keys(lines: &[String], before: &str, behind: char) -> BTreeSet<String> {
    let key = |line: &String| {
        let rest = line.strip_prefix(before).unwrap_or_else(|| panic!("{line}"));
        rest.split(behind).next().expect("a first word").trim_end().to_owned()
    };
    let keys: BTreeSet<_> = lines.iter().map(key).collect();
    assert_eq!(keys.len(), lines.len(), "a key is dumped once");
    keys
}

fn every_key_is_dumped(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(STEADY).start();
    let mut client = server.connect();
    store(&mut client, "key", 0..KEYS);
    let expected: BTreeSet<_> = (0..KEYS).map(|n| format!("key{n}")).collect();
    for command in ["lru_crawler metadump all", "lru_crawler metadump hash"] {
        let lines = dump(&mut client, command, b"END\r\n");
        assert_eq!(keys(&lines, "key=", ' '), expected, "{command}");
    }
    let lines = dump(&mut client, "lru_crawler mgdump hash", b"EN\r\n");
    assert_eq!(keys(&lines, "mg ", ' '), expected);
    client.round_trip();
}

/// Also for an empty cache and an empty slab class.
fn a_dump_says_that_it_begins(kind: ServerKind) {
    for (command, end) in [
        ("metadump all", "END"),
        ("metadump hash", "END"),
        ("metadump 5,7", "END"),
        ("mgdump all", "EN"),
        ("mgdump hash", "EN"),
        ("mgdump 5", "EN"),
        ("meta all", "END"),
    ] {
        // memcached stays busy for a moment after its client has the dump.
        let server = ServerOptions::new(kind, 2).arguments(STEADY).start();
        let replies = format!("OK\r\n{end}\r\n");
        server.connect().expect(format!("lru_crawler {command}\r\n"), replies);
    }
}

/// In memcached the replies to commands before them in a packet would come too late. `mn` makes it
/// send.
fn dumps_and_watch_must_begin_a_packet(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(STEADY).start();
    let before = [
        ("mg foo v\r\n", "EN\r\n"),
        ("mg foo q\r\n", ""),
        ("get foo bar\r\n", "END\r\n"),
        ("set foo 0 0 1 noreply\r\nx\r\n", ""),
        ("delete foo noreply\r\ndelete bar noreply\r\n", ""),
        ("foo\r\n", "ERROR\r\n"),
        ("set foo x 0 1\r\nx\r\n", "CLIENT_ERROR bad command line format\r\n"),
        ("stats foo\r\n", "ERROR\r\n"),
        ("stats detail dump\r\n", "END\r\n"),
        ("flush_all\r\n", "OK\r\n"),
        ("mn\r\nmn\r\ntouch foo 0\r\n", "MN\r\nMN\r\nNOT_FOUND\r\n"),
        ("lru_crawler metadump 99\r\n", "BADCLASS invalid class id\r\n"),
    ];
    let orders = [
        ("lru_crawler metadump all\r\n", "metadump"),
        ("lru_crawler metadump 99\r\n", "metadump"),
        ("lru_crawler mgdump hash\r\n", "mgdump"),
        ("watch fetchers\r\n", "watch"),
        ("watch foo\r\n", "watch"),
    ];
    let mut client = server.connect();
    for (request, reply) in before {
        for (order, name) in orders {
            let refusal = format!("{reply}ERROR cannot pipeline other commands before {name}\r\n");
            client.expect(format!("{request}{order}"), refusal);
        }
    }
    // A line belongs to the packet that ends it.
    client.expect("mg foo v\r\nlru_cr", "EN\r\n");
    client.expect("awler mgdump all\r\n", "OK\r\nEN\r\n");
    let mut client = server.connect();
    client.expect("mg foo v\r\nmn\r\nwatch\r\n", "EN\r\nMN\r\nOK\r\n");
}

/// The second of two dumps is executed as well.
#[test]
fn commands_after_a_dump_are_executed() {
    let server = ServerProcess::new(ServerKind::Slabcore, 2);
    server.connect().expect(
        "lru_crawler metadump all\r\nlru_crawler mgdump all\r\nset a 0 0 1\r\nx\r\nget a\r\n",
        "OK\r\nEND\r\nOK\r\nEN\r\nSTORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n",
    );
}

fn dumps_can_be_switched_off(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(STEADY).arguments(&["-X"]).start();
    let mut client = server.connect();
    client.expect("lru_crawler metadump all\r\n", "ERROR metadump not allowed\r\n");
    client.expect("lru_crawler metadump 99\r\n", "ERROR metadump not allowed\r\n");
    client.expect("lru_crawler mgdump all\r\n", "ERROR key dump not allowed\r\n");
    client.expect("stats cachedump 1\r\n", "CLIENT_ERROR stats cachedump not allowed\r\n");
    for order in ["", " on", " off", " dump", " foo"] {
        let refusal = "CLIENT_ERROR stats detail not allowed\r\n";
        client.expect(format!("stats detail{order}\r\n"), refusal);
    }
    client.expect("lru_crawler crawl all\r\n", "OK\r\n");
}

/// Slabcore only: memcached's crawler runs on for a moment.
#[test]
fn without_the_crawler_there_are_no_dumps() {
    let server = ServerProcess::new(ServerKind::Slabcore, 2);
    let mut client = server.connect();
    client.expect("lru_crawler enable\r\n", "ERROR failed to start lru crawler thread\r\n");
    client.expect("lru_crawler disable\r\n", "OK\r\n");
    client.expect("lru_crawler disable\r\n", "OK\r\n");
    client.expect("lru_crawler metadump all\r\n", "CLIENT_ERROR lru crawler disabled\r\n");
    client.expect("lru_crawler crawl 99\r\n", "CLIENT_ERROR lru crawler disabled\r\n");
    client.expect("lru_crawler enable\r\n", "OK\r\n");
    client.expect("lru_crawler metadump all\r\n", "OK\r\nEND\r\n");
}

fn cachedump_lists_keys_of_a_class(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    client.expect("set a 0 0 3\r\nabc\r\n", "STORED\r\n");
    client.expect("set b 5 0 3\r\nabc\r\n", "STORED\r\n");
    client.expect("ms Zm9v 3 b\r\nabc\r\n", "HD\r\n");
    let class = client.stats("items")[0].0.split(':').nth(1).expect("a class").to_owned();
    // memcached lists items in its COLD segment, which they reach within a second.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let mut lines = cachedump(&mut client, &format!("{class} 0"));
        lines.sort_unstable();
        if lines == ["ITEM a [3 b; 0 s]\r\n", "ITEM b [3 b; 0 s]\r\n"] {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{lines:?}");
    }
    assert_eq!(cachedump(&mut client, &format!("{class} 1")).len(), 1);
}

/// This small growth factor makes the largest possible number of slab classes. Slabcore had one
/// more, and dumps left it out.
fn items_of_the_last_slab_class_are_dumped(kind: ServerKind) {
    for factor in ["1.05", "1.08"] {
        let server = ServerOptions::new(kind, 2).arguments(STEADY).arguments(&["-f", factor]);
        let server = server.start();
        let mut client = server.connect();
        let mut expected = BTreeSet::new();
        for bytes in [1, 1_000, 30_000, 32_700, 40_000, 700_000] {
            let value = "x".repeat(bytes);
            client.expect(format!("set k{bytes} 0 0 {bytes}\r\n{value}\r\n"), "STORED\r\n");
            expected.insert(format!("k{bytes}"));
        }
        let of_items = |lines: Vec<String>| -> Vec<String> {
            lines.into_iter().filter(|line| line.starts_with("key=")).collect()
        };
        let lines = of_items(dump(&mut client, "lru_crawler metadump all", b"END\r\n"));
        assert_eq!(keys(&lines, "key=", ' '), expected, "-f {factor}");
        let class = |name: &str| name.split(':').nth(1).and_then(|class| class.parse::<u32>().ok());
        let classes = client.stats("items").into_iter().filter_map(|(name, _)| class(&name));
        let classes: BTreeSet<u32> = classes.collect();
        assert!(classes.iter().all(|class| (1..=63).contains(class)), "{classes:?}");
        for class in classes {
            let lines = dump(&mut client, &format!("lru_crawler metadump {class}"), b"END\r\n");
            assert!(!of_items(lines).is_empty(), "class {class} with -f {factor}");
        }
    }
}

/// The line of a dump as in 1.6.45. Older versions have no blank at its end.
#[test]
fn metadump_shows_the_fields_of_an_item() {
    let server = ServerProcess::new(ServerKind::Slabcore, 2);
    let mut client = server.connect();
    client.expect("set a%b 7 100 3\r\nabc\r\n", "STORED\r\n");
    client.expect("get a%b\r\n", "VALUE a%b 7 3\r\nabc\r\nEND\r\n");
    let lines = dump(&mut client, "lru_crawler metadump all", b"END\r\n");
    let [line] = &lines[..] else { panic!("{lines:?}") };
    let words: Vec<_> = line.split(' ').collect();
    let [key, exptime, accessed, "cas=0", "fetch=yes", class, size, "flags=7", "\n"] = words[..]
    else {
        panic!("{line}");
    };
    assert_eq!(key, "key=a%25b");
    let number = |word: &str, name| -> u64 {
        word.strip_prefix(name).and_then(|digits| digits.parse().ok()).expect("a number")
    };
    let accessed = number(accessed, "la=");
    assert!((accessed + 99..=accessed + 101).contains(&number(exptime, "exp=")), "{line}");
    assert!(number(class, "cls=") >= 1 && number(size, "size=") > 3);
}

/// Meanwhile other clients store other keys, so that the hash tables of both shards grow, and
/// request dumps.
#[test]
fn lasting_items_are_dumped_once() {
    let server = ServerProcess::new(ServerKind::Slabcore, 2);
    let mut client = server.connect();
    store(&mut client, "key", 0..KEYS);
    let (mut writer, mut reader) = (server.connect(), server.connect());
    let writing = std::thread::spawn(move || store(&mut writer, "other", 0..3 * KEYS));
    client.send(b"lru_crawler metadump all\r\nversion\r\n");
    reader.send(b"lru_crawler mgdump all\r\nversion\r\n");
    client.expect_reply("OK\r\n");
    reader.expect_reply("OK\r\n");
    let dumped = keys(&lines_to(&mut client, b"END\r\n"), "key=", ' ');
    let read = keys(&lines_to(&mut reader, b"EN\r\n"), "mg ", ' ');
    writing.join().expect("the writer ends");
    for keys in [dumped, read] {
        assert_eq!(keys.iter().filter(|key| key.starts_with("key")).count(), KEYS);
    }
    // Commands after a dump are executed when the dump has ended.
    client.expect_reply("VERSION 1.6.45\r\n");
    reader.expect_reply("VERSION 1.6.45\r\n");
}

/// One client requests a dump and does not read it, another one disconnects in the middle.
#[test]
fn a_dump_waits_for_its_client() {
    let server = ServerProcess::new(ServerKind::Slabcore, 2);
    let mut client = server.connect();
    store(&mut client, "key", 0..KEYS);
    let mut slow = server.connect();
    slow.send(b"lru_crawler metadump all\r\n");
    let mut gone = server.connect();
    gone.send(b"lru_crawler metadump all\r\n");
    drop(gone);
    for _ in 0..1000 {
        client.round_trip();
    }
    slow.expect_reply("OK\r\n");
    let lines = lines_to(&mut slow, b"END\r\n");
    assert_eq!(lines.len(), KEYS);
}
