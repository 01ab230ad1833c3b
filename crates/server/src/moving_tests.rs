//! Connections that move between shards while they are used, over TCP, on both backends.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use slabcore_testkit::command::{Command, Verb};
use slabcore_testkit::model::Model;

use crate::settings::{BackendChoice, Moving, Settings};
use crate::whole_server::{PATIENCE, WholeServer, connect, settings};

/// A connection moves after every few requests for another shard's keys, without a limit.
const RESTLESS: Moving =
    Moving { window: NonZeroU32::new(3).unwrap(), window_growth: 1, moves_max: u8::MAX };
/// Keys of each shard that a client uses.
const KEYS: usize = 6;

/// Makes two tests of a function that takes the backend.
macro_rules! on_both {
    ($($session:ident),+ $(,)?) => {
        mod io_uring {
            $(#[test] fn $session() { super::$session(super::BackendChoice::Auto); })+
        }
        mod epoll {
            $(#[test] fn $session() { super::$session(super::BackendChoice::Epoll); })+
        }
    };
}

on_both! {
    replies_are_the_models_however_the_input_is_cut,
    a_client_that_reads_late_gets_everything,
    moves_are_counted_and_connections_only_once,
    the_limit_on_connections_holds,
    no_shard_takes_more_than_its_share,
    connections_close_while_they_move,
    a_stop_closes_what_is_moving,
    a_connection_to_a_shards_port_stays,
    connections_follow_the_executors_that_serve,
    replies_are_the_models_while_executors_begin_and_end_to_serve,
}

/// Pseudorandom numbers, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Keys of a client by the shard that owns them.
fn keys_by_owner(server: &WholeServer, shards: usize, prefix: &str) -> Vec<Vec<Vec<u8>>> {
    let mut keys = vec![Vec::new(); shards];
    for number in 0.. {
        let key = format!("{prefix}{number}");
        let owned = &mut keys[server.owner(&key)];
        if owned.len() < KEYS {
            owned.push(key.into_bytes());
        }
        if keys.iter().all(|owned| owned.len() == KEYS) {
            return keys;
        }
    }
    unreachable!("the numbers do not end")
}

/// The input of a client, and the replies to it.
struct Session {
    input: Vec<u8>,
    expected: Vec<u8>,
    /// Where each command ends in `input`, and its reply in `expected`.
    ends: VecDeque<(usize, usize)>,
}

impl Session {
    fn new() -> Self {
        Self { input: Vec::new(), expected: Vec::new(), ends: VecDeque::new() }
    }

    fn push(&mut self, model: &mut Model, command: &Command) {
        command.write(&mut self.input);
        model.execute(0, command, &mut self.expected);
        self.ends.push_back((self.input.len(), self.expected.len()));
    }

    /// Commands in phases. In each phase most are for keys of one shard.
    fn of_phases(keys: &[Vec<Vec<u8>>], seed: u64, phases: usize, value_bytes_max: usize) -> Self {
        let mut numbers = Numbers(seed);
        let mut model = Model::new(1 << 20, 0);
        let mut session = Self::new();
        for _ in 0..phases {
            let favourite = numbers.below(keys.len());
            for _ in 0..5 + numbers.below(25) {
                let any = numbers.below(10) == 0;
                let shard = if any { numbers.below(keys.len()) } else { favourite };
                let command = random_command(&mut numbers, keys, shard, value_bytes_max);
                session.push(&mut model, &command);
            }
        }
        session
    }
}

fn random_command(
    numbers: &mut Numbers,
    keys: &[Vec<Vec<u8>>],
    shard: usize,
    value_bytes_max: usize,
) -> Command {
    let key = keys[shard][numbers.below(KEYS)].clone();
    let noreply = numbers.below(4) == 0;
    match numbers.below(16) {
        0..5 => {
            let verb = [Verb::Set, Verb::Set, Verb::Set, Verb::Add, Verb::Append];
            let verb = verb[numbers.below(verb.len())];
            let largest = if numbers.below(8) == 0 { value_bytes_max } else { 100 };
            let letter = b'a' + numbers.below(26) as u8;
            let value = vec![letter; numbers.below(largest)];
            let (flags, exptime, cas_unique) = (numbers.below(9) as u32, 0, 0);
            Command::Store { verb, key, flags, exptime, value, cas_unique, noreply }
        }
        5 => Command::Delete { key, noreply },
        6 => Command::Touch { key, exptime: 0, noreply },
        7 => Command::Get {
            keys: keys.iter().map(|owned| owned[numbers.below(KEYS)].clone()).collect(),
            with_cas: false,
        },
        _ => Command::Get { keys: vec![key], with_cas: false },
    }
}

/// Reads as many bytes as are expected and compares them.
fn expect(client: &mut TcpStream, expected: &[u8]) {
    let mut reply = vec![0; expected.len()];
    client.read_exact(&mut reply).unwrap();
    if let Some(at) = (0..reply.len()).find(|&at| reply[at] != expected[at]) {
        let around = |bytes: &[u8]| bytes[at.saturating_sub(60)..].escape_ascii().to_string();
        let (got, expected) = (around(&reply), around(expected));
        panic!("byte {at}: {got:.300}\nexpected: {expected:.300}");
    }
}

/// Sends a session in pieces of up to `piece_bytes_max`, without a pause, and checks the replies.
fn play(address: SocketAddr, session: &Session, piece_bytes_max: usize) {
    let mut client = connect(address);
    let mut writer = client.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut numbers = Numbers(1 + piece_bytes_max as u64);
            let mut rest = session.input.as_slice();
            while !rest.is_empty() {
                let piece = (1 + numbers.below(piece_bytes_max)).min(rest.len());
                writer.write_all(&rest[..piece]).unwrap();
                rest = &rest[piece..];
            }
        });
        expect(&mut client, &session.expected);
    });
}

