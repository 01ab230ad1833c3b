//! Servers with very little memory, and servers that may not evict.

use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::wire_client::WireClient;

on_both! {
    a_little_memory_is_enough_to_serve,
    large_values_evict_what_lies_in_other_shards,
    a_full_server_stays_full_until_something_is_deleted,
    a_server_full_for_large_values_stays_so,
}

const STORED: &[u8] = b"STORED\r\n";
const OUT_OF_MEMORY: &[u8] = b"SERVER_ERROR out of memory storing object\r\n";

fn set(client: &mut WireClient, number: usize) -> Vec<u8> {
    client.send(format!("set key{number:05} 0 0 1000\r\n{:1000}\r\n", "").as_bytes());
    client.read_line()
}

fn a_little_memory_is_enough_to_serve(kind: ServerKind) {
    for memory in ["2", "3", "6"] {
        for threads in [1, 4] {
            let server = ServerOptions::new(kind, threads).arguments(&["-m", memory]).start();
            let mut client = server.connect();
            for number in 0..10_000 {
                assert_eq!(set(&mut client, number), STORED, "-m {memory} -t {threads}");
            }
            let value = " ".repeat(1000);
            client
                .expect("get key09999\r\n", format!("VALUE key09999 0 1000\r\n{value}\r\nEND\r\n"));
            let (items, evictions) = (server.stat("curr_items"), server.stat("evictions"));
            assert_eq!(items + evictions, 10_000, "-m {memory} -t {threads}");
        }
    }
}

fn set_long(client: &mut WireClient, number: usize, length: usize) -> Vec<u8> {
    let value = " ".repeat(length);
    client.send(format!("set long{number} 0 0 {length}\r\n{value}\r\n").as_bytes());
    client.read_line()
}

/// A value needs more pages than its shard has, faster than other shards give them in the
/// background.
fn large_values_evict_what_lies_in_other_shards(kind: ServerKind) {
    for (memory, threads, item_max, length) in
        [("2", 2, "1m", 1_000_000), ("4", 4, "1m", 1_000_000), ("8", 4, "4m", 3_500_000)]
    {
        let arguments = ["-m", memory, "-I", item_max];
        let server = ServerOptions::new(kind, threads).arguments(&arguments).start();
        let mut client = server.connect();
        for number in 0..150 {
            let reply = set_long(&mut client, number, length);
            assert_eq!(reply, STORED, "{number}: -m {memory} -t {threads} -I {item_max}");
        }
        assert_eq!(server.stat("curr_items") + server.stat("evictions"), 150);
    }
}

/// The chunks of a value whose memory ran out do not make room for the next value of that length.
fn a_server_full_for_large_values_stays_so(kind: ServerKind) {
    for _ in 0..10 {
        let server = ServerOptions::new(kind, 2).arguments(&["-M", "-m", "2"]).start();
        let mut client = server.connect();
        let mut set = |number| set_long(&mut client, number, 300_000);
        let refused = (0..10).find(|&number| set(number) != STORED).expect("it is full some time");
        for number in refused + 1..refused + 8 {
            assert_eq!(set(number), OUT_OF_MEMORY, "{number} after {refused}");
        }
        client.expect("delete long0\r\n", "DELETED\r\n");
        assert_eq!(set_long(&mut client, 0, 300_000), STORED);
    }
}

/// This holds for keys of every shard.
fn a_full_server_stays_full_until_something_is_deleted(kind: ServerKind) {
    for memory in ["2", "3", "6"] {
        for threads in [1, 4] {
            let arguments = ["-M", "-m", memory];
            let server = ServerOptions::new(kind, threads).arguments(&arguments).start();
            let mut client = server.connect();
            let first_refused = (0..10_000).find(|&number| set(&mut client, number) != STORED);
            let refused = first_refused.expect("the server is full some time");
            for number in refused + 1..refused + 200 {
                assert_eq!(set(&mut client, number), OUT_OF_MEMORY, "-m {memory} -t {threads}");
            }
            assert_eq!(server.stat("store_no_memory"), 200);
            assert_eq!(server.stat("evictions"), 0);
            client.expect("delete key00007\r\n", "DELETED\r\n");
            assert_eq!(set(&mut client, 7), STORED);
        }
    }
}
