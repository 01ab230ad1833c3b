//! Clients that make a server hold memory: the memory is bounded, and others are served.

use std::time::Instant;

use slabcore_testkit::binaries;
use slabcore_testkit::limits::SILENCE_MAX;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

on_both! {
    get_lines_without_end,
    cut_lines_of_some_do_not_close_pipelines_of_others,
    pipelined_stats_that_nobody_reads,
    requests_that_come_faster_than_they_are_executed,
}

/// The server's largest resident memory so far, in MiB.
fn resident_mib_max(server: &ServerProcess) -> u64 {
    server.status_kib("VmHWM") >> 10
}

/// Runs `load` and checks how much the server's resident memory grew. memcached has no such bounds,
/// so only its replies are checked.
fn check_growth(server: &ServerProcess, growth_mib_max: u64, load: impl FnOnce()) {
    let before = resident_mib_max(server);
    load();
    server.connect().round_trip();
    let growth = resident_mib_max(server) - before;
    if server.kind() == ServerKind::Slabcore && binaries::slabcore_is_itself() {
        assert!(growth <= growth_mib_max, "{growth} MiB more");
    }
}

/// A line may be 4 MiB long, but not on all connections at once: incomplete lines of 40 clients
/// took 160 MiB. A first bound also refused clients without incomplete lines.
fn get_lines_without_end(kind: ServerKind) {
    let server = ServerOptions::new(kind, 1).arguments(&["-c", "500"]).start();
    let mut bystander = server.connect();
    bystander.round_trip();
    let mut clients = Vec::new();
    check_growth(&server, 90, || clients = clients_with_cut_lines(&server));
    bystander.expect("get a\r\n", "END\r\n");
    bystander.expect("set a 0 0 1\r\nx\r\n", "STORED\r\n");
    drop(clients);
    // Their memory is free again when the server has noticed that they are gone.
    let deadline = Instant::now() + SILENCE_MAX;
    while server.stat("curr_connections") > 10 {
        assert!(Instant::now() < deadline, "clients that left are still there");
    }
    let key = "k".repeat(200);
    let request = format!("get{}\r\n", format!(" {key}").repeat(10_000));
    bystander.expect(request, "END\r\n");
}

/// Clients with incomplete get lines in the server, smaller and smaller ones, until the limit
/// leaves no room for another byte.
fn clients_with_cut_lines(server: &ServerProcess) -> Vec<WireClient> {
    let line = [b"get ".to_vec(), b"k ".repeat(2_000_000)].concat();
    let mut clients = Vec::new();
    for bytes in [3_900_000, 400_000, 40_000, 4_000] {
        for _ in 0..40 {
            let client = server.connect();
            // A refused client may be closed before it has sent everything.
            let _ = client.try_send(&line[..bytes]);
            clients.push(client);
        }
    }
    clients
}

/// Incomplete lines filled the limit of a shard. Then a client was refused whose packet had more
/// requests than one connection executes at a time, while the clients with megabytes stayed.
fn cut_lines_of_some_do_not_close_pipelines_of_others(kind: ServerKind) {
    for words in kind.backends() {
        let words = [&["-c", "500"], *words].concat();
        let server = ServerOptions::new(kind, 1).arguments(&words).start();
        let clients = clients_with_cut_lines(&server);
        let mut modest = server.connect();
        for _ in 0..20 {
            let sets = "set key 0 0 20\r\n01234567890123456789\r\n";
            modest.expect(sets.repeat(100), "STORED\r\n".repeat(100));
        }
        // A long line that is shorter than the others is not refused.
        let key = "k".repeat(200);
        modest.expect(format!("get{}\r\n", format!(" {key}").repeat(100)), "END\r\n");
        drop(clients);
    }
}

/// A reply from all shards is a table of sums until it is complete, and then kilobytes of text: 512
/// of them on a connection took 4 MiB.
fn pipelined_stats_that_nobody_reads(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut clients: Vec<_> = (0..50).map(|_| server.connect()).collect();
    let mut key = server.connect();
    for power in 3..18 {
        let value = "x".repeat(1 << power);
        key.expect(format!("set k{power} 0 0 {}\r\n{value}\r\n", value.len()), "STORED\r\n");
    }
    check_growth(&server, 64, || {
        for client in &mut clients {
            client.send(&b"stats items\r\n".repeat(1000));
        }
    });
    // All of them are answered in the end.
    let mut client = clients.pop().expect("one of them");
    for _ in 0..1000 {
        let mut lines = 0;
        while client.read_line() != b"END\r\n" {
            lines += 1;
        }
        assert!(lines > 0);
    }
    client.round_trip();
}

/// With one request at a time (`-R 1`) a client sends faster than it is served. The server kept
/// reading, held megabytes of requests, and moved them with every receive.
fn requests_that_come_faster_than_they_are_executed(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-R", "1"]).start();
    let mut client = server.connect();
    client.round_trip();
    check_growth(&server, 16, || {
        let requests = b"set a 0 0 1 noreply\r\nx\r\n".repeat(50_000);
        for _ in 0..24 {
            client.send(&requests);
        }
        client.expect("get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n");
    });
}