/// Sends one command at a time and waits for its reply.
fn play_in_turn(address: SocketAddr, session: &Session) {
    let mut client = connect(address);
    let (mut sent, mut read) = (0, 0);
    for &(input_end, expected_end) in &session.ends {
        client.write_all(&session.input[sent..input_end]).unwrap();
        expect(&mut client, &session.expected[read..expected_end]);
        (sent, read) = (input_end, expected_end);
    }
}

fn moved(server: &WholeServer) -> u64 {
    server.stat("stats slabcore", "connections_moved")
}

/// Several clients at a time, each with its own keys, on more shards than there are cores.
fn replies_are_the_models_however_the_input_is_cut(backend: BackendChoice) {
    let shards = 3;
    let server =
        WholeServer::start(Settings { moving: Some(RESTLESS), shards, ..settings(backend) });
    let pieces = [Some(1), Some(7), Some(300), Some(20_000), Some(1 << 20), None];
    let sessions = pieces.iter().enumerate().map(|(client, piece_bytes)| {
        let keys = keys_by_owner(&server, shards, &format!("client{client}-"));
        let value_bytes_max = if *piece_bytes == Some(1) { 600 } else { 120_000 };
        let phases = if *piece_bytes == Some(1) { 30 } else { 120 };
        Session::of_phases(&keys, 77 + client as u64, phases, value_bytes_max)
    });
    let sessions: Vec<_> = sessions.collect();
    let before = server.stat("stats", "total_connections");
    thread::scope(|scope| {
        for (session, piece_bytes) in sessions.iter().zip(pieces) {
            let address = server.address;
            scope.spawn(move || match piece_bytes {
                Some(bytes) => play(address, session, bytes),
                None => play_in_turn(address, session),
            });
        }
    });
    // How often connections move depends on how the input is cut on its way.
    assert!(moved(&server) > 0);
    // Six clients, and the connections that asked for the two numbers and for this one.
    assert_eq!(server.stat("stats", "total_connections"), before + 6 + 2);
    wait_for(&server, "curr_connections", 1);
    server.running.stop();
}

/// Waits until a number of connections is `open`, the one that asks included.
fn wait_for(server: &WholeServer, number: &str, open: u64) {
    let begin = Instant::now();
    while server.stat("stats", number) != open {
        assert!(begin.elapsed() < PATIENCE, "{number} is {}", server.stat("stats", number));
        thread::yield_now();
    }
}

/// While a client does not read, its connection cannot leave, and is still served.
fn a_client_that_reads_late_gets_everything(backend: BackendChoice) {
    let server = WholeServer::start(Settings { moving: Some(RESTLESS), ..settings(backend) });
    let keys = keys_by_owner(&server, 2, "late");
    let mut model = Model::new(1 << 20, 0);
    let mut session = Session::new();
    for key in keys.iter().flatten() {
        let value = vec![key[key.len() - 1]; 40_000];
        let (verb, key, noreply) = (Verb::Set, key.clone(), true);
        let (flags, exptime, cas_unique) = (0, 0, 0);
        let set = Command::Store { verb, key, flags, exptime, value, cas_unique, noreply };
        session.push(&mut model, &set);
    }
    for number in 0..1_000 {
        let key = keys[number / 50 % 2][number % KEYS].clone();
        session.push(&mut model, &Command::Get { keys: vec![key], with_cas: false });
    }
    let mut client = connect(server.address);
    client.write_all(&session.input).unwrap();
    // The round trips of another client take time, so the first one's connection gets full.
    for _ in 0..100 {
        moved(&server);
    }
    expect(&mut client, &session.expected);
    server.running.stop();
}

fn ask(client: &mut TcpStream, key: &[u8], times: usize) {
    for _ in 0..times {
        let request = [b"get ", key, b"\r\n"].concat();
        client.write_all(&request).unwrap();
        expect(client, b"END\r\n");
    }
}

