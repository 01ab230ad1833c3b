//! Which protocol a connection may speak, and logins by the binary protocol.

use slabcore_testkit::binary_packet::Packet;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

use crate::users_file::UsersFile;

const GET: u8 = 0x00;
const SET: u8 = 0x01;
const FLUSH: u8 = 0x08;
const NOOP: u8 = 0x0a;
const VERSION: u8 = 0x0b;
const STAT: u8 = 0x10;
const FLUSH_QUIETLY: u8 = 0x18;
const LIST: u8 = 0x20;
const AUTH: u8 = 0x21;
const STEP: u8 = 0x22;

const NOT_FOUND: u16 = 0x0001;
const INVALID: u16 = 0x0004;
const AUTH_FAILURE: u16 = 0x0020;
const AUTH_CONTINUE: u16 = 0x0021;
const OUT_OF_MEMORY: u16 = 0x0082;

on_both! {
    a_first_byte_decides,
    only_text_may_be_spoken,
    only_binary_may_be_spoken,
    a_binary_connection_stays_one,
    an_address_names_its_protocol,
    flush_all_may_be_switched_off,
    statistics_are_packets;
    since_45: counts_by_prefix_may_be_switched_off,
}

fn ask(client: &mut WireClient, packet: &Packet) -> Packet {
    client.send(&packet.bytes());
    reply(client)
}

fn reply(client: &mut WireClient) -> Packet {
    let bytes = client.read_until(|received| Some(Packet::read(received)?.1));
    Packet::read(&bytes).expect("it was whole").0
}

fn a_first_byte_decides(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let (mut binary, mut text) = (server.connect(), server.connect());
    let set = Packet::request(SET).key("k").value("v").extra(&[0; 8]);
    assert_eq!(ask(&mut binary, &set).status, 0);
    text.expect("get k\r\n", "VALUE k 0 1\r\nv\r\nEND\r\n");
    text.expect("set k 5 0 1\r\nw\r\n", "STORED\r\n");
    let got = ask(&mut binary, &Packet::request(GET).key("k"));
    assert_eq!((got.extras, got.value), (vec![0, 0, 0, 5], b"w".to_vec()));
}

fn only_text_may_be_spoken(kind: ServerKind) {
    let server = ServerOptions::new(kind, 1).arguments(&["-B", "ascii"]).start();
    let mut client = server.connect();
    client.send(&[&Packet::request(NOOP).bytes()[..], b"\r\n"].concat());
    let line = client.read_line();
    assert!(line.ends_with(b"ERROR\r\n") || line.starts_with(b"CLIENT_ERROR"), "{line:?}");
    let mut client = server.connect();
    let settings = client.stats("settings");
    assert!(settings.contains(&("binding_protocol".into(), "ascii".into())));
}

fn an_address_names_its_protocol(kind: ServerKind) {
    let prefixed = |prefix| ServerOptions::new(kind, 2).address_prefix(prefix).start();
    let server = prefixed("proto[ascii]:");
    let mut client = server.connect();
    client.send(&[&Packet::request(NOOP).bytes()[..], b"\r\n"].concat());
    let line = client.read_line();
    assert!(line.ends_with(b"ERROR\r\n") || line.starts_with(b"CLIENT_ERROR"), "{line:?}");
    let server = prefixed("proto[binary]:");
    let mut client = server.connect();
    assert_eq!(ask(&mut client, &Packet::request(NOOP)).status, 0);
    let mut client = server.connect();
    client.send(&b"get k\r\n".repeat(4));
    assert_eq!(client.read_to_close(), b"");
    let server = prefixed("proto[negotiating]:");
    assert_eq!(ask(&mut server.connect(), &Packet::request(NOOP)).status, 0);
    server.connect().expect("get k\r\n", "END\r\n");
}

