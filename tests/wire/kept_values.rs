//! Values that a full server keeps whatever their size: those that were just stored.

use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

on_both! {
    a_value_is_there_for_the_next_get,
    a_large_value_outlives_the_next_set,
    small_values_are_there_after_the_next_long_one,
}

const MEMORY_MIB: usize = 64;
/// Sets without replies that are sent before the server must answer.
const SETS_AT_ONCE: usize = 1_000;

/// Lengths of values of one chunk to many.
const LONG: [usize; 4] = [20_000, 100_000, 500_000, 900_000];

const OUT_OF_MEMORY: &[u8] = b"server_error out of memory";

/// Bytes that differ by position, with line ends among them.
fn pattern(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * 31 + seed * 7 + at / 251) % 256) as u8).collect()
}

fn set_request(key: &str, value: &[u8]) -> Vec<u8> {
    let line = format!("set {key} 0 0 {}\r\n", value.len());
    [line.as_bytes(), value, b"\r\n"].concat()
}

fn set(client: &mut WireClient, key: &str, value: &[u8]) {
    client.expect(set_request(key, value), "STORED\r\n");
}

/// False: refused for lack of memory.
fn is_stored(client: &mut WireClient, key: &str, value: &[u8]) -> bool {
    client.send(&set_request(key, value));
    let reply = client.read_line();
    assert!(reply == b"STORED\r\n" || reply.to_ascii_lowercase().starts_with(OUT_OF_MEMORY));
    reply == b"STORED\r\n"
}

fn is_hit(client: &mut WireClient, key: &str, value: &[u8]) -> bool {
    client.send(format!("get {key}\r\n").as_bytes());
    let line = client.read_line();
    if line == b"END\r\n" {
        return false;
    }
    assert_eq!(line, format!("VALUE {key} 0 {}\r\n", value.len()).as_bytes());
    assert!(client.read_exact(value.len()) == value, "{key}: another value");
    client.expect_reply("\r\nEND\r\n");
    true
}

/// A client whose values nobody reads.
struct Others {
    client: WireClient,
    number: usize,
}

impl Others {
    fn new(server: &ServerProcess) -> Self {
        Self { client: server.connect(), number: 0 }
    }

    /// Stores this many new items with values of this length.
    fn store(&mut self, items: usize, length: usize) {
        let mut left = items;
        while left > 0 {
            let sets = left.min(SETS_AT_ONCE);
            let mut requests = Vec::new();
            for _ in 0..sets {
                let key = format!("other{:08}", self.number);
                let line = format!("set {key} 0 0 {length} noreply\r\n{:length$}\r\n", "");
                requests.extend_from_slice(line.as_bytes());
                self.number += 1;
            }
            self.client.send(&requests);
            self.client.round_trip();
            left -= sets;
        }
    }

    /// Stores as many bytes of values of this length as the server has memory.
    fn store_a_turnover(&mut self, length: usize) {
        self.store((MEMORY_MIB << 20) / length, length);
    }
}

/// Values of 700,000 bytes were gone at the next get, in half of the tries or more.
fn a_value_is_there_for_the_next_get(kind: ServerKind) {
    let refuses = kind == ServerKind::Stock || !binaries::slabcore_is_itself();
    for server in kind.servers(&["-m", &MEMORY_MIB.to_string()]) {
        let (mut client, mut others) = (server.connect(), Others::new(&server));
        others.store_a_turnover(100);
        for round in 0..15 {
            for length in [100, 20_000, 500_000, 700_000, 900_000] {
                let (key, value) = (format!("value{length}-{round}"), pattern(round, length));
                if !is_stored(&mut client, &key, &value) {
                    // memcached refuses long values until it has moved pages to their class.
                    assert!(refuses, "{length} bytes, round {round}");
                    continue;
                }
                assert!(is_hit(&mut client, &key, &value), "{length} bytes, round {round}");
                others.store(1, 5_000);
                assert!(is_hit(&mut client, &key, &value), "{length} bytes after a set");
                others.store(20, 100);
            }
        }
    }
}

/// `get big` after `set big` and one more small set answered END.
fn a_large_value_outlives_the_next_set(kind: ServerKind) {
    for server in kind.servers(&["-m", &MEMORY_MIB.to_string()]) {
        let (mut client, mut others) = (server.connect(), Others::new(&server));
        others.store(30_000, 5_000);
        let value = pattern(1, 500_000);
        set(&mut client, "big", &value);
        others.store(1, 5_000);
        assert!(is_hit(&mut client, "big", &value));
        others.store(500, 5_000);
        assert!(is_hit(&mut client, "big", &value), "after 500 sets");
    }
}

/// A page was cleared at once for another client's long value, with all small items in it, also
/// those that had just been stored.
fn small_values_are_there_after_the_next_long_one(kind: ServerKind) {
    for server in kind.servers(&["-m", &MEMORY_MIB.to_string()]) {
        let (mut client, mut others) = (server.connect(), Others::new(&server));
        others.store_a_turnover(100);
        for (round, length) in (0..8).flat_map(|round| LONG.map(|length| (round, length))) {
            let keys: Vec<_> =
                (0..20).map(|number| format!("small{round}-{length}-{number}")).collect();
            let value = pattern(round, 100);
            for key in &keys {
                set(&mut client, key, &value);
            }
            // memcached may refuse it.
            is_stored(&mut client, &format!("long{round}-{length}"), &pattern(round, length));
            for key in &keys {
                assert!(is_hit(&mut client, key, &value), "{key} after {length} bytes");
            }
            others.store(2_000, 100);
        }
    }
}
