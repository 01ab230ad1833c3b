//! Values larger than a socket's buffer: while a slow client reads one, others change it.

use slabcore_testkit::server_process::ServerKind;
use slabcore_testkit::wire_client::WireClient;

on_both! {
    a_slow_reader_gets_the_old_value_whole,
    clients_that_leave_in_the_middle_of_a_value,
    large_values_among_small_ones,
}

/// Number of equal requests that a client sends without waiting for replies.
const REPEATS: usize = 5;
/// More than the buffers of both sockets.
const SLOW_BYTES: usize = 12 << 20;
/// Values of 32 MiB may be stored.
const ARGUMENTS: [&str; 4] = ["-I", "32m", "-m", "100"];

/// Bytes that differ by position, with line ends among them.
fn pattern(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * 31 + seed * 7 + at / 251) % 256) as u8).collect()
}

fn store(client: &mut WireClient, key: &str, value: &[u8]) {
    let line = format!("set {key} 0 0 {}\r\n", value.len());
    client.expect([line.as_bytes(), value, b"\r\n"].concat(), "STORED\r\n");
}

fn a_slow_reader_gets_the_old_value_whole(kind: ServerKind) {
    let (old, new) = (pattern(1, SLOW_BYTES), pattern(2, SLOW_BYTES));
    for server in kind.servers(&ARGUMENTS) {
        let (mut slow, mut other) = (server.connect(), server.connect());
        let changes: [(&str, Vec<u8>); 4] = [
            ("delete", b"delete key\r\n".to_vec()),
            ("flush_all", b"flush_all\r\n".to_vec()),
            ("append", b"append key 0 0 1\r\nx\r\n".to_vec()),
            ("set", [b"set key 0 0 12582912\r\n", &new[..], b"\r\n"].concat()),
        ];
        for (name, change) in changes {
            store(&mut other, "key", &old);
            slow.send(b"get key\r\n");
            assert_eq!(slow.read_line(), format!("VALUE key 0 {SLOW_BYTES}\r\n").as_bytes());
            other.send(&change);
            let answer = other.read_line();
            assert!(!answer.starts_with(b"SERVER_ERROR"), "{name}: {answer:?}");
            // A freed old value would be overwritten now.
            store(&mut other, "other", &new);
            assert!(slow.read_exact(SLOW_BYTES) == old, "{name}: another value");
            slow.expect_reply("\r\nEND\r\n");
        }
    }
}

/// Memory held for a client is freed when it disconnects. The cache has room for four values.
fn clients_that_leave_in_the_middle_of_a_value(kind: ServerKind) {
    let value = pattern(3, 20 << 20);
    for server in kind.servers(&ARGUMENTS) {
        let mut writer = server.connect();
        for round in 0..8 {
            let key = format!("key{round}");
            store(&mut writer, &key, &value);
            let mut leaving = server.connect();
            leaving.send(format!("get {key}\r\nget {key}\r\n").as_bytes());
            assert!(leaving.read_line().starts_with(b"VALUE"));
            drop(leaving);
            // Nothing shows when the server has noticed the end, but it has executed another turn.
            writer.expect(format!("delete {key}\r\n"), "DELETED\r\n");
            server.connect().round_trip();
        }
        store(&mut writer, "last", &value);
    }
}

fn large_values_among_small_ones(kind: ServerKind) {
    for server in kind.servers(&ARGUMENTS) {
        let mut client = server.connect();
        let lengths = [1, 30_000, 70_000, 5_000, 0, 16_384, 16_385, 1_000_000, 40, 300_000];
        let (mut line, mut hits) = (b"get".to_vec(), Vec::new());
        for (number, length) in lengths.into_iter().enumerate() {
            let (key, value) = (format!("key{number}"), pattern(number, length));
            store(&mut client, &key, &value);
            line.extend_from_slice(format!(" {key} absent{number}").as_bytes());
            hits.extend_from_slice(format!("VALUE {key} 0 {length}\r\n").as_bytes());
            hits.extend_from_slice(&value);
            hits.extend_from_slice(b"\r\n");
        }
        line.extend_from_slice(b"\r\nmg key2 v\r\nget absent\r\nmn\r\n");
        hits.extend_from_slice(b"END\r\nVA 70000\r\n");
        hits.extend_from_slice(&pattern(2, 70_000));
        hits.extend_from_slice(b"\r\nEND\r\nMN\r\n");
        client.send(&line.repeat(REPEATS));
        for _ in 0..REPEATS {
            assert!(client.read_exact(hits.len()) == hits);
        }
        client.round_trip();
    }
}