fn flush_all_may_be_switched_off(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-F"]).start();
    let mut client = server.connect();
    client.expect("set k 0 0 1\r\nv\r\n", "STORED\r\n");
    for command in ["flush_all", "flush_all 0", "flush_all -1", "flush_all x"] {
        client.expect(format!("{command}\r\n"), "CLIENT_ERROR flush_all not allowed\r\n");
    }
    client.send(b"flush_all noreply\r\n");
    client.expect("get k\r\n", "VALUE k 0 1\r\nv\r\nEND\r\n");
    assert!(client.stats("settings").contains(&("flush_enabled".into(), "no".into())));
    let mut binary = server.connect();
    for flush in [FLUSH, FLUSH_QUIETLY] {
        let refusal = ask(&mut binary, &Packet::request(flush));
        assert_eq!((refusal.status, &refusal.value[..]), (AUTH_FAILURE, &b"Auth failure."[..]));
    }
    assert_eq!(ask(&mut binary, &Packet::request(GET).key("k")).status, 0);
    assert_eq!(client.stat("cmd_flush").as_deref(), Some("5"), "what text asked for");
}

/// Text of 24 bytes counts as a header with a wrong magic.
fn only_binary_may_be_spoken(kind: ServerKind) {
    let server = ServerOptions::new(kind, 1).arguments(&["-B", "binary"]).start();
    let mut client = server.connect();
    client.send(b"get k\r\nget k\r\nget k\r\n");
    client.send(b"get k\r\n");
    assert_eq!(client.read_to_close(), b"");
    let mut client = server.connect();
    assert_eq!(ask(&mut client, &Packet::request(NOOP)).status, 0);
}

fn a_binary_connection_stays_one(kind: ServerKind) {
    let server = ServerProcess::new(kind, 1);
    let mut client = server.connect();
    assert_eq!(ask(&mut client, &Packet::request(NOOP)).status, 0);
    client.send(b"get k\r\nget k\r\nget k\r\nget k\r\n");
    assert_eq!(client.read_to_close(), b"");
}

fn statistics_are_packets(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut text = server.connect();
    text.expect("set k 0 0 1\r\nv\r\n", "STORED\r\n");
    let mut client = server.connect();
    for group in ["", "settings", "settingsfoo", "items", "slabs"] {
        let words = group.strip_suffix("foo").unwrap_or(group);
        let names: Vec<_> = text.stats(words).into_iter().map(|(name, _)| name).collect();
        let mut found = Vec::new();
        client.send(&Packet::request(STAT).key(group).opaque(7).bytes());
        loop {
            let packet = reply(&mut client);
            assert_eq!((packet.opcode, packet.status, packet.opaque), (STAT, 0, 7));
            if packet.key.is_empty() {
                break;
            }
            assert!(!packet.value.is_empty(), "{packet}");
            found.push(String::from_utf8(packet.key).expect("a name"));
        }
        assert_eq!(found, names, "{group}");
    }
    for group in ["reset", "resetfoo"] {
        let last = ask(&mut client, &Packet::request(STAT).key(group));
        assert!(last.status == 0 && last.key.is_empty() && last.value.is_empty());
    }
    assert_eq!(ask(&mut client, &Packet::request(STAT).key("foo")).status, NOT_FOUND);
}

/// Prefix counts show beginnings of keys, as dumps do.
fn counts_by_prefix_may_be_switched_off(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-X"]).start();
    let mut client = server.connect();
    for order in ["detail on", "detail dump", "detail off", "detail onx", "detail", "detail foo"] {
        let reply = ask(&mut client, &Packet::request(STAT).key(order));
        assert_eq!((reply.status, &reply.value[..]), (NOT_FOUND, &b"Not found"[..]), "{order}");
    }
    let settings = server.connect().stats("settings");
    assert!(settings.contains(&("detail_enabled".to_owned(), "no".to_owned())), "{settings:?}");
}

fn auth(mechanism: &str, said: &str) -> Packet {
    Packet::request(AUTH).key(mechanism).value(said)
}

fn check(client: &mut WireClient, request: &Packet, status: u16, body: &str) {
    let got = ask(client, request);
    assert_eq!((got.status, got.value.as_slice()), (status, body.as_bytes()), "{request}");
}

// The following tests run on slabcore only: a stock memcached authenticates by the system's SASL
// configuration.

