//! UDP behaviour of slabcore that memcached documents but does not have, and slabcore's own limits.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Instant;

use slabcore_testkit::binaries;
use slabcore_testkit::binary_packet::{Packet, REQUEST};
use slabcore_testkit::limits::SILENCE_MAX;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

/// A server with UDP, or `None` if the binary is a stock memcached.
fn start(threads: usize, arguments: &[&str]) -> Option<ServerProcess> {
    let options = ServerOptions::new(ServerKind::Slabcore, threads);
    binaries::slabcore_is_itself().then(|| options.arguments(arguments).with_udp().start())
}

/// The number of a line of `stats slabcore`.
fn own_stat(client: &mut WireClient, name: &str) -> u64 {
    let stats = client.stats("slabcore");
    let (_, value) = stats.iter().find(|it| it.0 == name).expect("a counter");
    value.parse().expect("a number")
}

/// Waits until a counter has at least this value.
fn wait_for(client: &mut WireClient, name: &str, number: u64) {
    let begun = Instant::now();
    while own_stat(client, name) < number {
        assert!(begun.elapsed() < SILENCE_MAX, "{name} stays below {number}");
    }
}

/// A supervisor may start the next server at once.
#[test]
fn a_port_is_free_once_its_server_has_ended() {
    for backend in ["auto", "epoll"] {
        for _ in 0..5 {
            let Some(server) = start(2, &["--backend", backend]) else { return };
            let port = server.udp_port();
            server.datagrams().expect("get nokey\r\n", &["END\r\n"]);
            assert!(server.stop().success());
            UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).expect("nobody holds the port");
        }
    }
}

#[test]
fn a_get_of_many_keys_is_one_message() {
    for (threads, backend) in [(1, "auto"), (2, "auto"), (2, "epoll")] {
        let Some(server) = start(threads, &["--backend", backend]) else { return };
        let mut client = server.datagrams();
        let (mut line, mut reply) = ("get nokey".to_owned(), String::new());
        for number in 0..300 {
            client.expect(format!("set k{number} 0 0 4\r\n{number:04}\r\n"), &["STORED\r\n"]);
            write!(line, " k{number}").expect("memory");
            write!(reply, "VALUE k{number} 0 4\r\n{number:04}\r\n").expect("memory");
        }
        client.expect(line + "\r\n", &[&(reply + "END\r\n")]);
    }
}

/// The values are so large that the reply is several times a connection's output limit.
#[test]
fn a_long_reply_is_put_together_from_all_shards() {
    for backend in ["auto", "epoll"] {
        let Some(server) = start(2, &["--backend", backend]) else { return };
        let mut connection = server.connect();
        let (mut line, mut reply) = ("get".to_owned(), Vec::new());
        for number in 0..30 {
            let value = vec![b'a' + number; 3000 * usize::from(number)];
            let head = format!("k{number} 0 {}\r\n", value.len());
            write!(line, " k{number}").expect("memory");
            reply.extend([b"VALUE ", head.as_bytes(), &value, b"\r\n"].concat());
            let head = format!("set k{number} 0 0 {}\r\n", value.len());
            connection.expect([head.as_bytes(), &value, b"\r\n"].concat(), "STORED\r\n");
        }
        reply.extend(b"END\r\n");
        let mut client = server.datagrams();
        // Datagrams beyond the client's receive buffer may be lost, so the test checks the count.
        client.send(line + "\r\n");
        let total = client.read_datagram().total;
        assert_eq!(usize::from(total), reply.len().div_ceil(1392));
        wait_for(&mut connection, "datagrams_sent", u64::from(total));
        assert_eq!(own_stat(&mut connection, "datagrams_sent"), u64::from(total));
    }
}

#[test]
fn a_cut_data_block_does_not_reach_into_the_next_datagram() {
    let Some(server) = start(1, &[]) else { return };
    let mut client = server.datagrams();
    client.expect("set a 0 0 3\r\nold\r\n", &["STORED\r\n"]);
    for cut in ["set a 0 0 10\r\n", "set a 0 0 10\r\nnew", "set a 0 0 3\r\nnew\r", "ms a 5\r\nnew"]
    {
        client.send(cut);
        client.expect("get a\r\n", &["VALUE a 0 3\r\nold\r\nEND\r\n"]);
    }
    // A data block that would be ignored does not, either.
    client.send("set a x 0 100\r\nnew\r\n");
    client.expect("get a\r\n", &["VALUE a 0 3\r\nold\r\nEND\r\n"]);
    client.expect("stats sizes\r\n", &["STAT sizes_status disabled\r\nEND\r\n"]);
}

#[test]
fn watch_is_not_answered_and_harms_nobody() {
    let Some(server) = start(1, &[]) else { return };
    let mut client = server.datagrams();
    for commands in ["watch\r\n", "watch fetchers\r\nget a\r\n", "watch\n"] {
        client.send(commands);
        client.expect_silence();
    }
    client.expect("get a\r\nwatch\r\nget a\r\n", &["END\r\n"]);
    client.expect_silence();
}

