//! `stats latency` counts each request once, by its command, in every dialect.

use std::collections::BTreeMap;
use std::thread;

use slabcore_testkit::binaries;
use slabcore_testkit::binary_packet::Packet;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::tls_files::TlsFiles;
use slabcore_testkit::wire_client::WireClient;

const STAT: u8 = 0x10;

/// The lines of one command.
const LINES: [&str; 7] = ["count", "sum_us", "p50_us", "p90_us", "p99_us", "p999_us", "max_us"];

type Counts = BTreeMap<String, u64>;

fn counts<const N: usize>(counts: [(&str, u64); N]) -> Counts {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

/// The numbers of requests by command.
fn latency(client: &mut WireClient) -> Counts {
    counts_of(&client.stats("latency"))
}

fn counts_of(lines: &[(String, String)]) -> Counts {
    let mut counts = Counts::new();
    for (number, (name, value)) in lines.iter().enumerate() {
        let (command, line) = name.split_once(':').expect("a command and a number");
        assert_eq!(line, LINES[number % LINES.len()], "{name}");
        let value: f64 = value.parse().expect("a number");
        assert!(value >= 0.0, "{name} {value}");
        if line == "count" {
            counts.insert(command.to_owned(), value as u64);
        }
    }
    counts
}

/// Each line has a request, the last line of its reply, and what it is counted as.
#[rustfmt::skip]
const TEXT: &[(&str, &str, &str)] = &[
    ("set k 0 0 1\r\n5", "STORED", "set"),
    ("add k 0 0 1\r\n5", "NOT_STORED", "set"),
    ("append k 0 0 1\r\n5", "STORED", "set"),
    ("cas k 0 0 1 1\r\n5", "EXISTS", "set"),
    ("get k", "END", "get"),
    ("get a b c d e f g h k", "END", "get"),
    ("gets k", "END", "get"),
    ("gat 100 k", "END", "touch"),
    ("gats 100 a b", "END", "touch"),
    ("touch k 0", "TOUCHED", "touch"),
    ("touch absent 0", "NOT_FOUND", "touch"),
    ("incr k 1", "56", "arithmetic"),
    ("decr k 1", "55", "arithmetic"),
    ("delete k", "DELETED", "delete"),
    ("ms k 1\r\n5", "HD", "set"),
    ("ms aw== 1 b\r\n5", "HD", "set"),
    ("mg k", "HD", "get"),
    ("mg k t", "HD t-1", "get"),
    ("mg aw== b", "HD", "get"),
    ("ma k", "HD", "arithmetic"),
    ("me absent", "EN", "other"),
    ("md k", "HD", "delete"),
    ("mn", "MN", "other"),
    ("flush_all", "OK", "other"),
    ("verbosity 0", "OK", "other"),
    ("nonsense", "ERROR", "other"),
];

/// Binary requests: opcode, extras, value, and what they are counted as.
const BINARY: &[(u8, &[u8], &str, &str)] = &[
    (0x01, &[0; 8], "5", "set"),
    (0x02, &[0; 8], "5", "set"),
    (0x0e, &[], "5", "set"),
    (0x00, &[], "", "get"),
    (0x0c, &[], "", "get"),
    (0x1c, &[0; 4], "", "touch"),
    (0x1d, &[0; 4], "", "touch"),
    (0x05, &[0; 20], "", "arithmetic"),
    (0x06, &[0; 20], "", "arithmetic"),
    (0x04, &[], "", "delete"),
    (0x04, &[], "", "delete"),
];

fn read_packet(client: &mut WireClient) -> Packet {
    let bytes = client.read_until(|received| Some(Packet::read(received)?.1));
    Packet::read(&bytes).expect("it was whole").0
}

#[test]
fn each_request_is_counted_once() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    for server in ServerKind::Slabcore.servers(&[]) {
        let (mut text, mut binary) = (server.connect(), server.connect());
        let mut expected = Counts::new();
        for key in 0..4 {
            for (request, last, command) in TEXT {
                // Keys of both shards.
                let request = request.replace('k', &format!("k{key}"));
                let request = request.replace("aw==", ["azA=", "azE=", "azI=", "azM="][key]);
                text.send(format!("{request}\r\n").as_bytes());
                while text.read_line() != format!("{last}\r\n").as_bytes() {}
                *expected.entry((*command).to_owned()).or_default() += 1;
            }
            for (opcode, extras, value, command) in BINARY {
                let packet = Packet::request(*opcode).key(format!("b{key}")).value(*value);
                binary.send(&packet.extra(extras).bytes());
                assert!(matches!(read_packet(&mut binary).status, 0..=2));
                *expected.entry((*command).to_owned()).or_default() += 1;
            }
        }
        assert_eq!(latency(&mut text), expected);
        // The question is a request.
        *expected.get_mut("other").unwrap() += 1;
        binary.send(&Packet::request(STAT).key("latency").bytes());
        let packets = std::iter::from_fn(|| {
            let packet = read_packet(&mut binary);
            let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            (!packet.key.is_empty()).then(|| (string(&packet.key), string(&packet.value)))
        });
        assert_eq!(counts_of(&packets.collect::<Vec<_>>()), expected);
    }
}

