//! SIGUSR2: another process takes over under load, and clients notice nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use slabcore_testkit::binaries;
use slabcore_testkit::binary_packet::Packet;
use slabcore_testkit::limits::{POLL_PAUSE_MAX, START_MAX};
use slabcore_testkit::model::Model;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::splits::Splits;
use slabcore_testkit::tls_files::TlsFiles;
use slabcore_testkit::wire_client::WireClient;

use crate::memory_file::MemoryFile;
use crate::notices;
use crate::test_directory::TestDirectory;

/// Servers with this file, with each backend.
fn on_each_backend(file: &MemoryFile, threads: usize) -> impl Iterator<Item = ServerOptions> {
    let words = ServerKind::Slabcore.backends().iter();
    words.map(move |words| file.options(threads).arguments(words))
}

/// Waits until the server has logged this.
fn wait_for_line(server: &ServerProcess, line: &str) {
    let deadline = Instant::now() + START_MAX;
    while !server.log().contains(line) {
        assert!(Instant::now() < deadline, "no {line:?} in:\n{}", server.log());
        thread::sleep(POLL_PAUSE_MAX);
    }
}

/// Requests of one connection for keys of its own, and the replies to them.
type Session = (Vec<u8>, Vec<u8>);

/// Pseudorandom numbers, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    /// Most values are short, some are sent without a copy.
    fn value(&mut self) -> Vec<u8> {
        let bytes = match self.below(12) {
            0 => self.below(40_000),
            1..4 => self.below(3_000),
            _ => self.below(30),
        };
        vec![b'a' + self.below(26) as u8; bytes]
    }
}

fn text_session(client: usize, numbers: &mut Numbers, model: &mut Model) -> Session {
    let (mut input, mut replies) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        use slabcore_testkit::command::{Command, Verb};
        let key = format!("text-{client}-{}", numbers.below(8)).into_bytes();
        let noreply = numbers.below(4) == 0;
        let (flags, exptime, cas_unique) = (numbers.below(9) as u32, 0, 0);
        let command = match numbers.below(8) {
            0..3 => Command::Get { keys: vec![key, b"absent".to_vec()], with_cas: false },
            3 => Command::Delete { key, noreply },
            4 => Command::Arithmetic { key, delta: 3, incr: true, noreply },
            kind => {
                let verb = [Verb::Set, Verb::Append, Verb::Add][kind - 5];
                let value = if kind == 6 { b"7".to_vec() } else { numbers.value() };
                Command::Store { verb, key, flags, exptime, value, cas_unique, noreply }
            }
        };
        command.write(&mut input);
        model.execute(0, &command, &mut replies);
    }
    (input, replies)
}

fn meta_session(client: usize, numbers: &mut Numbers, round: usize) -> Session {
    let (mut input, mut replies) = (Vec::new(), Vec::new());
    for number in 0..15 {
        let (key, value) = (format!("meta-{client}-{number}"), numbers.value());
        let length = value.len();
        input.extend(format!("ms {key} {length} F{round} T0 Oo{number} k\r\n").into_bytes());
        input.extend([&value[..], b"\r\n"].concat());
        replies.extend(format!("HD Oo{number} k{key}\r\n").into_bytes());
        input.extend(format!("mg {key} f s v k\r\nmn\r\n").into_bytes());
        replies.extend(format!("VA {length} f{round} s{length} k{key}\r\n").into_bytes());
        replies.extend([&value[..], b"\r\nMN\r\n"].concat());
    }
    (input, replies)
}