fn moves_are_counted_and_connections_only_once(backend: BackendChoice) {
    let window = NonZeroU32::new(16).unwrap();
    let moving = Some(Moving { window, window_growth: 4, moves_max: 2 });
    let server = WholeServer::start(Settings { moving, ..settings(backend) });
    let keys = keys_by_owner(&server, 2, "counted");
    let owner = |shard: usize| keys[shard][0].as_slice();
    let before = server.stat("stats", "total_connections");
    let mut clients = [connect(server.address), connect(server.address)];
    // The two are on different shards. The first window of 16 looks names a candidate, the second
    // counts how often it is met.
    for client in &mut clients {
        ask(client, owner(0), 40);
    }
    assert_eq!(moved(&server), 1, "one of them was there already");
    for _ in 0..3 {
        ask(&mut clients[0], owner(1), 1_000);
        ask(&mut clients[0], owner(0), 1_000);
    }
    let moves = moved(&server);
    assert!((2..=3).contains(&moves), "two moves of a connection at most: {moves}");
    wait_for(&server, "curr_connections", 3);
    wait_for(&server, "connection_structures", 3);
    drop(clients);
    wait_for(&server, "curr_connections", 1);
    let asked = server.stat("stats", "total_connections") - before;
    assert!(asked > 2 + 4, "two clients, and those that asked");
    server.running.stop();
}

/// A connection that moves is counted once, before and after.
fn the_limit_on_connections_holds(backend: BackendChoice) {
    let settings = Settings { moving: Some(RESTLESS), connections_max: 3, ..settings(backend) };
    let server = WholeServer::start(settings);
    let [first, second] = [0, 1].map(|shard| {
        // The owners are not known, but one of the keys is another shard's wherever the client is.
        format!("limit{shard}").into_bytes()
    });
    let mut clients: Vec<_> = (0..3).map(|_| connect(server.address)).collect();
    for round in 0..50 {
        for client in &mut clients {
            ask(client, if round % 2 == 0 { &first } else { &second }, 10);
        }
        let mut refused = Vec::new();
        connect(server.address).read_to_end(&mut refused).unwrap();
        assert_eq!(refused, b"ERROR Too many open connections\r\n");
    }
    drop(clients);
    // They are gone, so three fit again.
    wait_for_room(&server);
    assert!(moved(&server) > 0);
    wait_for(&server, "curr_connections", 1);
    server.running.stop();
}

/// Waits until the server takes another client.
fn wait_for_room(server: &WholeServer) {
    let begin = Instant::now();
    loop {
        let mut client = connect(server.address);
        let mut reply = [0; 7];
        // A refusal that crosses the request breaks the connection.
        let answered =
            client.write_all(b"version\r\n").and_then(|()| client.read_exact(&mut reply));
        if answered.is_ok() && reply == *b"VERSION" {
            return;
        }
        assert!(begin.elapsed() < PATIENCE);
    }
}

/// Eight clients want to be on the same one of two shards. It takes one more than its four.
fn no_shard_takes_more_than_its_share(backend: BackendChoice) {
    let server = WholeServer::start(Settings { moving: Some(RESTLESS), ..settings(backend) });
    let keys = keys_by_owner(&server, 2, "wanted");
    let mut clients: Vec<_> = (0..8).map(|_| connect(server.address)).collect();
    for _ in 0..5 {
        for client in &mut clients {
            ask(client, &keys[0][0], 20);
        }
    }
    assert_eq!(moved(&server), 1);
    server.running.stop();
}

fn connections_close_while_they_move(backend: BackendChoice) {
    let server = WholeServer::start(Settings { moving: Some(RESTLESS), ..settings(backend) });
    // Those that leave in between may still be served while the next one is checked.
    let (checked, others) = (keys_by_owner(&server, 2, "k"), keys_by_owner(&server, 2, "other"));
    for round in 0..150 {
        let mut numbers = Numbers(1 + round as u64);
        let keys = if round % 3 == 0 { &checked } else { &others };
        let session = Session::of_phases(keys, 500 + round as u64, 40, 2_000);
        let mut client = connect(server.address);
        // Each round starts with an empty cache.
        client.write_all(b"flush_all\r\n").unwrap();
        expect(&mut client, b"OK\r\n");
        match round % 3 {
            0 => {
                client.write_all(&session.input).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                expect(&mut client, &session.expected);
                assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
            }
            1 => client.write_all(&session.input).unwrap(),
            _ => {
                let cut = numbers.below(session.input.len());
                client.write_all(&session.input[..cut]).unwrap();
            }
        }
    }
    wait_for(&server, "curr_connections", 1);
    // How often connections move depends on how the input is cut on its way.
    assert!(moved(&server) > 0);
    server.running.stop();
}