#[test]
fn nothing_is_done_before_login() {
    let users = UsersFile::new("before", "ann:secret\n");
    let server = users.start(ServerKind::Slabcore, &["-S"]);
    let set = Packet::request(SET).key("k").value("v").extra(&[0; 8]);
    let quiet = Packet { opcode: 0x11, ..set.clone() };
    for request in [set, quiet, Packet::request(GET).key("k"), Packet::request(NOOP)] {
        let mut client = server.connect();
        client.send(&[request.bytes(), Packet::request(VERSION).bytes()].concat());
        let closed = client.read_to_close();
        let (only, length) = Packet::read(&closed).expect("an answer");
        assert_eq!(
            (only.opcode, only.status, length),
            (request.opcode, AUTH_FAILURE, closed.len())
        );
        assert_eq!(only.value, b"Auth failure.");
    }
    let mut client = server.connect();
    check(&mut client, &Packet::request(VERSION), 0, "1.6.45");
    check(&mut client, &Packet::request(LIST), 0, "PLAIN");
    check(&mut client, &auth("PLAIN", "\0ann\0secret"), 0, "Authenticated");
    let missing = ask(&mut client, &Packet::request(GET).key("k"));
    assert_eq!(missing.status, NOT_FOUND, "nothing was stored");
}

#[test]
fn wrong_logins_leave_the_connection_open() {
    let users = UsersFile::new("wrong", "ann:secret\nbob:\n");
    let server = users.start(ServerKind::Slabcore, &["-S"]);
    let mut client = server.connect();
    for said in
        ["\0ann\0wrong", "\0ann\0secre", "\0ann\0secrets", "\0eve\0secret", "ann secret", ""]
    {
        let (status, body) =
            if said.is_empty() { (AUTH_CONTINUE, "") } else { (AUTH_FAILURE, "Auth failure.") };
        check(&mut client, &auth("PLAIN", said), status, body);
    }
    let step = Packet::request(STEP).key("PLAIN");
    check(&mut client, &step.clone().value("\0ann\0secret"), 0, "Authenticated");
    check(&mut client, &Packet::request(NOOP), 0, "");
    // A client that starts another authentication loses its login.
    check(&mut client, &auth("CRAM-MD5", "\0ann\0secret"), AUTH_FAILURE, "Auth failure.");
    check(&mut client, &step.value("\0ann\0secret"), AUTH_FAILURE, "Auth failure.");
    check(&mut client, &auth(&"M".repeat(33), "x"), INVALID, "Invalid arguments");
    let long = "x".repeat(20_000);
    check(&mut client, &auth("PLAIN", &long), OUT_OF_MEMORY, "Out of memory allocating item");
    check(&mut client, &auth("PLAIN", "bob\0bob\0"), 0, "Authenticated");
    assert_eq!(stat(&mut client, "auth_cmds"), "9");
    assert_eq!(stat(&mut client, "auth_errors"), "7");
    check(&mut client, &Packet::request(LIST), 0, "PLAIN");
    check(&mut client, &Packet::request(NOOP), AUTH_FAILURE, "Auth failure.");
    assert_eq!(client.read_to_close(), b"");
}

/// The log has keys, but no values and no passwords.
#[test]
fn the_log_has_no_secrets() {
    let users = UsersFile::new("log", "ann:secret\n");
    let server = users.start(ServerKind::Slabcore, &["-S", "-vv"]);
    let mut client = server.connect();
    check(&mut client, &auth("PLAIN", "\0ann\0secret"), 0, "Authenticated");
    let set = Packet::request(SET).key("some-key").value("private").extra(&[0; 8]);
    check(&mut client, &set, 0, "");
    check(&mut client, &auth("PLAIN", "\0ann\0secret"), 0, "Authenticated");
    let log = server.log();
    assert!(log.contains("some-key"), "{log}");
    assert!(!log.contains("private") && !log.contains("secret"), "{log}");
}

#[test]
fn a_login_may_arrive_byte_by_byte() {
    let users = UsersFile::new("bytes", "ann:secret\n");
    let server = users.start(ServerKind::Slabcore, &["-S"]);
    let mut client = server.connect();
    let get = Packet::request(GET).key("k");
    let stream = [auth("PLAIN", "\0ann\0secret").bytes(), get.bytes()].concat();
    for byte in stream {
        client.send(&[byte]);
    }
    assert_eq!(reply(&mut client).value, b"Authenticated");
    assert_eq!(reply(&mut client).status, NOT_FOUND);
}

fn stat(client: &mut WireClient, name: &str) -> String {
    client.send(&Packet::request(STAT).bytes());
    let mut value = None;
    loop {
        let packet = reply(client);
        if packet.key.is_empty() {
            return value.expect("the statistic is there");
        }
        if packet.key == name.as_bytes() {
            value = Some(String::from_utf8(packet.value).expect("text"));
        }
    }
}
