//! UDP: frames, messages of many datagrams, and datagrams that are dropped.

use slabcore_testkit::binaries;
use slabcore_testkit::binary_packet::Packet;
use slabcore_testkit::datagram_client::DatagramClient;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};

on_both! {
    a_reply_has_the_id_of_its_request,
    each_command_has_a_message_of_its_own,
    a_long_value_comes_in_74_datagrams,
    other_datagrams_are_dropped,
    silent_commands_send_nothing,
    only_quit_is_answered_with_a_bare_frame,
    each_datagram_decides_its_protocol,
    meta_commands,
    server_commands_are_executed,
    an_error_does_not_end_the_datagram,
    counters_count_frames_too,
    ipv6,
}

/// Opcodes.
const GET: u8 = 0x00;
const SET: u8 = 0x01;
const QUIT: u8 = 0x07;
const GETQ: u8 = 0x09;
const NOOP: u8 = 0x0a;
const QUITQ: u8 = 0x17;

fn start(kind: ServerKind, threads: usize) -> ServerProcess {
    ServerOptions::new(kind, threads).with_udp().start()
}

fn a_reply_has_the_id_of_its_request(kind: ServerKind) {
    let server = start(kind, 2);
    let mut client = server.datagrams();
    for id in [0, 1, 0x1234, 0xffff] {
        // The sequence and the reserved number of a request are ignored.
        client.send_framed([id, 7, 1, 9], b"mn\r\n");
        assert_eq!(client.read_message(id), b"MN\r\n");
    }
    client.expect("set a 5 0 3\r\none\r\n", &["STORED\r\n"]);
    client.expect("get a\r\n", &["VALUE a 5 3\r\none\r\nEND\r\n"]);
    let mut connection = server.connect();
    connection.expect("get a\r\n", "VALUE a 5 3\r\none\r\nEND\r\n");
}

fn each_command_has_a_message_of_its_own(kind: ServerKind) {
    let server = start(kind, 2);
    let mut client = server.datagrams();
    client.expect(
        "set a 0 0 1\r\nx\r\nset b 0 0 1 noreply\r\n7\r\nget a\r\nincr b 1\r\n\
         delete a\r\nget a\r\n",
        &["STORED\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n", "8\r\n", "DELETED\r\n", "END\r\n"],
    );
}

fn a_long_value_comes_in_74_datagrams(kind: ServerKind) {
    let server = start(kind, 2);
    let value: Vec<u8> = (0..100 << 10).map(|number: u32| b'a' + (number % 23) as u8).collect();
    let block = [&b" 0 0 102400\r\n"[..], &value, b"\r\n"].concat();
    let mut connection = server.connect();
    let mut client = server.datagrams();
    // With two shards some keys belong to the other shard.
    for key in ["k0", "k1", "k2", "k3", "k4", "k5"] {
        connection.expect([b"set ", key.as_bytes(), &block].concat(), "STORED\r\n");
        let id = client.send(format!("get {key}\r\n"));
        let head = format!("VALUE {key} 0 102400\r\n");
        let expected = [head.as_bytes(), &value, b"\r\nEND\r\n"].concat();
        assert_eq!(expected.len().div_ceil(1392), 74);
        assert!(client.read_message(id) == expected, "another value of {key}");
    }
}

fn other_datagrams_are_dropped(kind: ServerKind) {
    let server = start(kind, 1);
    let mut client = server.datagrams();
    for bytes in [&b""[..], b"mn\r\n", b"\0\x01\0\0\0\x01\0", b"\0\x01\0\0\0\x01\0\0"] {
        client.send_raw(bytes);
        client.expect_silence();
    }
    for total in [0, 2, 0x0100, 0xffff] {
        client.send_framed([1, 0, total, 0], b"mn\r\n");
        client.expect_silence();
    }
}

fn silent_commands_send_nothing(kind: ServerKind) {
    let server = start(kind, 1);
    let mut client = server.datagrams();
    for commands in [
        "set a 0 0 1 noreply\r\nx\r\n",
        "delete nokey noreply\r\n",
        "mg nokey v q\r\n",
        "get a",
        "set a 0 0 1",
        "GET / HTTP/1.1\r\n",
    ] {
        client.send(commands);
        client.expect_silence();
    }
    client.expect("get a\r\nget a", &["VALUE a 0 1\r\nx\r\nEND\r\n"]);
    client.expect_silence();
}

fn expect_bare_frame(client: &mut DatagramClient, commands: impl AsRef<[u8]>) {
    let id = client.send(commands);
    let datagram = client.read_datagram();
    assert_eq!((datagram.id, datagram.sequence, datagram.total), (id, 0, 0));
    assert_eq!(datagram.part, b"");
}

