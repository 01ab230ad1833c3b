//! Clients that do not read must not delay others.

use slabcore_testkit::server_process::{ServerKind, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

on_both! {
    clients_that_do_not_read_do_not_delay_others,
}

const SLOW_CLIENTS: usize = 4;

/// Each slow client requests more than any socket buffers, and reads it when the others are done.
fn clients_that_do_not_read_do_not_delay_others(kind: ServerKind) {
    for threads in [1, 2, 8] {
        check_clients_that_do_not_read(kind, threads);
    }
}

fn check_clients_that_do_not_read(kind: ServerKind, threads: usize) {
    const VALUE_BYTES: usize = 500_000;
    const GETS: usize = 40;
    let server = ServerProcess::new(kind, threads);
    let mut modest = server.connect();
    let value = "v".repeat(VALUE_BYTES);
    modest.expect(format!("set large 0 0 {VALUE_BYTES}\r\n{value}\r\n"), "STORED\r\n");
    let slow: Vec<WireClient> = (0..SLOW_CLIENTS)
        .map(|_| {
            let mut client = server.connect();
            client.send(&b"get large\r\n".repeat(GETS));
            client
        })
        .collect();
    for number in 0..1000 {
        modest.expect(format!("set m 0 0 4\r\n{number:04}\r\n"), "STORED\r\n");
        modest.expect("get m\r\n", format!("VALUE m 0 4\r\n{number:04}\r\nEND\r\n"));
    }
    let reply = format!("VALUE large 0 {VALUE_BYTES}\r\n{value}\r\nEND\r\n");
    for mut client in slow {
        for _ in 0..GETS {
            assert!(client.read_exact(reply.len()) == reply.as_bytes());
        }
        client.round_trip();
    }
}