#[test]
fn reset_begins_again() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    for server in ServerKind::Slabcore.servers(&[]) {
        let mut client = server.connect();
        client.expect("get a b c\r\n", "END\r\n");
        client.expect("set a 0 0 1\r\nx\r\n", "STORED\r\n");
        assert_eq!(latency(&mut client), counts([("get", 1), ("set", 1)]));
        client.expect("stats reset\r\n", "RESET\r\n");
        assert_eq!(latency(&mut client), counts([("other", 1)]));
        client.expect("delete a\r\n", "DELETED\r\n");
        assert_eq!(latency(&mut client), counts([("delete", 1), ("other", 2)]));
    }
}

/// Long pipelines wait for their turn, and for other shards; long gets pause; values arrive and
/// leave in parts; with and without TLS.
#[test]
fn pipelines_of_many_clients_are_counted_exactly() {
    const CLIENTS: usize = 6;
    const ROUNDS: u64 = 20;
    const GETS: u64 = 200;
    const VALUE_BYTES: usize = 100_000;
    if !binaries::slabcore_is_itself() {
        return;
    }
    let files = TlsFiles::new();
    let options = ServerOptions::new(ServerKind::Slabcore, 2);
    let under_tls = options.tls(&files, files.certified_client()).start();
    for server in ServerKind::Slabcore.servers(&[]).chain([under_tls]) {
        thread::scope(|scope| {
            for number in 0..CLIENTS {
                let mut client = server.connect();
                scope.spawn(move || {
                    let value = "v".repeat(VALUE_BYTES);
                    for round in 0..ROUNDS {
                        let key = format!("{number}-{round}x");
                        let requests = [
                            "get absent\r\n".repeat(GETS as usize),
                            format!("get{}\r\n", " absent".repeat(2 * GETS as usize)),
                            format!("set {key} 0 0 {VALUE_BYTES}\r\n{value}\r\n"),
                            format!("set {key}s 0 0 1 noreply\r\ny\r\nget {key}\r\n"),
                            format!("delete {key} noreply\r\nmn\r\n"),
                        ]
                        .concat();
                        client.send(requests.as_bytes());
                        let replies = [
                            "END\r\n".repeat(GETS as usize + 1),
                            format!("STORED\r\nVALUE {key} 0 {VALUE_BYTES}\r\n{value}\r\n"),
                            "END\r\nMN\r\n".to_owned(),
                        ]
                        .concat();
                        assert_eq!(client.read_exact(replies.len()), replies.as_bytes());
                    }
                });
            }
        });
        let rounds = CLIENTS as u64 * ROUNDS;
        let expected = counts([
            ("get", rounds * (GETS + 2)),
            ("set", 2 * rounds),
            ("delete", rounds),
            ("other", rounds),
        ]);
        assert_eq!(latency(&mut server.connect()), expected);
    }
}

#[test]
fn requests_by_datagram_are_counted() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    for arguments in ServerKind::Slabcore.backends() {
        for threads in [1, 2] {
            let options = ServerOptions::new(ServerKind::Slabcore, threads).with_udp();
            let server: ServerProcess = options.arguments(arguments).start();
            let mut datagrams = server.datagrams();
            for key in 0..4 {
                let commands = format!("set {key} 0 0 1\r\nx\r\nget {key}\r\nget {key} absent\r\n");
                let value = format!("VALUE {key} 0 1\r\nx\r\nEND\r\n");
                datagrams.expect(commands, &["STORED\r\n", &value, &value]);
            }
            assert_eq!(latency(&mut server.connect()), counts([("get", 8), ("set", 4)]));
        }
    }
}