fn only_quit_is_answered_with_a_bare_frame(kind: ServerKind) {
    let server = start(kind, 1);
    let mut client = server.datagrams();
    expect_bare_frame(&mut client, "quit\r\n");
    expect_bare_frame(&mut client, "quit\r\nset a 0 0 1\r\nx\r\n");
    expect_bare_frame(&mut client, Packet::request(QUITQ).bytes());
    client.expect("get a\r\nquit\r\nget a\r\n", &["END\r\n"]);
    client.expect_silence();
    expect_packets(&mut client, &[Packet::request(QUIT)], &[(QUIT, b"")]);
    client.expect_silence();
}

/// Sends packets in one datagram, and expects one message with one packet for each reply: opcode
/// and value.
fn expect_packets(client: &mut DatagramClient, requests: &[Packet], replies: &[(u8, &[u8])]) {
    let bytes: Vec<u8> = requests.iter().flat_map(Packet::bytes).collect();
    let id = client.send(bytes);
    for &(opcode, value) in replies {
        let message = client.read_message(id);
        let (packet, length) = Packet::read(&message).expect("a packet");
        assert_eq!((packet.opcode, &packet.value[..], length), (opcode, value, message.len()));
    }
}

fn each_datagram_decides_its_protocol(kind: ServerKind) {
    // Independent of the protocol of connections.
    for protocol in ["auto", "ascii", "binary"] {
        let server = ServerOptions::new(kind, 1).arguments(&["-B", protocol]).with_udp().start();
        let mut client = server.datagrams();
        let get = |opcode, key: &str| Packet::request(opcode).key(key);
        let set = get(SET, "k").extra(&[0; 8]).value("value");
        expect_packets(&mut client, &[set], &[(SET, b"")]);
        client.expect("get k\r\n", &["VALUE k 0 5\r\nvalue\r\nEND\r\n"]);
        let gets = [get(GET, "k"), get(GETQ, "nokey"), get(GETQ, "k"), get(GET, "nokey")];
        let replies = [(GET, &b"value"[..]), (GETQ, b"value"), (GET, b"Not found")];
        expect_packets(&mut client, &gets, &replies);
        // An incomplete header is dropped.
        let cut = &Packet::request(NOOP).bytes()[..23];
        client.send(cut);
        client.expect_silence();
    }
}

fn meta_commands(kind: ServerKind) {
    let server = start(kind, 2);
    let mut client = server.datagrams();
    client.expect("ms a 2\r\nhi\r\n", &["HD\r\n"]);
    client.expect("mg a v k Oab\r\nmn\r\n", &["VA 2 ka Oab\r\nhi\r\n", "MN\r\n"]);
    client.expect("mg a v q\r\nmg b v q\r\nmn\r\n", &["VA 2\r\nhi\r\n", "MN\r\n"]);
    client.expect("mg b v\r\nma c N0 J5 v\r\nmd a\r\n", &["EN\r\n", "VA 1\r\n5\r\n", "HD\r\n"]);
}

fn server_commands_are_executed(kind: ServerKind) {
    let server = start(kind, 2);
    let mut client = server.datagrams();
    client.expect("stats cachedump 1 0\r\nmn\r\n", &["END\r\n", "MN\r\n"]);
    client.expect("stats detail on\r\nstats detail dump\r\n", &["OK\r\n", "END\r\n"]);
    client.expect("flush_all\r\nstats foo\r\n", &["OK\r\n", "ERROR\r\n"]);
}

fn an_error_does_not_end_the_datagram(kind: ServerKind) {
    let is_older = kind == ServerKind::Stock && !binaries::stock_is_current();
    let server = start(kind, 1);
    let mut client = server.datagrams();
    client.expect(
        "nocommand\r\nset a 0 0 2\r\nlong\r\nincr nokey x\r\nget a\r\n",
        &[
            "ERROR\r\n",
            "CLIENT_ERROR bad data chunk\r\n",
            // The rest of the data block.
            if is_older { "ERROR\r\n" } else { BAD_FORMAT },
            "CLIENT_ERROR invalid numeric delta argument\r\n",
            "END\r\n",
        ],
    );
}

const BAD_FORMAT: &str = "CLIENT_ERROR bad command line format\r\n";

fn counters_count_frames_too(kind: ServerKind) {
    let server = start(kind, 1);
    let mut client = server.datagrams();
    let read = server.stat("bytes_read");
    client.expect("mn\r\n", &["MN\r\n"]);
    client.expect("mn\r\n", &["MN\r\n"]);
    let datagram_bytes = 8 + "mn\r\n".len() as u64;
    let stats_bytes = "stats\r\n".len() as u64;
    assert_eq!(server.stat("bytes_read"), read + 2 * datagram_bytes + stats_bytes);
}

fn ipv6(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).address_prefix("[::1],").with_udp().start();
    for mut client in [server.datagrams(), server.datagrams_by_ipv6()] {
        client.expect(
            "set a 0 0 1\r\nx\r\nget a\r\n",
            &["STORED\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n"],
        );
    }
}
