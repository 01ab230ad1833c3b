//! The lines of all `stats` tables and their order: both as in stock memcached.

use std::time::Instant;

use slabcore_testkit::binaries;
use slabcore_testkit::limits::START_MAX;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::wire_client::WireClient;

use crate::options;

/// Lines of 1.6.45 that older versions lack.
const NEWER: [&str; 2] = ["slab_reassign_busy_nomem", "slab_reassign_last_busy_status"];

#[test]
fn every_table_has_the_lines_of_stock() {
    same_tables(1, &[], |options| options);
    same_tables(2, &[], |options| options);
}

#[test]
fn tables_with_sizes_tracked_and_udp_have_the_lines_of_stock() {
    same_tables(2, &["-o", "track_sizes"], |options| options);
    same_tables(1, &[], ServerOptions::with_udp);
}

fn same_tables(threads: usize, options: &[&str], with: fn(ServerOptions) -> ServerOptions) {
    let tables = [ServerKind::Slabcore, ServerKind::Stock].map(|kind| {
        let server = with(ServerOptions::new(kind, threads).arguments(options)).start();
        let mut client = server.connect();
        load(&mut client);
        ["", "items", "slabs", "sizes", "conns", "settings"].map(|table| names(&mut client, table))
    });
    let [ours, stock] = tables;
    for (ours, stock) in ours.iter().zip(&stock) {
        assert_eq!(ours, stock, "with {threads} threads and {options:?}");
    }
}

/// Items of two sizes, and requests for them.
fn load(client: &mut WireClient) {
    for (key, bytes) in [("a", 10), ("b", 10), ("c", 3000)] {
        let value = "x".repeat(bytes);
        client.expect(format!("set {key} 0 0 {bytes}\r\n{value}\r\n"), "STORED\r\n");
        client.expect(format!("delete absent-{key}\r\n"), "NOT_FOUND\r\n");
    }
    client.expect("get d\r\n", "END\r\n");
}

/// The names of a table, with `N` instead of class numbers, descriptors and sizes.
fn names(client: &mut WireClient, table: &str) -> Vec<String> {
    let stats = client.stats(table).into_iter();
    let names = stats.map(|(name, _)| name).filter(|name| is_of_both(name));
    let parts = names.map(|name| {
        let parts = name.split(':').map(|part| if is_number(part) { "N" } else { part });
        parts.collect::<Vec<_>>().join(":")
    });
    let names: Vec<String> = parts.collect();
    if table != "conns" {
        return names;
    }
    // The system chooses descriptors, and so their order.
    let mut sockets: Vec<&[String]> = names.chunk_by(|_, next| !begins_socket(next)).collect();
    sockets.sort();
    sockets.concat()
}

/// A socket for datagrams has a line before its address.
fn begins_socket(name: &str) -> bool {
    name == "N:UDP" || name == "N:addr"
}

fn is_of_both(name: &str) -> bool {
    binaries::stock_is_current() || !NEWER.contains(&name)
}

fn is_number(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
}

/// Settings whose default differs from memcached's.
const OWN_DEFAULTS: [(&str, &str); 2] = [("slab_chunk_max", "32768"), ("hash_algorithm", "ahash")];

/// The tables of a server with these options after these server commands: names of `stats` and
/// `stats items`, settings with their values, and the replies.
fn shown(kind: ServerKind, words: &[&str], orders: &[&str]) -> Vec<String> {
    let server = ServerOptions::new(kind, 1).on_unix_socket().arguments(words).start();
    let mut client = server.connect();
    for (key, bytes) in [("a", 10), ("c", 600)] {
        let value = "x".repeat(bytes);
        client.expect(format!("set {key} 0 0 {bytes}\r\n{value}\r\n"), "STORED\r\n");
    }
    let reply = |order: &&str| {
        let begin = Instant::now();
        loop {
            client.send(format!("{order}\r\n").as_bytes());
            let line = String::from_utf8(client.read_line()).expect("text");
            // memcached's crawler may be at work of its own.
            if !line.starts_with("BUSY") || begin.elapsed() > START_MAX {
                break format!("{order}: {line}");
            }
        }
    };
    let replies: Vec<String> = orders.iter().map(reply).collect();
    let of_settings = |(name, value): (String, String)| {
        let own = OWN_DEFAULTS.contains(&(&name, &value)) && kind == ServerKind::Slabcore;
        let is_path = name == "domain_socket";
        if own || is_path { format!("{name} *") } else { format!("{name} {value}") }
    };
    let mut lines = names(&mut client, "");
    lines.extend(names(&mut client, "items"));
    lines.extend(client.stats("settings").into_iter().map(of_settings));
    lines.extend(replies);
    lines
}

/// Compares the lines one by one. Where slabcore shows its own default, any value of stock
/// memcached is accepted.
fn same_shown(words: &[&str], orders: &[&str]) {
    let lines = |kind| shown(kind, words, orders);
    let (ours, stock) = (lines(ServerKind::Slabcore), lines(ServerKind::Stock));
    for (ours, stock) in ours.iter().zip(&stock) {
        let same = match ours.strip_suffix(" *") {
            Some(name) => stock.split(' ').next() == Some(name),
            None => ours == stock,
        };
        assert!(same, "with {words:?}: {ours:?}, stock: {stock:?}");
    }
    assert_eq!(ours.len(), stock.len(), "with {words:?}");
}

