//! `stats` counts exactly, for many clients and from every connection.

use std::collections::BTreeMap;
use std::thread;

use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

on_both! {
    concurrent_clients_are_counted_exactly,
    every_outcome_has_its_counter,
    reset_clears_counters_and_keeps_gauges,
    incr_from_many_clients_loses_nothing,
}

fn concurrent_clients_are_counted_exactly(kind: ServerKind) {
    const CLIENTS: u64 = 8;
    const ROUNDS: u64 = 200;
    let server = ServerProcess::new(kind, 2);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let mut client = server.connect();
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let key = format!("c{number}-{round}");
                    client.expect(format!("set {key} 0 0 1\r\nx\r\n"), "STORED\r\n");
                    let reply = format!("VALUE {key} 0 1\r\nx\r\nEND\r\n");
                    client.expect(format!("get {key} absent-{number}-{round} \r\n"), reply);
                    client.expect(format!("delete {key}\r\n"), "DELETED\r\n");
                }
            });
        }
    });
    let all = CLIENTS * ROUNDS;
    let expected = [
        ("cmd_set", all),
        ("cmd_get", 2 * all),
        ("get_hits", all),
        ("get_misses", all),
        ("delete_hits", all),
        ("delete_misses", 0),
        ("curr_items", 0),
        ("total_items", all),
    ];
    for (name, count) in expected {
        assert_eq!(server.stat(name), count, "{name}");
    }
}

/// Each line has a request and the counters that it increments by one. All others must stay.
fn every_outcome_has_its_counter(kind: ServerKind) {
    const NAMES: [&str; 22] = [
        "cmd_get",
        "get_hits",
        "get_misses",
        "get_expired",
        "cmd_set",
        "cmd_touch",
        "touch_hits",
        "touch_misses",
        "delete_hits",
        "delete_misses",
        "incr_hits",
        "incr_misses",
        "decr_hits",
        "decr_misses",
        "cas_hits",
        "cas_misses",
        "cas_badval",
        "cmd_flush",
        "total_items",
        "store_too_large",
        "get_flushed",
        "evictions",
    ];
    let table: &[(&str, &str, &[&str])] = &[
        ("get k\r\n", "END\r\n", &["cmd_get", "get_misses"]),
        ("set k 0 0 1\r\n5\r\n", "STORED\r\n", &["cmd_set", "total_items"]),
        ("get k\r\n", "VALUE k 0 1\r\n5\r\nEND\r\n", &["cmd_get", "get_hits"]),
        ("add k 0 0 1\r\n5\r\n", "NOT_STORED\r\n", &["cmd_set"]),
        ("replace j 0 0 1\r\n5\r\n", "NOT_STORED\r\n", &["cmd_set"]),
        ("incr k 1\r\n", "6\r\n", &["incr_hits"]),
        ("decr k 1\r\n", "5\r\n", &["decr_hits"]),
        ("incr j 1\r\n", "NOT_FOUND\r\n", &["incr_misses"]),
        ("decr j 1\r\n", "NOT_FOUND\r\n", &["decr_misses"]),
        ("touch k 100\r\n", "TOUCHED\r\n", &["cmd_touch", "touch_hits"]),
        ("touch j 100\r\n", "NOT_FOUND\r\n", &["cmd_touch", "touch_misses"]),
        ("cas k 0 0 1 1\r\n5\r\n", "EXISTS\r\n", &["cmd_set", "cas_badval"]),
        ("cas j 0 0 1 1\r\n5\r\n", "NOT_FOUND\r\n", &["cmd_set", "cas_misses"]),
        ("delete k\r\n", "DELETED\r\n", &["delete_hits"]),
        ("delete k\r\n", "NOT_FOUND\r\n", &["delete_misses"]),
        // Sent in one write, since an expired item may be reclaimed at any time.
        (
            "set k 0 -1 1\r\n5\r\nget k\r\n",
            "STORED\r\nEND\r\n",
            &["cmd_set", "total_items", "cmd_get", "get_misses", "get_expired"],
        ),
        ("flush_all\r\n", "OK\r\n", &["cmd_flush"]),
    ];
    let server = ServerProcess::new(kind, 1);
    let mut client = server.connect();
    let read = || {
        let stats = server.connect().stats("");
        NAMES.map(|name| {
            let found = stats.iter().find(|(found, _)| found == name);
            let (_, value) = found.unwrap_or_else(|| panic!("stats has no {name}"));
            value.parse::<u64>().expect("a number")
        })
    };
    let mut before = read();
    for (request, reply, changes) in table {
        client.expect(request, reply);
        let after = read();
        for (at, name) in NAMES.iter().enumerate() {
            let steps = after[at] - before[at];
            assert_eq!(steps, u64::from(changes.contains(name)), "{name} after {request:?}");
        }
        before = after;
    }
}

fn reset_clears_counters_and_keeps_gauges(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    for number in 0..10 {
        client.expect(format!("set k{number} 0 0 1\r\nx\r\n"), "STORED\r\n");
        client.expect(format!("get k{number}\r\n"), format!("VALUE k{number} 0 1\r\nx\r\nEND\r\n"));
    }
    client.expect("stats reset\r\n", "RESET\r\n");
    for name in ["cmd_get", "cmd_set", "get_hits"] {
        assert_eq!(server.stat(name), 0, "{name}");
    }
    assert_eq!(server.stat("curr_items"), 10);
    client.expect("get k0\r\n", "VALUE k0 0 1\r\nx\r\nEND\r\n");
    assert_eq!(server.stat("cmd_get"), 1);
}

