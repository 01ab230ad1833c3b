//! Many connections, and the limit on them.

use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};

on_both! {
    a_thousand_idle_connections,
    connections_above_the_limit_are_refused_with_a_message,
    connections_come_and_go,
    sigterm_ends_the_server,
}

fn a_thousand_idle_connections(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-c", "2000"]).start();
    let mut clients: Vec<_> = (0..1000).map(|_| server.connect()).collect();
    // Each connection was accepted and answers.
    for client in &mut clients {
        client.round_trip();
    }
    assert!(server.stat("curr_connections") >= 1000);
    for (number, client) in clients.iter_mut().enumerate().rev() {
        client.expect(format!("set k{number} 0 0 1\r\nx\r\n"), "STORED\r\n");
    }
    assert_eq!(server.stat("curr_items"), 1000);
}

fn connections_above_the_limit_are_refused_with_a_message(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-c", "100"]).start();
    let mut clients = Vec::new();
    // memcached counts file descriptors instead of clients, so the exact number is not compared.
    let refused = (0..150).find_map(|_| {
        let mut client = server.connect();
        // The refusal comes before any request, so a write may fail on a closed connection.
        let _ = client.try_send(b"version\r\n");
        let line = client.read_line();
        clients.push(client);
        (!line.starts_with(b"VERSION ")).then_some(line)
    });
    assert_eq!(refused.as_deref(), Some(&b"ERROR Too many open connections\r\n"[..]));
    assert!(clients.len() > 50, "only {} clients of 100", clients.len());
    let mut last = clients.pop().expect("the refused one");
    assert_eq!(last.read_to_close(), b"");
    // An accepted client sees the refusal in the counters, and stays connected.
    let rejected = clients[0].stat("rejected_connections").expect("a counter");
    assert!(rejected.parse::<u64>().expect("a number") >= 1);
}

/// Closed connections make room: more clients connect one after the other than may be connected at
/// once.
fn connections_come_and_go(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-c", "200"]).start();
    for round in 0..1000 {
        let mut client = server.connect();
        client.expect(format!("set a 0 0 4\r\n{round:04}\r\nquit\r\n"), "STORED\r\n");
        // The server closes first, so that it has forgotten this client before the next one
        // connects.
        assert_eq!(client.read_to_close(), b"");
    }
    assert!(server.stat("total_connections") >= 1000);
}

fn sigterm_ends_the_server(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    client.expect("set a 0 0 1\r\nx\r\n", "STORED\r\n");
    let status = server.stop();
    assert!(status.success(), "it ended with {status}");
    assert_eq!(client.read_to_close(), b"");
}