fn binary_session(client: usize, numbers: &mut Numbers, round: usize) -> Session {
    const GET: u8 = 0x00;
    const NOOP: u8 = 0x0a;
    const SETQ: u8 = 0x11;
    let (mut input, mut replies) = (Vec::new(), Vec::new());
    for number in 0..15 {
        let (key, value) = (format!("binary-{client}-{number}"), numbers.value());
        let opaque = (round * 100 + number) as u32;
        let set = Packet::request(SETQ).key(key.clone()).extra(&[0, 0, 0, 5, 0, 0, 0, 0]);
        input.extend(set.value(value.clone()).bytes());
        input.extend(Packet::request(GET).key(key).opaque(opaque).bytes());
        input.extend(Packet::request(NOOP).opaque(opaque).bytes());
        replies.extend([0x81, GET, 0, 0, 4, 0, 0, 0]);
        replies.extend((4 + value.len() as u32).to_be_bytes());
        replies.extend(opaque.to_be_bytes());
        replies.extend([0xff; 8]);
        replies.extend([&[0, 0, 0, 5], &value[..]].concat());
        replies.extend([0x81, NOOP, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        replies.extend(opaque.to_be_bytes());
        replies.extend([0; 8]);
    }
    (input, replies)
}

/// Sets the flag when it is dropped, also by a failure.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends sessions in pieces that end anywhere, and checks each reply, until `is_over` is set.
fn talk(mut client: WireClient, number: usize, is_over: &AtomicBool) -> usize {
    let (mut numbers, mut rounds) = (Numbers(number as u64 + 77), 0);
    let mut model = Model::new(1 << 20, 0);
    let sender = client.sender();
    while !is_over.load(Ordering::Relaxed) {
        rounds += 1;
        let (input, replies) = match number % 3 {
            0 => text_session(number, &mut numbers, &mut model),
            1 => meta_session(number, &mut numbers, rounds),
            _ => binary_session(number, &mut numbers, rounds),
        };
        let seed = numbers.below(1 << 30) as u64;
        let sender = &sender;
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut rest = &input[..];
                for length in Splits::Random(seed).lengths() {
                    let (piece, after) = rest.split_at(rest.len().min(length));
                    sender.send(piece);
                    rest = after;
                    if rest.is_empty() {
                        break;
                    }
                }
            });
            let mut received = client.read_exact(replies.len());
            if number % 3 == 2 {
                hide_cas_uniques(&mut received);
            }
            let differs = received.iter().zip(&replies).position(|(one, other)| one != other);
            let shown = |bytes: &[u8]| {
                let at = differs.unwrap_or_default();
                bytes[at.saturating_sub(80)..bytes.len().min(at + 80)].escape_ascii().to_string()
            };
            let (got, wanted) = (shown(&received), shown(&replies));
            assert_eq!(differs, None, "client {number}, round {rounds}: {got}, not {wanted}");
        });
    }
    rounds
}

/// Replaces the cas uniques of hits, which the test does not know.
fn hide_cas_uniques(replies: &mut [u8]) {
    let mut rest = replies;
    while let Some((header, after)) = rest.split_first_chunk_mut::<24>() {
        if header[1] == 0 {
            header[16..].fill(0xff);
        }
        let body = u32::from_be_bytes(*header[8..].first_chunk().unwrap()) as usize;
        rest = &mut after[body..];
    }
}

/// Connections of all dialects, with pipelined requests that are cut anywhere: each reply is the
/// expected one, in order, whatever process sends it. Each process that takes over is taken over.
#[test]
fn no_reply_is_lost_or_doubled() {
    for threads in [1, 2, 8] {
        let file = MemoryFile::new();
        for options in on_each_backend(&file, threads) {
            let mut server = options.start();
            // The items of the backend before are still there.
            server.connect().expect("flush_all\r\n", "OK\r\n");
            let clients: Vec<_> = (0..9).map(|_| server.connect()).collect();
            let is_over = AtomicBool::new(false);
            thread::scope(|scope| {
                let talks: Vec<_> = clients
                    .into_iter()
                    .enumerate()
                    .map(|(number, client)| {
                        let is_over = &is_over;
                        scope.spawn(move || talk(client, number, is_over))
                    })
                    .collect();
                let end = SetAtEnd(&is_over);
                for _ in 0..4 {
                    server.take_over();
                }
                // Those that asked for statistics before end soon.
                let deadline = Instant::now() + START_MAX;
                while server.stat("curr_connections") != 9 + 1 {
                    assert!(Instant::now() < deadline, "connections are miscounted");
                }
                drop(end);
                for talk in talks {
                    assert!(talk.join().expect("its replies are right") > 0);
                }
            });
            assert_eq!(server.stop().code(), Some(0));
        }
    }
}

