//! Values that arrive slowly, large values, and incomplete values.

use std::thread;

use slabcore_testkit::server_process::{ServerKind, ServerProcess};

on_both! {
    a_value_that_comes_byte_by_byte,
    an_unfinished_value_is_not_there_yet,
    an_uploader_that_dies_leaves_the_old_value,
    large_values_over_several_connections,
    many_sizes_come_back_whole,
    unix_socket,
}

/// Bytes that differ by position, with line ends among them.
fn pattern(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * 31 + seed * 7 + at / 251) % 256) as u8).collect()
}

fn set_request(key: &str, value: &[u8]) -> Vec<u8> {
    [format!("set {key} 0 0 {}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
}

fn hit(key: &str, value: &[u8]) -> Vec<u8> {
    [format!("VALUE {key} 0 {}\r\n", value.len()).as_bytes(), value, b"\r\nEND\r\n"].concat()
}

fn a_value_that_comes_byte_by_byte(kind: ServerKind) {
    for threads in [1, 2] {
        let server = ServerProcess::new(kind, threads);
        let mut pacer = server.connect();
        let mut client = server.connect();
        let value = pattern(1, 700);
        for byte in set_request("slow", &value) {
            client.send(&[byte]);
            // The server has executed a turn before the next byte is sent.
            pacer.round_trip();
        }
        client.expect_reply("STORED\r\n");
        assert!(read_hit(&server, "slow") == Some(value));
    }
}

fn an_unfinished_value_is_not_there_yet(kind: ServerKind) {
    let server = ServerProcess::new(kind, 1);
    let mut client = server.connect();
    client.send(b"set a 0 0 10\r\n01234");
    for _ in 0..10 {
        server.connect().expect("get a\r\n", "END\r\n");
    }
    client.expect("56789\r\n", "STORED\r\n");
    server.connect().expect("get a\r\n", "VALUE a 0 10\r\n0123456789\r\nEND\r\n");
}

fn an_uploader_that_dies_leaves_the_old_value(kind: ServerKind) {
    for threads in [1, 2] {
        let server = ServerProcess::new(kind, threads);
        let mut client = server.connect();
        let old = pattern(2, 50_000);
        client.expect(set_request("a", &old), "STORED\r\n");
        let memory = server.stat("bytes");
        for _ in 0..20 {
            let mut uploader = server.connect();
            uploader.send(b"set a 0 0 600000\r\n");
            uploader.send(&b"n".repeat(300_000));
            drop(uploader);
        }
        assert!(read_hit(&server, "a") == Some(old));
        // Memory of interrupted uploads is free again: several times the memory limit is stored.
        for round in 0..200 {
            let value = pattern(round, 500_000);
            client.expect(set_request("b", &value), "STORED\r\n");
        }
        client.expect("delete b\r\n", "DELETED\r\n");
        assert_eq!(server.stat("bytes"), memory);
    }
}

fn large_values_over_several_connections(kind: ServerKind) {
    const CONNECTIONS: usize = 6;
    let server = ServerProcess::new(kind, 2);
    thread::scope(|scope| {
        for number in 0..CONNECTIONS {
            let mut client = server.connect();
            scope.spawn(move || {
                let key = format!("large-{number}");
                for round in 0..8 {
                    let length = 1_048_500 - 100_000 * ((number + round) % 8);
                    let value = pattern(number + round, length);
                    client.expect(set_request(&key, &value), "STORED\r\n");
                    client.send(format!("get {key}\r\n").as_bytes());
                    let reply = hit(&key, &value);
                    assert!(client.read_exact(reply.len()) == reply, "{key} in round {round}");
                }
            });
        }
    });
}

/// Lengths around powers of two cover every boundary of buffers, chunks and pages.
fn many_sizes_come_back_whole(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    for power in 0..=19 {
        for length in [(1_usize << power) - 1, 1 << power, (1 << power) + 1] {
            let value = pattern(power, length);
            client.expect(set_request("s", &value), "STORED\r\n");
            client.send(b"get s\r\n");
            let reply = hit("s", &value);
            assert!(client.read_exact(reply.len()) == reply, "{length} bytes");
        }
    }
}

fn unix_socket(kind: ServerKind) {
    use slabcore_testkit::server_process::ServerOptions;

    let server = ServerOptions::new(kind, 2).on_unix_socket().start();
    let value = pattern(3, 100_000);
    server.connect().expect(set_request("a", &value), "STORED\r\n");
    assert!(read_hit(&server, "a") == Some(value));
    assert_eq!(server.stat("curr_items"), 1);
}

/// Reads a key's value over a new connection.
fn read_hit(server: &ServerProcess, key: &str) -> Option<Vec<u8>> {
    let mut client = server.connect();
    client.send(format!("get {key}\r\n").as_bytes());
    let line = String::from_utf8(client.read_line()).expect("an ASCII line");
    if line == "END\r\n" {
        return None;
    }
    let length = line.trim_end().rsplit(' ').next().and_then(|word| word.parse().ok());
    let value = client.read_exact(length.expect("VALUE ends in a length"));
    client.expect_reply("\r\nEND\r\n");
    Some(value)
}