/// No descriptor stays open: each client sees the end.
fn a_stop_closes_what_is_moving(backend: BackendChoice) {
    for round in 0..5 {
        let server = WholeServer::start(Settings { moving: Some(RESTLESS), ..settings(backend) });
        let keys = keys_by_owner(&server, 2, "stopped");
        let clients: Vec<_> = (0..8).map(|_| connect(server.address)).collect();
        let address = server.address;
        thread::scope(|scope| {
            for (number, mut client) in clients.into_iter().enumerate() {
                let keys = &keys;
                scope.spawn(move || {
                    for turn in number.. {
                        let key = &keys[turn / 8 % 2][turn % KEYS];
                        let request = [b"get ", key.as_slice(), b"\r\n"].concat();
                        let mut reply = [0; 5];
                        let answered = client.write_all(&request.repeat(3)).is_ok()
                            && (0..3).all(|_| client.read_exact(&mut reply).is_ok());
                        if !answered {
                            break;
                        }
                    }
                    // A timeout would mean that the connection was still open.
                    let end = client.read(&mut [0; 64]).map_err(|error| error.kind());
                    let timeout = [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut];
                    assert!(!end.is_err_and(|kind| timeout.contains(&kind)));
                });
            }
            while moved(&server) < 10 + 20 * round {
                drop(connect(address));
            }
            server.running.stop();
        });
    }
}

fn a_connection_to_a_shards_port_stays(backend: BackendChoice) {
    let settings = Settings { moving: Some(RESTLESS), shard_ports: Some(0), ..settings(backend) };
    let server = WholeServer::start(settings);
    let keys = keys_by_owner(&server, 2, "stays");
    for shard in 0..2 {
        let port = server.stat("stats slabcore", &format!("shard:{shard}:port"));
        let mut client = connect(SocketAddr::new(server.address.ip(), port as u16));
        ask(&mut client, &keys[1 - shard][0], 100);
    }
    assert_eq!(moved(&server), 0);
    server.running.stop();
}

/// The connections that each shard's executor has.
fn connections_by_shard(server: &WholeServer, shards: usize) -> Vec<u64> {
    let name = |shard| format!("shard:{shard}:curr_connections");
    (0..shards).map(|shard| server.stat("stats shards", &name(shard))).collect()
}

/// Connections move between two requests. None stays with an executor that does not serve, and
/// those that serve have equal parts.
fn connections_follow_the_executors_that_serve(backend: BackendChoice) {
    let (shards, clients) = (4, 12);
    let server = WholeServer::start(Settings { shards, moving: None, ..settings(backend) });
    let mut clients: Vec<_> = (0..clients).map(|_| connect(server.address)).collect();
    for serving in [1, 3, 4, 2, 1, 4] {
        server.running.set_serving(serving);
        // A connection leaves after a request, and is served by its new executor from the next on.
        for _ in 0..2 {
            for client in &mut clients {
                ask(client, b"key", 1);
            }
        }
        let begin = Instant::now();
        loop {
            // The client that asks is in one of these counts.
            let counts = connections_by_shard(&server, shards);
            let fair = 12 / serving as u64;
            let is_fair = |count: &u64| (fair..=fair + 1).contains(count);
            if counts[..serving].iter().all(is_fair) && counts[serving..].iter().all(|it| *it == 0)
            {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "{serving} serve: {counts:?}");
        }
    }
    server.running.stop();
}

/// Counts a client out when it ends, also if it fails.
struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The number of executors that serve changes all the time.
fn replies_are_the_models_while_executors_begin_and_end_to_serve(backend: BackendChoice) {
    let shards = 4;
    let server =
        WholeServer::start(Settings { moving: Some(RESTLESS), shards, ..settings(backend) });
    let sessions: Vec<_> = (0..6)
        .map(|client| {
            let keys = keys_by_owner(&server, shards, &format!("served{client}-"));
            Session::of_phases(&keys, 99 + client, 100, 60_000)
        })
        .collect();
    let left = AtomicUsize::new(sessions.len());
    let mut changes = 0;
    thread::scope(|scope| {
        for (number, session) in sessions.iter().enumerate() {
            let (address, leaving) = (server.address, Leaving(&left));
            scope.spawn(move || {
                let _leaving = leaving;
                if number % 2 == 0 {
                    play(address, session, 30_000);
                } else {
                    play_in_turn(address, session);
                }
            });
        }
        let mut numbers = Numbers(5);
        while left.load(Ordering::Relaxed) > 0 {
            server.running.set_serving(1 + numbers.below(shards));
            // A round trip, so that requests are served in between.
            server.stat("stats", "uptime");
            changes += 1;
        }
    });
    assert!(changes > 0 && moved(&server) > 0);
    wait_for(&server, "curr_connections", 1);
    server.running.stop();
}
