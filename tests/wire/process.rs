//! Signals, limits on connections, idle clients, and log lines.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::wire_client::WireClient;

on_both! {
    signals_end_it_with_status_0,
    idle_clients_are_closed_and_busy_ones_are_not,
    a_line_that_never_ends_does_not_keep_a_client,
    without_maxconns_fast_clients_wait,
    without_descriptors_clients_wait,
    the_unix_socket_has_the_mode_asked_for,
    verbose_lines_that_operators_look_for,
    a_session_in_the_log,
    a_tag_of_a_listener_is_kept,
    an_address_may_be_named_twice,
}

/// The ring of the probe at start leaked its receive buffers, 4 MiB.
#[test]
fn a_shard_has_one_ring_of_receive_buffers() {
    const RING_KIB: u64 = (256 * 16) + 4;
    let server = ServerOptions::new(ServerKind::Slabcore, 2).start();
    server.connect().round_trip();
    let maps = fs::read_to_string(format!("/proc/{}/smaps", server.pid())).expect("it runs");
    // Huge pages are requested for them and for the item memory; none are reserved.
    let is_of_rings = |flags: &str| flags.contains(" hg") && !flags.contains(" nr");
    let (mut size, mut all) = (0, 0);
    for line in maps.lines() {
        if let Some(kib) = line.strip_prefix("Size:") {
            size = kib.trim().trim_end_matches(" kB").parse().expect("a number");
        } else if line.strip_prefix("VmFlags:").is_some_and(is_of_rings) {
            all += size;
        }
    }
    assert!(all <= 2 * RING_KIB, "{all} KiB of receive buffers");
}

const NON_NUMERIC: &str = "CLIENT_ERROR cannot increment or decrement non-numeric value";

/// Number of clients that become idle at the same time.
const IDLE_CLIENTS: usize = 1_100;

fn signals_end_it_with_status_0(kind: ServerKind) {
    let signals = [
        (Signal::TERM, "Exiting normally"),
        (Signal::INT, "Exiting normally"),
        (Signal::USR1, "Gracefully stopping"),
    ];
    for (signal, last_words) in signals {
        let mut server = ServerOptions::new(kind, 1).arguments(&["-v"]).start();
        server.signal(Signal::PIPE);
        server.connect().round_trip();
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{signal:?}");
        let log = server.log();
        assert!(log.lines().any(|line| line.contains(last_words)), "{signal:?}: {log}");
    }
}

fn idle_clients_are_closed_and_busy_ones_are_not(kind: ServerKind) {
    let words = ["-o", "idle_timeout=2", "-c", "2000"];
    let server = ServerOptions::new(kind, 1).arguments(&words).start();
    let mut busy = server.connect();
    assert_eq!(busy.stat("idle_kicks").as_deref(), Some("0"));
    // More than one turn checks.
    let idle: Vec<_> = (0..IDLE_CLIENTS).map(|_| server.connect()).collect();
    let deadline = Instant::now() + Duration::from_secs(30);
    while busy.stat("idle_kicks") != Some(IDLE_CLIENTS.to_string()) {
        assert!(Instant::now() < deadline, "not all idle clients are closed");
        std::thread::sleep(Duration::from_millis(100));
    }
    for mut client in idle {
        assert_eq!(client.read_to_close(), b"");
    }
    busy.round_trip();
    let settings = busy.stats("settings");
    assert!(settings.contains(&("idle_timeout".into(), "2".into())), "{settings:?}");
}

