//! Clients that stop in the middle of a large value: the memory of this value stays, and no other.

use std::time::Instant;

use slabcore_testkit::limits::SILENCE_MAX;
use slabcore_testkit::server_process::{ServerKind, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

/// More than the buffers of both sockets.
const LARGE_BYTES: usize = 12 << 20;
const PAGE_BYTES: u64 = 64 << 10;
const SMALL_BYTES: usize = 4_000;

/// Servers with each backend, with one shard and with two, full of small values.
fn full_servers() -> impl Iterator<Item = ServerProcess> {
    let servers = ServerKind::Slabcore.servers(&["-I", "32m", "-m", "128"]);
    servers.inspect(|server| fill(&mut server.connect(), 40_000))
}

/// Stores small values.
fn fill(client: &mut WireClient, count: usize) {
    let value = "x".repeat(SMALL_BYTES);
    for number in 0..count {
        let set = format!("set key{number} 0 0 {SMALL_BYTES} noreply\r\n{value}\r\n");
        client.send(set.as_bytes());
    }
    client.round_trip();
}

/// Bytes that differ by position, with line ends among them.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * 31 + at / 251) % 256) as u8).collect()
}

fn store(client: &mut WireClient, key: &str, value: &[u8]) {
    let line = format!("set {key} 0 0 {}\r\n", value.len());
    client.expect([line.as_bytes(), value, b"\r\n"].concat(), "STORED\r\n");
}

fn is_intact(client: &mut WireClient, key: &str, value: &[u8]) -> bool {
    client.send(format!("get {key}\r\n").as_bytes());
    let head = format!("VALUE {key} 0 {}\r\n", value.len());
    let is_whole = client.read_line() == head.as_bytes() && client.read_exact(value.len()) == value;
    client.expect_reply("\r\nEND\r\n");
    is_whole
}

/// Stores and reads a small value.
fn check_service(client: &mut WireClient) {
    let value = pattern(SMALL_BYTES);
    store(client, "small", &value);
    assert!(is_intact(client, "small", &value));
}

/// A client that has read the first line of a large value, and no more.
fn stuck_reader(server: &ServerProcess, value: &[u8]) -> WireClient {
    let mut reader = server.connect();
    // More of the same class, so that its pages cost most to keep.
    for key in ["first", "second", "large"] {
        store(&mut reader, key, value);
    }
    reader.send(b"get large\r\n");
    assert_eq!(reader.read_line(), format!("VALUE large 0 {}\r\n", value.len()).as_bytes());
    fill(&mut server.connect(), 10_000);
    reader
}

/// A client that has uploaded one half of a large value. The server has taken it in.
fn stuck_writer(server: &ServerProcess, value: &[u8]) -> WireClient {
    let mut writer = server.connect();
    writer.send(b"delete upload\r\n");
    writer.read_line();
    let half = value.len() / 2;
    let line = format!("set upload 0 0 {}\r\n", value.len());
    writer.send(&[line.as_bytes(), &value[..half]].concat());
    let mut client = server.connect();
    wait(|| {
        // The half lies in chunks of 32 KiB, the longest ones.
        let slabs = client.stats("slabs");
        let used = slabs.iter().rev().find(|(name, _)| name.ends_with(":used_chunks"));
        used.is_some_and(|(_, used)| used.parse::<usize>().expect("a number") >= half >> 15)
    });
    writer
}

/// Waits until something is so.
fn wait(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + SILENCE_MAX;
    while !is_so() {
        assert!(Instant::now() < deadline, "it does not become so");
    }
}

/// Lowers the limit, and waits until the shards own no more pages than these.
fn lower(client: &mut WireClient, mebibytes: u64, pages_max: u64) {
    client.expect(format!("cache_memlimit {mebibytes}\r\n"), "OK\r\n");
    let mut owned = u64::MAX;
    let deadline = Instant::now() + SILENCE_MAX;
    while owned > pages_max {
        let stats = client.stats("slabcore");
        let pages = stats.iter().find(|(name, _)| name == "pages_owned").map(|(_, pages)| pages);
        owned = pages.expect("a line").parse().expect("a number");
        assert!(Instant::now() < deadline, "{owned} pages, not {pages_max} at {mebibytes} MiB");
    }
}

const fn pages(mebibytes: u64) -> u64 {
    (mebibytes << 20) / PAGE_BYTES
}

/// Nothing moved until the reader left: all shards kept their memory.
#[test]
fn a_reader_does_not_hold_up_a_lower_limit() {
    let value = pattern(LARGE_BYTES);
    for server in full_servers() {
        let mut client = server.connect();
        let mut reader = stuck_reader(&server, &value);
        lower(&mut client, 32, pages(32));
        check_service(&mut client);
        // Less than the value needs. The shards keep little beside it.
        lower(&mut client, 8, pages(12 + 2));
        check_service(&mut client);
        let resident = || server.status_kib("VmRSS");
        let before = resident();
        assert!(reader.read_exact(value.len()) == value);
        reader.expect_reply("\r\nEND\r\n");
        // No request wakes the shards now.
        wait(|| resident() + (4 << 10) < before);
        lower(&mut client, 8, pages(8));
        check_service(&mut client);
    }
}

/// An upload is as stuck as a reader. It ends as if the limit had always been so.
#[test]
fn half_an_upload_does_not_hold_up_a_lower_limit() {
    let value = pattern(LARGE_BYTES);
    for server in full_servers() {
        let mut client = server.connect();
        let mut writer = stuck_writer(&server, &value);
        lower(&mut client, 32, pages(32));
        check_service(&mut client);
        writer.send(&value[LARGE_BYTES / 2..]);
        writer.expect("\r\n", "STORED\r\n");
        assert!(is_intact(&mut writer, "upload", &value));
        let mut writer = stuck_writer(&server, &value);
        lower(&mut client, 8, pages(8));
        writer.send(&value[LARGE_BYTES / 2..]);
        writer.expect("\r\n", "SERVER_ERROR out of memory storing object\r\n");
        lower(&mut client, 8, pages(8));
        check_service(&mut client);
        writer.round_trip();
    }
}

/// The limit falls while the second half of a value comes in. Its shard gave pages that the value
/// needed, and could not get them back: the pool lends none above the limit.
#[test]
fn an_upload_ends_while_the_limit_falls() {
    let value = pattern(LARGE_BYTES);
    for server in full_servers() {
        let mut client = server.connect();
        let mut writer = stuck_writer(&server, &value);
        client.expect("cache_memlimit 40\r\n", "OK\r\n");
        writer.send(&value[LARGE_BYTES / 2..]);
        writer.expect("\r\n", "STORED\r\n");
        lower(&mut client, 40, pages(40));
        check_service(&mut client);
    }
}