/// What a client is owed and does not read moves as bytes.
#[test]
fn a_client_that_reads_late_gets_everything() {
    let file = MemoryFile::new();
    for options in on_each_backend(&file, 2) {
        let mut server = options.arguments(&["-I", "8m", "-m", "256"]).start();
        let mut client = server.connect();
        let value = vec![b'v'; 6 << 20];
        for key in ["a", "b"] {
            let set = format!("set {key} 0 0 6291456\r\n");
            client.expect([set.as_bytes(), &value[..], b"\r\n"].concat(), "STORED\r\n");
        }
        client.send(b"get a b\r\nget b\r\nset c 0 0 1\r\n1\r\nget c\r\n");
        assert_eq!(client.read_exact(19), b"VALUE a 0 6291456\r\n");
        server.take_over();
        server.take_over();
        // Three replies are longer than the socket's buffers: most of them has not left.
        let mut expect_value = |head: &str, end: &str| {
            assert_eq!(client.read_exact(head.len()), head.as_bytes());
            assert!(client.read_exact(value.len()) == value, "the value is whole");
            assert_eq!(client.read_exact(end.len()), end.as_bytes());
        };
        expect_value("", "\r\n");
        expect_value("VALUE b 0 6291456\r\n", "\r\nEND\r\n");
        expect_value("VALUE b 0 6291456\r\n", "\r\nEND\r\n");
        client.expect_reply("STORED\r\nVALUE c 0 1\r\n1\r\nEND\r\n");
        client.round_trip();
    }
}

/// Bytes of a value that has not arrived whole go back into the input.
#[test]
fn uploads_go_on() {
    let file = MemoryFile::new();
    for options in on_each_backend(&file, 2) {
        let mut server = options.arguments(&["-I", "8m", "-m", "256"]).start();
        let value = vec![b'v'; 3 << 20];
        let length = value.len();
        let set = |key: &str| format!("set {key} 7 0 {length}\r\n").into_bytes();
        let packet = Packet::request(1).key("binary").extra(&[0, 0, 0, 7, 0, 0, 0, 0]);
        let packet = packet.value(value.clone()).bytes();
        let head = packet.len() - length;
        let heads = [
            set("one"),
            set("two"),
            set("three"),
            format!("ms bWV0YQ== {length} b F7 k\r\n").into(),
            packet[..head].to_vec(),
        ];
        let ends: [&[u8]; 5] = [b"\r\n", b"\r\n", b"\r\n", b"\r\n", b""];
        let wholes: Vec<Vec<u8>> =
            heads.iter().zip(ends).map(|(head, end)| [head, &value[..], end].concat()).collect();
        // Where each is cut: in the value, after it, in its line end; the server has read so much.
        let cuts =
            [heads[0].len() + 1, heads[1].len() + length, wholes[2].len() - 1, 500_000, head];
        let mut clients: Vec<_> = cuts.iter().map(|_| server.connect()).collect();
        for ((client, whole), cut) in clients.iter_mut().zip(&wholes).zip(cuts) {
            client.send(&whole[..cut]);
        }
        server.take_over();
        for ((client, whole), cut) in clients.iter_mut().zip(&wholes).zip(cuts) {
            let next = whole.len().min(cut + 1_000_000);
            client.send(&whole[cut..next]);
        }
        server.take_over();
        for ((client, whole), cut) in clients.iter_mut().zip(&wholes).zip(cuts) {
            let next = whole.len().min(cut + 1_000_000);
            client.send(&whole[next..]);
        }
        for client in &mut clients[..3] {
            client.expect_reply("STORED\r\n");
        }
        clients[3].expect_reply("HD kbWV0YQ== b\r\n");
        assert_eq!(clients[4].read_exact(24)[..8], [0x81, 1, 0, 0, 0, 0, 0, 0]);
        for key in ["one", "two", "three", "meta", "binary"] {
            let mut client = server.connect();
            client.send(format!("get {key}\r\n").as_bytes());
            assert_eq!(client.read_line(), format!("VALUE {key} 7 {length}\r\n").into_bytes());
            assert!(client.read_exact(length) == value, "{key} is whole");
            client.expect_reply("\r\nEND\r\n");
        }
    }
}