/// Each byte of a line restarted the idle time. A client that sends a value is not idle, no matter
/// how slowly it sends.
fn a_line_that_never_ends_does_not_keep_a_client(kind: ServerKind) {
    let server = ServerOptions::new(kind, 1).arguments(&["-o", "idle_timeout=2"]).start();
    let [mut busy, mut dribbling, mut storing] = [(); 3].map(|()| server.connect());
    storing.send(b"set key 0 0 1000\r\n");
    dribbling.send(b"get ");
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut stored = 0;
    while busy.stat("idle_kicks").as_deref() == Some("0") {
        assert!(Instant::now() < deadline, "a client with a cut line is not closed");
        // The server may have closed already.
        let _ = dribbling.try_send(b"k");
        storing.send(b"v");
        stored += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(dribbling.read_to_close(), b"");
    storing.expect("v".repeat(1000 - stored) + "\r\n", "STORED\r\n");
}

fn without_maxconns_fast_clients_wait(kind: ServerKind) {
    let words = ["-c", "40", "-o", "no_maxconns_fast"];
    let server = ServerOptions::new(kind, 1).arguments(&words).start();
    let mut first = server.connect();
    first.round_trip();
    // memcached counts descriptors, so the number of accepted clients is not compared.
    let mut taken = Vec::new();
    let number = |client: &mut WireClient, name: &str| {
        client.stat(name).expect("it is there").parse::<usize>().expect("a number")
    };
    while number(&mut first, "accepting_conns") == 1 {
        assert!(taken.len() < 45, "accepting goes on beyond the limit");
        let before = number(&mut first, "curr_connections");
        taken.push(server.connect());
        while number(&mut first, "curr_connections") == before
            && number(&mut first, "accepting_conns") == 1
        {}
    }
    std::thread::scope(|scope| {
        // With memcached the kernel may not even complete the connection.
        let waiting = scope.spawn(|| server.connect().round_trip());
        assert_eq!(first.stat("rejected_connections"), None, "nobody is turned away");
        assert_ne!(number(&mut first, "listen_disabled_num"), 0);
        taken.truncate(taken.len() / 2);
        waiting.join().expect("it is served once there is room");
    });
    while number(&mut first, "accepting_conns") == 0 {}
}

/// Another process lowered the limit on open files. Nothing was logged, and `stats` showed nothing.
fn without_descriptors_clients_wait(kind: ServerKind) {
    let server = ServerOptions::new(kind, 1).start();
    let mut first = server.connect();
    first.round_trip();
    let pid = Pid::from_raw(server.pid().cast_signed());
    let open = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("it runs").count() as u64;
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).expect("it runs");
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let maximum = limit.and_then(|it| it.split_whitespace().nth(1)?.parse().ok());
    let lowered = Rlimit { current: Some(open + 4), maximum };
    let before = prlimit(pid, Resource::Nofile, lowered).expect("its limit can be lowered");
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut number = |name: &str| -> usize {
        first.stat(name).and_then(|it| it.parse().ok()).expect("a number")
    };
    // Clients connect one after the other until one gets no descriptor. With memcached the kernel
    // then drops further ones.
    let others = number("curr_connections");
    let mut clients = Vec::new();
    while number("accepting_conns") == 1 {
        if number("curr_connections") == others + clients.len() {
            clients.push(server.connect());
        }
        assert!(Instant::now() < deadline, "it says that it accepts");
    }
    assert_ne!(first.stat("listen_disabled_num").as_deref(), Some("0"));
    let log = server.log();
    assert!(log.lines().any(|line| line == "accept4(): Too many open files"), "{log}");
    prlimit(pid, Resource::Nofile, before).expect("its limit can be raised");
    for mut client in clients {
        client.round_trip();
    }
    while first.stat("accepting_conns").as_deref() != Some("1") {
        assert!(Instant::now() < deadline, "it says that it does not accept");
    }
}

fn the_unix_socket_has_the_mode_asked_for(kind: ServerKind) {
    for (words, mode) in [(&[][..], 0o700), (&["-a", "0755"], 0o755), (&["-a", "777"], 0o777)] {
        let server = ServerOptions::new(kind, 1).on_unix_socket().arguments(words).start();
        let path = server.socket_path();
        let found = fs::metadata(path).expect("the socket").permissions().mode() & 0o7777;
        assert_eq!(found, mode, "{words:?}");
        server.connect().round_trip();
    }
}