/// Reading and writing a number is atomic: no two clients see the same number.
fn incr_from_many_clients_loses_nothing(kind: ServerKind) {
    const CLIENTS: usize = 8;
    const ROUNDS: usize = 500;
    let server = ServerProcess::new(kind, 2);
    server.connect().expect("set n 0 0 1\r\n0\r\n", "STORED\r\n");
    let mut numbers: Vec<u64> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let mut client = server.connect();
                scope.spawn(move || {
                    let mut seen = Vec::with_capacity(ROUNDS);
                    for _ in 0..ROUNDS {
                        client.send(b"incr n 1\r\n");
                        let line = String::from_utf8(client.read_line()).expect("ASCII");
                        seen.push(line.trim_end().parse().expect("a number"));
                    }
                    seen
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    });
    numbers.sort_unstable();
    let all: Vec<u64> = (1..=(CLIENTS * ROUNDS) as u64).collect();
    assert!(numbers == all);
}

/// The sums over the lines of a table of slab classes, by the last part of the name.
fn sums(client: &mut WireClient, words: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (name, value) in client.stats(words) {
        let name = name.rsplit(':').next().expect("a part");
        *sums.entry(name.to_owned()).or_default() += value.parse::<u64>().expect("a number");
    }
    sums
}

/// The counters of `stats`, and those of `stats items` that sum up to them.
const SUMS: &[(&str, &[&str])] = &[
    ("evictions", &["evicted"]),
    ("evicted_unfetched", &["evicted_unfetched"]),
    ("evicted_active", &["evicted_active"]),
    ("reclaimed", &["reclaimed"]),
    ("expired_unfetched", &["expired_unfetched"]),
    ("crawler_reclaimed", &["crawler_reclaimed"]),
    ("crawler_items_checked", &["crawler_items_checked"]),
    ("lrutail_reflocked", &["lrutail_reflocked"]),
    ("moves_to_cold", &["moves_to_cold"]),
    ("moves_to_warm", &["moves_to_warm"]),
    ("moves_within_lru", &["moves_within_lru"]),
    ("direct_reclaims", &["direct_reclaims"]),
    ("get_hits", &["hits_to_hot", "hits_to_warm", "hits_to_cold", "hits_to_temp"]),
    ("curr_items", &["number"]),
];

/// `stats items` left out the classes whose pages had gone to other classes, and their counts: the
/// sum of the evictions was 163,801 of 255,778. memcached never moves the last page of a class.
#[test]
fn classes_that_lost_their_pages_are_counted() {
    for threads in [1, 2] {
        let server =
            ServerOptions::new(ServerKind::Slabcore, threads).arguments(&["-m", "8"]).start();
        let mut client = server.connect();
        for (bytes, count) in [(60, 150_000), (700, 20_000), (9_000, 4_000), (200_000, 200)] {
            let value = "x".repeat(bytes);
            for number in 0..count {
                let exptime = if number % 8 == 0 { -1 } else { 0 };
                let set =
                    format!("set k{number}-{bytes} 0 {exptime} {bytes} noreply\r\n{value}\r\n");
                client.send(set.as_bytes());
                if number % 16 == 1 {
                    client.send(format!("mg k{number}-{bytes} q\r\n").as_bytes());
                }
            }
            if bytes == 60 {
                // The class has evicted some, and has no page after that.
                (0..count).for_each(|number| {
                    client.send(format!("delete k{number}-{bytes} noreply\r\n").as_bytes());
                });
            }
            client.send(b"version\r\n");
            client.read_to_version();
        }
        // Background work goes on between two tables.
        let (all, items) = loop {
            let before: BTreeMap<_, _> = client.stats("").into_iter().collect();
            let items = sums(&mut client, "items");
            let after: BTreeMap<_, _> = client.stats("").into_iter().collect();
            if SUMS.iter().all(|(name, _)| before[*name] == after[*name]) {
                break (after, items);
            }
        };
        for (name, of_classes) in SUMS {
            let sum: u64 = of_classes.iter().map(|it| items[*it]).sum();
            assert_eq!(all[*name], sum.to_string(), "{name} with -t {threads}");
        }
        assert!(items["evicted"] > 0 && items["crawler_items_checked"] > 0, "{items:?}");
        // Classes of short items, which nobody stores any more.
        let emptied = emptied_classes(&mut client);
        assert!(!emptied.is_empty(), "no class lost its pages");
        client.expect("stats reset\r\n", "RESET\r\n");
        for (name, _) in client.stats("items") {
            assert!(!emptied.iter().any(|class| name.starts_with(&**class)), "{name}");
        }
    }
}

/// What the lines of `stats items` begin with, for classes with evictions and without pages.
/// `stats slabs` has lines of them, too.
fn emptied_classes(client: &mut WireClient) -> Vec<String> {
    let slabs: BTreeMap<_, _> = client.stats("slabs").into_iter().collect();
    let mut classes = Vec::new();
    for (name, evicted) in client.stats("items") {
        let (class, name) = name.rsplit_once(':').expect("a class and a name");
        let number = class.strip_prefix("items:").expect("a number");
        if name == "evicted" && evicted != "0" && slabs[&format!("{number}:total_pages")] == "0" {
            classes.push(format!("{class}:"));
        }
    }
    classes
}
