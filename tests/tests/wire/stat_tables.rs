//! Which lines `stats` and its kin have, and in which order: as stock memcached has them.

use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::wire_client::WireClient;

/// Lines that 1.6.45 has and the 1.6.38 at hand lacks.
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

/// The names of a table, with `N` in the place of class numbers, descriptors and sizes.
fn names(client: &mut WireClient, table: &str) -> Vec<String> {
    let stats = client.stats(table).into_iter();
    let names = stats.map(|(name, _)| name).filter(|name| !NEWER.contains(&name.as_str()));
    let parts = names.map(|name| {
        let parts = name.split(':').map(|part| if is_number(part) { "N" } else { part });
        parts.collect::<Vec<_>>().join(":")
    });
    let names: Vec<String> = parts.collect();
    if table != "conns" {
        return names;
    }
    // Descriptors, and so their order, are the system's choice.
    let mut sockets: Vec<&[String]> = names.chunk_by(|_, next| !begins_socket(next)).collect();
    sockets.sort();
    sockets.concat()
}

/// A socket for datagrams has a line before its address.
fn begins_socket(name: &str) -> bool {
    name == "N:UDP" || name == "N:addr"
}

fn is_number(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_digit())
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