fn verbose_lines_that_operators_look_for(kind: ServerKind) {
    let kinds = [
        ("auto", "auto-negotiate", "auto-negotiating client connection"),
        ("ascii", "ascii", "ascii client connection."),
        ("binary", "binary", "binary client connection."),
    ];
    for (protocol, listens, connects) in kinds {
        let server = ServerOptions::new(kind, 1)
            .on_unix_socket()
            .arguments(&["-vv", "-B", protocol])
            .start();
        // The test kit's own first connection may be logged later.
        let deadline = Instant::now() + Duration::from_secs(30);
        while !server.log().contains("client connection") {
            assert!(Instant::now() < deadline, "{}", server.log());
        }
        let log = server.log();
        let has = |begins: &str, ends: &str| {
            log.lines().any(|line| line.starts_with(begins) && line.ends_with(ends))
        };
        assert!(has("slab class   1: chunk size        ", ""), "{log}");
        assert!(has("slab class  10: chunk size       ", ""), "{log}");
        assert!(has("<", &format!(" server listening ({listens})")), "{log}");
        assert!(has("<", &format!(" new {connects}")), "{log}");
    }
}

/// The log lines are the same in both servers, with the descriptor that `stats conns` shows.
fn a_session_in_the_log(kind: ServerKind) {
    let server = ServerOptions::new(kind, 1).arguments(&["-vv"]).start();
    let mut client = server.connect();
    client.expect("get a\r\n", "END\r\n");
    client.expect("set a 0 0 5\r\nEND\r\n\r\n", "STORED\r\n");
    client.expect("get a b\r\n", "VALUE a 0 5\r\nEND\r\n\r\nEND\r\n");
    client.expect("incr a 1\r\n", format!("{NON_NUMERIC}\r\n"));
    let conns = client.stats("conns");
    let is_own =
        |(name, value): &&(String, String)| name.ends_with(":state") && value == "conn_parse_cmd";
    let own = conns.iter().find(is_own).expect("the one that asks");
    let id = own.0.split(':').next().expect("a descriptor").to_owned();
    client.expect("nonsense\r\n", "ERROR\r\n");
    drop(client);
    let opened = format!("<{id} new auto-negotiating client connection");
    let closed = format!("<{id} connection closed.");
    let deadline = Instant::now() + Duration::from_secs(30);
    let log = loop {
        let log = server.log();
        // The test kit's first connection may have had the same descriptor.
        let session = log.rsplit_once(&opened).map_or("", |(_, session)| session);
        if session.contains(&closed) {
            break session.to_owned();
        }
        assert!(Instant::now() < deadline, "{log}");
        std::thread::sleep(Duration::from_millis(2));
    };
    let logged = log.lines().filter(|line| line.contains(&id));
    // memcached logs the replies to some commands only, which depends on its version.
    let of_incr = format!(">{id} {NON_NUMERIC}");
    let logged: Vec<&str> = logged.filter(|line| *line != of_incr).collect();
    let expected = [
        format!("{id}: Client using the ascii protocol"),
        format!("<{id} get a"),
        format!(">{id} END"),
        format!("<{id} set a 0 0 5"),
        format!(">{id} STORED"),
        format!("<{id} get a b"),
        format!(">{id} sending key a"),
        format!(">{id} END"),
        format!("<{id} incr a 1"),
        format!("<{id} stats conns"),
        format!("<{id} nonsense"),
        format!(">{id} ERROR"),
        closed,
    ];
    assert_eq!(logged, expected, "{log}");
}

fn a_tag_of_a_listener_is_kept(kind: ServerKind) {
    for prefix in ["tag[abcdefgh]:", "tag_x_:", "proto[ascii]:tag[ab]:"] {
        let server = ServerOptions::new(kind, 1).address_prefix(prefix).start();
        let settings = server.connect().stats("settings");
        let inter = ("inter".to_owned(), format!("{prefix}127.0.0.1"));
        assert!(settings.contains(&inter), "{settings:?}");
        assert_eq!(server.log(), "");
    }
}

/// The test kit adds the address once.
fn an_address_may_be_named_twice(kind: ServerKind) {
    let server = ServerOptions::new(kind, 1).arguments(&["-l", "127.0.0.1"]).start();
    let settings = server.connect().stats("settings");
    let inter = ("inter".to_owned(), "127.0.0.1".to_owned());
    assert!(settings.contains(&inter), "{settings:?}");
    assert_eq!(server.log(), "");
}
