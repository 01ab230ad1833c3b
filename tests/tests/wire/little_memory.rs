//! Servers with hardly any memory, and those that may evict nothing.

use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::wire_client::WireClient;

on_both! {
    a_little_memory_is_enough_to_serve,
    a_full_server_stays_full_until_something_is_deleted,
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

/// Whatever shard a key belongs to.
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