/// A datagram has the address of another server as its sender. memcached answers replies, and two
/// servers would answer each other for ever. The value of `k` is a request inside a reply.
#[test]
fn replies_are_not_answered() {
    let Some(server) = start(1, &[]) else { return };
    let mut client = server.datagrams();
    client.expect("set k 0 0 10\r\nx\r\nget k\r\n\r\nset n 0 0 1\r\n5\r\n", &["STORED\r\n"; 2]);
    let binary = |opcode, key: &str| Packet::request(opcode).key(key).bytes();
    let requests: &[&[u8]] = &[
        b"foo\r\n",
        b"get k\r\n",
        b"gets nokey\r\n",
        b"set a 0 0 1\r\nx\r\n",
        b"set a 0 0 1\r\nxyz",
        b"add a 0 0 1\r\nx\r\n",
        b"cas k 0 0 1 1\r\nx\r\n",
        b"touch k 0\r\n",
        b"incr n 5\r\n",
        b"incr k 5\r\n",
        b"mg k v\r\n",
        b"mg k s\r\n",
        b"mg nokey\r\n",
        b"ms k 1 ME\r\nx\r\n",
        b"ma nokey\r\n",
        b"me k\r\n",
        b"mn\r\n",
        b"delete a\r\n",
        b"delete nokey\r\n",
        b"version\r\n",
        b"verbosity 0\r\n",
        b"stats\r\n",
        b"stats detail dump\r\n",
        b"stats reset\r\n",
        b"slabs reassign 1 1\r\n",
        b"slabs reassign 1 2\r\n",
        b"lru_crawler crawl 99\r\n",
        b"lru_crawler crawl ,\r\n",
        b"cache_memlimit 1\r\n",
        b"cache_memlimit 2000000000\r\n",
        b"refresh_certs\r\n",
        b"shutdown\r\n",
        &binary(0x00, "k"),
        &binary(0x00, "nokey"),
        &binary(0x0a, ""),
    ];
    for &request in requests {
        let id = client.send(request);
        let message = client.read_message(id);
        client.send(message);
        client.expect_silence();
    }
    // Replies of another memcached are not answered, either.
    for line in
        ["SERVER_ERROR out of memory\r\n", "ERROR\r\nERROR\r\n", "ITEM k [1 b; 0 s]\r\nEND\r\n"]
    {
        client.send(line);
        client.expect_silence();
    }
    client.expect("FOO\r\nERRORS\r\n", &["ERROR\r\n"; 2]);
}

/// The reply has the keys of all shards in one message.
#[test]
fn cachedump_is_answered() {
    for (threads, backend) in [(1, "auto"), (2, "auto"), (2, "epoll")] {
        let Some(server) = start(threads, &["--backend", backend]) else { return };
        let mut client = server.datagrams();
        for number in 0..300 {
            client.expect(format!("set k{number:03} 0 0 1\r\nx\r\n"), &["STORED\r\n"]);
        }
        let id = client.send("stats cachedump 1 0\r\nmn\r\n");
        let message = String::from_utf8(client.read_message(id)).expect("keys are text");
        let mut lines: Vec<&str> = message.lines().collect();
        assert_eq!(lines.pop(), Some("END"));
        lines.sort_unstable();
        let expected: Vec<_> =
            (0..300).map(|number| format!("ITEM k{number:03} [1 b; 0 s]")).collect();
        assert_eq!(lines, expected);
        assert_eq!(client.read_message(id), b"MN\r\n");
    }
}

#[test]
fn an_answer_has_a_limit() {
    let Some(server) = start(2, &["-m", "256"]) else { return };
    let mut connection = server.connect();
    let value = "v".repeat(1_000_000);
    connection.expect(format!("set a 0 0 1000000\r\n{value}\r\n"), "STORED\r\n");
    // A message above the limit is not sent at all.
    let mut client = server.datagrams();
    client.send(format!("get{}\r\n", " a".repeat(17)));
    wait_for(&mut connection, "answers_dropped", 1);
    assert_eq!(own_stat(&mut connection, "datagrams_sent"), 0);
    // Of several messages, those within the limit are sent.
    client.send("get a\r\n".repeat(17));
    wait_for(&mut connection, "answers_dropped", 2);
    let datagrams = 1_000_029_u64.div_ceil(1392);
    assert_eq!(own_stat(&mut connection, "datagrams_sent"), 16 * datagrams);
    // The server keeps nothing of the dropped messages.
    let mut client = server.datagrams();
    client.expect("delete a\r\nget a\r\n", &["DELETED\r\n", "END\r\n"]);
}

/// Sends more requests at once than the server executes at a time.
#[test]
fn a_burst_is_answered() {
    for backend in ["auto", "epoll"] {
        let Some(server) = start(2, &["--backend", backend]) else { return };
        let mut client = server.datagrams();
        let ids: Vec<u16> =
            (0..150).map(|number| client.send(format!("get k{number}\r\n"))).collect();
        let mut answered: Vec<u16> = ids.iter().map(|_| client.read_datagram().id).collect();
        answered.sort_unstable();
        assert_eq!(answered, ids);
    }
}

/// Sends random bytes, with and without frames, and truncated requests.
#[test]
fn junk_is_survived() {
    for (threads, backend) in [(1, "auto"), (2, "auto"), (2, "epoll")] {
        let Some(server) = start(threads, &["--backend", backend]) else { return };
        let junk = server.datagrams();
        // Another socket, since some junk may be answered.
        let mut client = server.datagrams();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let starts = [&b"set a 0 0 5\r\n"[..], b"get a b c\r\n", b"mg a v k\r\n", b"gat 1 ", b""];
        for round in 0..2000 {
            let start = starts[next() as usize % starts.len()];
            let length = next() as usize % 60;
            let mut bytes: Vec<u8> = (0..length).map(|_| next() as u8).collect();
            if round % 4 == 0 {
                bytes.insert(0, REQUEST);
            }
            let bytes = [start, &bytes].concat();
            if round % 8 == 7 {
                junk.send_raw(&bytes);
            } else {
                junk.send_framed([round, 0, 1, 0], &bytes);
            }
            if round % 32 == 31 {
                // The server's receive buffer holds only this many.
                client.expect("mn\r\n", &["MN\r\n"]);
            }
        }
        client.expect("set k 0 0 1\r\nx\r\n", &["STORED\r\n"]);
        client.expect("get k\r\n", &["VALUE k 0 1\r\nx\r\nEND\r\n"]);
        server.connect().expect("get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n");
    }
}