/// Where a connection may be in its input besides.
#[test]
fn connections_go_on_where_they_were() {
    let file = MemoryFile::new();
    for options in on_each_backend(&file, 2) {
        let mut server = options.arguments(&["-I", "512k"]).start();
        let mut clients: Vec<_> = (0..5).map(|_| server.connect()).collect();
        let [ignored, cut_line, watcher, half_closed, after_error] = &mut clients[..] else {
            unreachable!("five were made")
        };
        ignored.send(&[b"set large 0 0 600000\r\n", &[b'x'; 1000][..]].concat());
        cut_line.send(b"set cut 0 0 1\r\n1\r\nget c");
        cut_line.expect_reply("STORED\r\n");
        watcher.expect("watch mutations\r\n", "OK\r\n");
        half_closed.send(b"get a");
        after_error.expect("nonsense\r\n", "ERROR\r\n");
        server.take_over();
        ignored.send(&[&vec![b'x'; 599_000][..], b"\r\nget cut\r\n"].concat());
        ignored.expect_reply("SERVER_ERROR object too large for cache\r\n");
        ignored.expect_reply("VALUE cut 0 1\r\n1\r\nEND\r\n");
        cut_line.expect("ut\r\n", "VALUE cut 0 1\r\n1\r\nEND\r\n");
        half_closed.send(b"bsent\r\n");
        half_closed.close_sending();
        assert_eq!(half_closed.read_to_close(), b"END\r\n");
        after_error.expect("set watched 0 0 1\r\n1\r\n", "STORED\r\n");
        let line = String::from_utf8(watcher.read_line()).unwrap();
        assert!(line.contains("type=item_store key=watched"), "{line}");
    }
}