fn compare_settings() -> bool {
    binaries::slabcore_is_itself() && binaries::stock_is_current()
}

#[test]
fn options_are_shown_as_they_were_given() {
    if compare_settings() {
        options::accepted().for_each(|words| same_shown(&words, &[]));
    }
}

/// Server commands that some options disable, and those that change settings.
const ORDERS: &[&str] = &[
    "verbosity",
    "verbosity 1",
    "lru mode flat",
    "lru mode segmented",
    "lru mode x",
    "lru temp_ttl 30",
    "lru temp_ttl -1",
    "lru temp_ttl x",
    "lru tune 11 22 0.3 1.5",
    "slabs reassign 1 x",
    "slabs reassign 1 1",
    "slabs reassign 1",
    "slabs automove 2",
    "slabs automove ratio 0.5",
    "slabs automove freeratio 0.5",
    "slabs automove window 20",
    "lru_crawler sleep 9",
    "lru_crawler tocrawl 7",
    "lru_crawler crawl 70",
    "extstore item_size 5",
    "extstore item_age 6",
    "extstore low_ttl 7",
    "extstore recache_rate 8",
    "extstore compact_under 9",
    "extstore drop_under 10",
    "extstore max_sleep 11",
    "extstore max_frag 0.25",
    "extstore drop_unread 1",
    "extstore free_memchunks 1 5",
    "extstore d 3",
    "cache_memlimit 65",
];

#[test]
fn options_disable_server_commands() {
    if !compare_settings() {
        return;
    }
    let lists = ["modern", "no_lru_maintainer", "no_lru_crawler", "no_slab_reassign", "no_modern"];
    for list in lists {
        same_shown(&["-o", list], ORDERS);
        same_shown(&["-o", list], &["lru temp_ttl 30", "lru_crawler crawl all"]);
    }
    for list in ["no_lru_crawler", "no_modern"] {
        same_shown(&["-o", list], &["lru_crawler enable", "lru_crawler enable"]);
    }
    let odd = ["-I", "1024", "-o", "slab_chunk_max=1,no_lru_crawler,no_lru_maintainer"];
    assert_eq!(stats_lines(&odd), 84);
    same_shown(&odd, &[]);
}

fn stats_lines(words: &[&str]) -> usize {
    let server = ServerOptions::new(ServerKind::Slabcore, 2).on_unix_socket().arguments(words);
    server.start().connect().stats("").len()
}

/// The system chooses addresses. Everything else is shown as it was given.
#[test]
fn ports_are_shown_as_they_were_given() {
    if !compare_settings() {
        return;
    }
    let words: &[&[&str]] = &[
        &["-a", "755"],
        &["-l", "[::1]"],
        &["-l", "127.0.0.1", "-l", "127.0.0.1"],
        &["-l", "127.0.0.1,[::1]"],
    ];
    for words in words {
        let [ours, stock] = [ServerKind::Slabcore, ServerKind::Stock].map(|kind| {
            let server = ServerOptions::new(kind, 2).arguments(words).start();
            let settings = server.connect().stats("settings").into_iter();
            let names = ["udpport", "inter", "umask", "num_threads_per_udp", "binding_protocol"];
            settings.filter(|(name, _)| names.contains(&&**name)).collect::<Vec<_>>()
        });
        assert_eq!(ours, stock, "with {words:?}");
    }
}

#[test]
fn other_words_are_answered_as_by_stock() {
    for kind in [ServerKind::Slabcore, ServerKind::Stock] {
        let server = ServerOptions::new(kind, 2).start();
        let mut client = server.connect();
        let usage = "CLIENT_ERROR usage: stats detail on|off|dump\r\n";
        let table = [
            ("stats foo", "ERROR\r\n"),
            ("stats sizes_enable", "ERROR\r\n"),
            ("stats sizes_disable", "ERROR\r\n"),
            ("stats sizesx", "ERROR\r\n"),
            ("stats resetx", "ERROR\r\n"),
            ("stats detailx", "ERROR\r\n"),
            ("stats dump", "ERROR\r\n"),
            ("stats proxy", "ERROR\r\n"),
            ("stats extstore", "END\r\n"),
            ("stats reset", "RESET\r\n"),
            ("stats reset x", "RESET\r\n"),
            ("stats sizes", "STAT sizes_status disabled\r\nEND\r\n"),
            ("stats sizes x", "STAT sizes_status disabled\r\nEND\r\n"),
            ("stats detail", usage),
            ("stats detail ", usage),
            ("stats detail foo", usage),
            ("stats detail on", "OK\r\n"),
            ("stats detail on x", "OK\r\n"),
            ("stats detail dump", "END\r\n"),
            ("stats detail  off", "OK\r\n"),
        ];
        for (request, reply) in table {
            client.expect(format!("{request}\r\n"), reply);
        }
    }
}
