//! Effects of time. Tests poll for them, and check that they do not come too early.

use std::time::{Duration, Instant};

use slabcore_testkit::limits::{POLL_PAUSE_MAX, START_MAX};
use slabcore_testkit::server_process::{ServerKind, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

on_both! {
    an_item_expires,
    touch_prolongs,
    a_delayed_flush_fires,
}

/// Waits until the key is gone and returns how long that took.
fn seconds_until_gone(client: &mut WireClient, key: &str, since: Instant) -> f64 {
    let deadline = since + START_MAX;
    loop {
        client.send(format!("get {key}\r\n").as_bytes());
        if client.read_line() == b"END\r\n" {
            return since.elapsed().as_secs_f64();
        }
        client.read_line();
        client.expect_reply("END\r\n");
        assert!(Instant::now() < deadline, "{key} is still there");
        std::thread::sleep(POLL_PAUSE_MAX);
    }
}

/// An item with a ttl of n lives for n-1 to n seconds, since the server's clock ticks once a
/// second.
fn an_item_expires(kind: ServerKind) {
    for threads in [1, 2] {
        let server = ServerProcess::new(kind, threads);
        let mut client = server.connect();
        let since = Instant::now();
        client.expect("set a 0 2 1\r\nx\r\n", "STORED\r\n");
        client.expect("set b 0 0 1\r\ny\r\n", "STORED\r\n");
        let lived = seconds_until_gone(&mut client, "a", since);
        assert!(lived >= 0.9, "it lived {lived} s");
        client.expect("add a 0 0 1\r\nz\r\n", "STORED\r\n");
        client.expect("get a b\r\n", "VALUE a 0 1\r\nz\r\nVALUE b 0 1\r\ny\r\nEND\r\n");
    }
}

fn touch_prolongs(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    let since = Instant::now();
    client.expect(
        "set a 0 2 1\r\nx\r\nset b 0 2 1\r\nx\r\nset c 0 2 1\r\nx\r\n",
        "STORED\r\n".repeat(3),
    );
    client.expect("touch a 100\r\n", "TOUCHED\r\n");
    client.expect("gat 100 b\r\n", "VALUE b 0 1\r\nx\r\nEND\r\n");
    seconds_until_gone(&mut client, "c", since);
    client.expect("get a b\r\n", "VALUE a 0 1\r\nx\r\nVALUE b 0 1\r\nx\r\nEND\r\n");
}

fn a_delayed_flush_fires(kind: ServerKind) {
    for threads in [1, 2] {
        let server = ServerProcess::new(kind, threads);
        let mut client = server.connect();
        for number in 0..10 {
            client.expect(format!("set k{number} 0 0 1\r\nx\r\n"), "STORED\r\n");
        }
        let since = Instant::now();
        client.expect("flush_all 3\r\n", "OK\r\n");
        client.expect("get k1\r\n", "VALUE k1 0 1\r\nx\r\nEND\r\n");
        let lived = seconds_until_gone(&mut client, "k1", since);
        assert!(lived >= 0.9, "it lived {lived} s");
        let keys: Vec<String> = (0..10).map(|number| format!("k{number}")).collect();
        client.expect(format!("get {}\r\n", keys.join(" ")), "END\r\n");
        // Items stored in the second of the flush are flushed as well. Items stored in the next
        // second are not.
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            client.expect("set k1 0 0 1\r\ny\r\n", "STORED\r\n");
            client.send(b"get k1\r\n");
            if client.read_line() != b"END\r\n" {
                client.expect_reply("y\r\nEND\r\n");
                break;
            }
            assert!(Instant::now() < deadline, "the flush goes on");
            std::thread::sleep(POLL_PAUSE_MAX);
        }
    }
}