/// Other sockets: UDP, Unix, the shards' ports, metrics.
#[test]
fn all_sockets_are_taken_over() {
    let metrics = |address| {
        use std::io::{Read, Write};
        let mut scrape = std::net::TcpStream::connect(address).expect("metrics are served");
        scrape.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        scrape.read_to_string(&mut text).unwrap();
        assert!(text.contains("memcached_"), "{text}");
    };
    for words in ServerKind::Slabcore.backends() {
        let file = MemoryFile::new();
        let options = file.options(2).arguments(words).arguments(&["--shard-ports", "-1"]);
        let (mut server, address) = options.with_udp().start_with_metrics();
        let mut client = server.connect();
        client.expect("set k 0 0 1\r\n1\r\n", "STORED\r\n");
        let ports: Vec<u16> = client
            .stats("slabcore")
            .into_iter()
            .filter(|(name, _)| name.starts_with("shard:") && name.ends_with(":port"))
            .map(|(_, value)| value.parse().unwrap())
            .collect();
        for _ in 0..2 {
            server.take_over();
            metrics(address);
            server.datagrams().expect("get k\r\n", &["VALUE k 0 1\r\n1\r\nEND\r\n"]);
            for &port in &ports {
                let address = (std::net::Ipv4Addr::LOCALHOST, port).into();
                let mut own = WireClient::connect_tcp(address).unwrap();
                own.expect("get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
            }
        }
        let file = MemoryFile::new();
        let mut server = file.options(2).on_unix_socket().start();
        let mut client = server.connect();
        client.expect("set k 0 0 1\r\n1\r\n", "STORED\r\n");
        server.take_over();
        client.expect("get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
        server.connect().expect("get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
    }
}

/// Logins last. Who has not logged in must.
#[test]
fn logins_move() {
    let (file, directory) = (MemoryFile::new(), TestDirectory::new());
    let users = directory.file("users");
    fs::write(&users, "user:secret\n").unwrap();
    let words = ["-Y", users.to_str().unwrap()];
    let mut server = file.options(2).arguments(&words).start();
    let (mut inside, mut outside) = (server.connect(), server.connect());
    inside.expect("set auth 0 0 11\r\nuser secret\r\n", "STORED\r\n");
    server.signal(Signal::USR2);
    wait_for_line(&server, "has taken over");
    inside.expect("set k 0 0 1\r\n1\r\n", "STORED\r\n");
    outside.send(b"get k\r\n");
    assert_eq!(outside.read_line(), b"CLIENT_ERROR unauthenticated\r\n");
    let pid = inside.stat("pid").unwrap();
    server.adopt_successor(pid.parse().unwrap());
}

/// A program that cannot start, or is never ready, leaves the old process as it was.
#[test]
fn a_failure_leaves_the_old_process_serving() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let (file, directory) = (MemoryFile::new(), TestDirectory::new());
    let program = directory.file("slabcore");
    let replace = |text: &str| {
        fs::remove_file(&program).unwrap();
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    };
    fs::copy(binaries::slabcore(), &program).unwrap();
    let mut server = file.options(2).program(&program).start();
    let mut client = server.connect();
    client.expect("set k 0 0 1\r\n1\r\n", "STORED\r\n");
    let mut serves_on = |server: &ServerProcess| {
        client.expect("get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
        assert_eq!(server.stat("pid"), u64::from(server.pid()));
    };
    fs::rename(&program, directory.file("away")).unwrap();
    server.signal(Signal::USR2);
    wait_for_line(&server, "cannot be started: No such file");
    serves_on(&server);
    fs::write(&program, "").unwrap();
    replace("#!/bin/sh\nexit 3\n");
    server.signal(Signal::USR2);
    wait_for_line(&server, "the new process has ended (exit status: 3); this one serves on");
    serves_on(&server);
    replace("#!/bin/sh\nexec sleep 1000\n");
    server.signal(Signal::USR2);
    let deadline = Instant::now() + START_MAX;
    while server.log().matches("is to take over").count() < 2 {
        assert!(Instant::now() < deadline, "{}", server.log());
        thread::sleep(POLL_PAUSE_MAX);
    }
    server.signal(Signal::USR2);
    wait_for_line(&server, "SIGUSR2 ignored: a take-over is under way");
    wait_for_line(&server, "the new process is not ready after 10 s");
    serves_on(&server);
    fs::remove_file(&program).unwrap();
    fs::copy(binaries::slabcore(), &program).unwrap();
    server.take_over();
    serves_on(&server);
}

/// Without a memory file the items could not move.
#[test]
fn items_of_one_process_cannot_be_taken_over() {
    let server = ServerProcess::new(ServerKind::Slabcore, 2);
    if !binaries::slabcore_is_itself() {
        return;
    }
    server.signal(Signal::USR2);
    wait_for_line(&server, "SIGUSR2 ignored: the items are in memory of this process alone");
    server.connect().round_trip();
}

/// The service manager learns which process is the main one now.
#[test]
fn the_service_manager_follows() {
    let (file, directory) = (MemoryFile::new(), TestDirectory::new());
    let manager = UnixDatagram::bind(directory.file("notify")).expect("a socket for notices");
    manager.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let pid_file = directory.file("pid");
    let socket = directory.file("notify").to_str().unwrap().to_owned();
    let words = ["-P", pid_file.to_str().unwrap()];
    let mut server = file.options(2).arguments(&words).environment("NOTIFY_SOCKET", socket).start();
    let next = || {
        let mut bytes = [0; 100];
        let length = notices::receive(&manager, &mut bytes).expect("a notice");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    assert_eq!(next(), "READY=1");
    for _ in 0..2 {
        server.take_over();
        assert!(next().starts_with("RELOADING=1\n"));
        // The new process says that it is ready, the old one that this is the main process now.
        let mut notices = [next(), next()];
        notices.sort();
        assert_eq!(notices, [format!("MAINPID={}\nREADY=1", server.pid()), "READY=1".into()]);
        let named = fs::read_to_string(&pid_file).unwrap();
        assert_eq!(named, format!("{}\n", server.pid()));
    }
    assert!(!server.log().contains("WARNING"), "{}", server.log());
}

/// A process that somebody else has started finds the one that serves by the memory file.
#[test]
fn a_process_may_ask_to_take_over() {
    let file = MemoryFile::new();
    let mut server = file.options(2).start();
    let mut client = server.connect();
    client.expect("set k 0 0 1\r\n1\r\n", "STORED\r\n");
    for _ in 0..2 {
        server = file.options(2).take_over_from(server);
        client.expect("get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
    }
    drop(client);
    assert_eq!(server.stop().code(), Some(0));
    // Without anybody to take over from, it just starts.
    let server = file.options(2).arguments(&["--takeover"]).start();
    server.connect().expect("get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
}

/// A session cannot move: what was asked for is answered, then the connection ends as TLS demands.
#[test]
fn connections_under_tls_end_after_their_replies() {
    let (file, files) = (MemoryFile::new(), TlsFiles::new());
    for options in on_each_backend(&file, 2) {
        let mut server = options.tls(&files, files.certified_client()).start();
        let (mut client, mut idle) = (server.connect(), server.connect());
        idle.expect("set k 0 0 1\r\n1\r\n", "STORED\r\n");
        client.send(b"get k\r\n");
        server.take_over();
        assert_eq!(client.read_to_close(), b"VALUE k 0 1\r\n1\r\nEND\r\n");
        assert_eq!(idle.read_to_close(), b"");
        server.connect().expect("get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
    }
}
