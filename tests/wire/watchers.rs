//! `watch`: log lines about the requests of other clients.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

on_both! {
    requests_are_watched_with_their_descriptor,
    every_lookup_is_watched_once,
    implicit_stores_are_watched,
    watching_can_be_refused,
    watchers_are_few_and_counted,
    evictions_are_watched,
    a_slow_watcher_learns_how_many_lines_it_missed,
}

/// Longest wait for a line. Both servers send lines within a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection that watches these streams.
fn watcher(server: &ServerProcess, streams: &str) -> WireClient {
    let mut watcher = server.connect();
    watcher.expect(format!("watch {streams}\r\n"), "OK\r\n");
    watcher
}

/// The words of the next line by name, without time and number.
fn next_line(watcher: &mut WireClient) -> BTreeMap<String, String> {
    let line = String::from_utf8(watcher.read_line()).expect("a text");
    let line = line.strip_suffix('\n').expect("a whole line");
    assert!(!line.ends_with('\r'), "{line:?}");
    let pairs = line.split(' ').map(|pair| pair.split_once('=').expect("a name and a value"));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Checks that the next line has exactly these words, besides time and number; `*` matches any
/// value.
fn expect_line(watcher: &mut WireClient, expected: &str) -> BTreeMap<String, String> {
    let line = next_line(watcher);
    has_words(&line, expected);
    line
}

fn expect_lines(watcher: &mut WireClient, expected: &[&str]) {
    for line in expected {
        expect_line(watcher, line);
    }
}

/// Checks the next line about the connection from `port`. The test kit's first connection also
/// causes lines.
fn expect_line_of(
    port: &str,
    watcher: &mut WireClient,
    expected: &str,
) -> BTreeMap<String, String> {
    loop {
        let line = next_line(watcher);
        if line.get("rport").is_none_or(|other| other == port) {
            has_words(&line, expected);
            return line;
        }
    }
}

fn has_words(line: &BTreeMap<String, String>, expected: &str) {
    let names = |text: &str| -> Vec<String> {
        let mut names: Vec<_> =
            text.split(' ').map(|pair| pair.split('=').next().unwrap().to_owned()).collect();
        names.extend(["ts".to_owned(), "gid".to_owned()]);
        names.sort_unstable();
        names
    };
    assert_eq!(line.keys().cloned().collect::<Vec<_>>(), names(expected), "{line:?}");
    for pair in expected.split(' ') {
        let (name, value) = pair.split_once('=').expect("a name and a value");
        assert!(value == "*" || line[name] == value, "wanted {pair}, got {line:?}");
    }
}

fn requests_are_watched_with_their_descriptor(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut watcher = watcher(&server, "fetchers mutations connevents deletions");
    let mut client = server.connect();
    let port = &client.local_port().to_string();
    let line = format!("type=conn_new rip=127.0.0.1 rport={port} transport=tcp cfd=*");
    let cfd = expect_line_of(port, &mut watcher, &line)["cfd"].clone();
    client.expect("get a\r\n", "END\r\n");
    let line = format!("type=item_get key=a status=not_found clsid=0 cfd={cfd} size=0");
    expect_line_of(port, &mut watcher, &line);
    client.expect("set a%b 5 100 3\r\nabc\r\n", "STORED\r\n");
    let line = format!("type=item_get key=a%25b status=not_found clsid=0 cfd={cfd} size=0");
    expect_line_of(port, &mut watcher, &line);
    let line = "type=item_store key=a%25b status=stored cmd=set ttl=100";
    expect_line_of(port, &mut watcher, &format!("{line} clsid=* cfd={cfd} size=3"));
    client.expect("add a%b 0 0 1\r\nx\r\n", "NOT_STORED\r\n");
    let found = format!("type=item_get key=a%25b status=found clsid=* cfd={cfd} size=3");
    expect_line_of(port, &mut watcher, &found);
    let line = "type=item_store key=a%25b status=not_stored cmd=add ttl=0";
    expect_line_of(port, &mut watcher, &format!("{line} clsid=* cfd={cfd} size=1"));
    client.expect("mg a%b v\r\n", "VA 3\r\nabc\r\n");
    expect_line_of(port, &mut watcher, &found);
    client.expect("md a%b\r\n", "HD\r\n");
    expect_line_of(port, &mut watcher, &found);
    expect_line_of(port, &mut watcher, "type=deleted key=a%25b cmd=md clsid=* size=3");
    // A value that streams into the store, since it arrives in parts.
    let value = "x".repeat(100_000);
    client.expect(format!("set large 0 0 100000\r\n{value}\r\n"), "STORED\r\n");
    let line = format!("type=item_get key=large status=not_found clsid=0 cfd={cfd} size=0");
    expect_line_of(port, &mut watcher, &line);
    let line = "type=item_store key=large status=stored cmd=set ttl=0 clsid=*";
    expect_line_of(port, &mut watcher, &format!("{line} cfd={cfd} size=100000"));
    client.send(b"quit\r\n");
    let line = format!("type=conn_close rip=127.0.0.1 rport={port} transport=tcp reason=normal");
    expect_line_of(port, &mut watcher, &format!("{line} cfd={cfd}"));
}

/// Commands other than storage commands that store an item, and one that may not.
fn implicit_stores_are_watched(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut watcher = watcher(&server, "fetchers mutations deletions");
    let mut client = server.connect();
    let missed = "type=item_get key=a status=not_found clsid=0 cfd=* size=0";
    client.expect("ma a N30 J10\r\n", "HD\r\n");
    let added = "type=item_store key=a status=stored cmd=add ttl=0 clsid=* cfd=* size=2";
    expect_lines(&mut watcher, &[missed, missed, added]);
    client.expect("md a x\r\n", "HD\r\n");
    let found = |size| format!("type=item_get key=a status=found clsid=* cfd=* size={size}");
    let emptied = "type=item_store key=a status=stored cmd=set ttl=0 clsid=* cfd=* size=0";
    let deleted = "type=deleted key=a cmd=md clsid=* size=0";
    expect_lines(&mut watcher, &[&found(2), &found(2), emptied, deleted]);
    client.expect("md a x I T10\r\n", "HD\r\n");
    let emptied = "type=item_store key=a status=stored cmd=set ttl=10 clsid=* cfd=* size=0";
    expect_lines(&mut watcher, &[&found(0), &found(0), emptied]);
    let value = "x".repeat(2 << 20);
    let refusal = "SERVER_ERROR object too large for cache\r\n";
    client.expect(format!("add a 0 0 {}\r\n{value}\r\n", value.len()), refusal);
    let refused = "type=item_store key=a status=too_large cmd=add ttl=0 clsid=* cfd=* size=0";
    expect_line(&mut watcher, refused);
    client.expect("get a\r\n", "VALUE a 0 0\r\n\r\nEND\r\n");
    expect_line(&mut watcher, &found(0));
}

/// Two clients get keys of both shards, one key and many keys at a time.
fn every_lookup_is_watched_once(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut watcher = watcher(&server, "fetchers");
    let mut clients = [server.connect(), server.connect()];
    for client in &mut clients {
        client.round_trip();
    }
    let mut seen = BTreeMap::new();
    let mut last_number = 0;
    for round in 0..50 {
        for client in &mut clients {
            let keys = |from: usize| (from..from + 10).map(|n| format!(" key{round}.{n}"));
            client.expect(format!("get{}\r\n", keys(0).collect::<String>()), "END\r\n");
            for key in keys(10) {
                client.expect(format!("get{key}\r\n"), "END\r\n");
            }
        }
        for _ in 0..40 {
            let line = next_line(&mut watcher);
            let number: u64 = line["gid"].parse().expect("a number");
            // memcached numbers lines before it merges those of its threads.
            assert!(number > last_number || kind == ServerKind::Stock, "{line:?}");
            last_number = number;
            *seen.entry((line["cfd"].clone(), line["key"].clone())).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.len(), 2 * 50 * 20);
    assert!(seen.values().all(|times| *times == 1), "a lookup is watched once");
}

fn watching_can_be_refused(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-W"]).start();
    server.connect().expect("watch\r\n", "CLIENT_ERROR watch commands not allowed\r\n");
    server.connect().expect("watch foo\r\n", "CLIENT_ERROR watch commands not allowed\r\n");
    let server = ServerProcess::new(kind, 2);
    server.connect().expect("watch fetchers foo\r\n", "ERROR\r\n");
}

fn watchers_are_few_and_counted(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let watchers: Vec<_> = (0..20).map(|_| watcher(&server, "evictions")).collect();
    let refusal = "WATCHER_TOO_MANY log watcher limit reached\r\n";
    server.connect().expect("watch\r\n", refusal);
    let becomes = |count: u64| {
        let deadline = Instant::now() + PATIENCE;
        // memcached counts watchers when it serves them.
        while server.stat("log_watchers") != count {
            assert!(Instant::now() < deadline, "{} watchers", server.stat("log_watchers"));
            server.connect().expect("get a\r\n", "END\r\n");
        }
    };
    becomes(20);
    // The watcher gets no more lines.
    let mut deaf = watchers;
    deaf[0].send(b"quit\r\nversion\r\n");
    becomes(20);
    drop(deaf);
    becomes(0);
    watcher(&server, "evictions");
}

fn evictions_are_watched(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-m", "2", "-I", "512k"]).start();
    let mut watcher = watcher(&server, "evictions");
    let mut client = server.connect();
    let value = "x".repeat(10_000);
    for number in 0..1_000 {
        client.expect(format!("set key{number} 0 0 10000\r\n{value}\r\n"), "STORED\r\n");
    }
    let line =
        expect_line(&mut watcher, "type=eviction key=* fetch=no ttl=-1 la=* clsid=* size=10000");
    client.expect(format!("get {}\r\n", line["key"]), "END\r\n");
}

fn a_slow_watcher_learns_how_many_lines_it_missed(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut watcher = watcher(&server, "fetchers");
    let mut client = server.connect();
    // Each byte of such a key takes three bytes in a line.
    let keys: Vec<_> = (0..20).map(|n| format!(" {}{n:02}", "%".repeat(240))).collect();
    let keys = keys.concat();
    let deadline = Instant::now() + 3 * PATIENCE;
    while server.stat("log_watcher_skipped") == 0 {
        assert!(Instant::now() < deadline, "nothing is skipped");
        for _ in 0..200 {
            client.expect(format!("get{keys}\r\n"), "END\r\n");
        }
    }
    // The watcher reads the waiting lines, then a line with the number of skipped ones.
    let (mut lines, mut skipped) = (0, None);
    while skipped.is_none() {
        let line = next_line(&mut watcher);
        skipped = line.get("skipped").map(|count| count.parse::<u64>().expect("a number"));
        lines += 1;
        if lines % 100 == 0 {
            client.expect(format!("get{keys}\r\n"), "END\r\n");
        }
        assert!(Instant::now() < deadline, "{lines} lines, and nothing of those missed");
    }
    assert!(skipped > Some(0));
    assert!(server.stat("log_watcher_sent") > 0);
}
