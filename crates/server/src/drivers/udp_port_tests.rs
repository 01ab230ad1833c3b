//! The UDP port on Unix datagram sockets, which have addresses as well, and which report that they
//! have no room.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use slabcore_metrics::{Command, RequestTimes};

use super::*;
use crate::launch::executor_setup::make_setups;
use crate::settings::limits::{ANSWER_BYTES_MAX, ANSWERS_BYTES_MAX, PENDING_DATAGRAMS_MAX};
use crate::settings::{BackendChoice, Settings};
use crate::shared::clock::stopped;
use crate::shared::shared_state::Backend;
use crate::whole_server;

/// A value and its frame fit one datagram.
const VALUE_BYTES: usize = 60_000;

struct Fixture {
    hub: Hub,
    port: UdpPort,
    client: UnixDatagram,
    paths: [PathBuf; 2],
}

impl Fixture {
    fn new() -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let paths = ["server", "client"].map(|side| {
            let name = format!("slabcore-udp-{}-{number}-{side}", std::process::id());
            std::env::temp_dir().join(name)
        });
        let settings = Settings { shards: 1, ..whole_server::settings(BackendChoice::Epoll) };
        let backend = Backend::Epoll("there are no connections".to_owned());
        let (shared, setups) = make_setups(settings, backend, &[], Vec::new(), 7).unwrap();
        let setup = setups.into_iter().next().expect("a setup for each shard");
        let (mut hub, _) = setup.make_hub(Arc::clone(&shared));
        hub.executor.begin_turn();
        let [server, client] = paths.each_ref().map(|path| UnixDatagram::bind(path).unwrap());
        client.connect(&paths[0]).unwrap();
        client.set_nonblocking(true).unwrap();
        Self { hub, port: UdpPort::new(vec![server.into()]), client, paths }
    }

    fn ask(&mut self, commands: &[u8]) {
        self.client.send(&[&b"\x12\x34\0\0\0\x01\0\0"[..], commands].concat()).unwrap();
        self.port.ready(&mut self.hub, 0, Readiness::Readable);
    }

    fn turns(&mut self) {
        while self.port.turn(&mut self.hub) {}
    }

    /// Reads what is there: sequence, total and bytes of each datagram.
    fn read(&self) -> Vec<(u16, u16, usize)> {
        let mut bytes = [0; 2000];
        let mut datagrams = Vec::new();
        while let Ok(count) = self.client.recv(&mut bytes) {
            assert_eq!(bytes[..2], *b"\x12\x34");
            let word = |at| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            datagrams.push((word(2), word(4), count));
        }
        datagrams
    }

    fn store_large_value(&mut self) {
        let value = vec![b'v'; VALUE_BYTES];
        let head = format!("set k 0 0 {VALUE_BYTES} noreply\r\n");
        self.ask(&[head.as_bytes(), &value, b"\r\n"].concat());
        self.turns();
    }

    fn counter(&self, counter: Counter) -> u64 {
        self.hub.executor.metrics.snapshot().get(counter)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let (datagrams, executor) = self.hub.datagrams();
        datagrams.end_all(executor);
        for path in &self.paths {
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn a_full_socket_is_waited_for() {
    let mut fixture = Fixture::new();
    fixture.store_large_value();
    assert!(!fixture.port.watched(0, Readiness::Writable));
    let keys = 30;
    fixture.ask(format!("get{}\r\n", " k".repeat(keys)).as_bytes());
    let head_bytes = format!("VALUE k 0 {VALUE_BYTES}\r\n").len();
    let bytes = keys * (head_bytes + VALUE_BYTES + 2) + "END\r\n".len();
    let total = bytes.div_ceil(1392);
    fixture.turns();
    let mut pauses = 0;
    let mut datagrams = Vec::new();
    while fixture.port.watched(0, Readiness::Writable) {
        pauses += 1;
        assert!(fixture.port.watched(0, Readiness::Readable));
        datagrams.extend(fixture.read());
        fixture.port.ready(&mut fixture.hub, 0, Readiness::Writable);
        fixture.turns();
    }
    datagrams.extend(fixture.read());
    assert!(pauses > 1, "{pauses}");
    assert_eq!(datagrams.len(), total);
    for (sequence, &(said, said_total, _)) in datagrams.iter().enumerate() {
        assert_eq!((usize::from(said), usize::from(said_total)), (sequence, total));
    }
    assert_eq!(datagrams.iter().map(|it| it.2 - 8).sum::<usize>(), bytes);
    assert_eq!(fixture.counter(Counter::DatagramsSent), total as u64);
    assert_eq!(fixture.counter(Counter::AnswersDropped), 0);
}

/// The time of a request ends with its reply, whenever the socket has room for that.
#[test]
fn requests_are_timed_from_the_turn_that_received_them() {
    const MILLISECOND: u64 = 1_000_000;
    stopped::stop();
    let mut fixture = Fixture::new();
    fixture.store_large_value();
    fixture.ask(format!("get{}\r\nmn\r\n", " k".repeat(30)).as_bytes());
    fixture.turns();
    assert!(fixture.port.watched(0, Readiness::Writable));
    fixture.hub.executor.times.end_turn(true);
    stopped::advance(MILLISECOND);
    while fixture.port.watched(0, Readiness::Writable) {
        fixture.hub.executor.begin_turn();
        fixture.read();
        fixture.port.ready(&mut fixture.hub, 0, Readiness::Writable);
        fixture.turns();
        fixture.hub.executor.times.end_turn(true);
    }
    let times = RequestTimes::sum_of([fixture.hub.executor.shared.timings[0].as_ref()]);
    let recorded = [Command::Set, Command::Get, Command::Other]
        .map(|command| (times.of(command).count(), times.of(command).sum()));
    assert_eq!(recorded, [(1, 0), (1, 0), (1, MILLISECOND)]);
}

#[test]
fn a_client_that_is_gone_is_not_waited_for() {
    let mut fixture = Fixture::new();
    fixture.store_large_value();
    fixture.ask(b"get k\r\nget k\r\n");
    fixture.client = UnixDatagram::unbound().unwrap();
    fixture.turns();
    assert!(!fixture.port.watched(0, Readiness::Writable));
    assert_eq!(fixture.counter(Counter::AnswersDropped), 1);
    assert_eq!(fixture.counter(Counter::DatagramsSent), 0);
}

#[test]
fn datagrams_beyond_the_limit_wait_in_the_socket() {
    let mut fixture = Fixture::new();
    fixture.store_large_value();
    // The first answers block the socket, and all others wait for them.
    let get = format!("get{}\r\n", " k".repeat(4));
    for _ in 0..PENDING_DATAGRAMS_MAX {
        fixture.ask(get.as_bytes());
        fixture.turns();
    }
    assert!(!fixture.hub.datagrams().0.has_room());
    fixture.ask(b"mn\r\n");
    fixture.turns();
    assert!(!fixture.port.watched(0, Readiness::Readable));
    let received = fixture.counter(Counter::DatagramsReceived);
    assert_eq!(received, 1 + PENDING_DATAGRAMS_MAX as u64);
    let mut datagrams = Vec::new();
    while fixture.port.watched(0, Readiness::Writable) {
        datagrams.extend(fixture.read());
        fixture.port.ready(&mut fixture.hub, 0, Readiness::Writable);
        fixture.turns();
    }
    datagrams.extend(fixture.read());
    assert_eq!(fixture.counter(Counter::DatagramsReceived), received + 1);
    assert!(datagrams.contains(&(0, 1, "MN\r\n".len() + 8)));
}

/// A few long answers that nobody read took all bytes that answers may take. Then the answers to
/// other clients were dropped, and the long ones stayed.
#[test]
fn long_answers_of_some_do_not_drop_short_ones_of_others() {
    let mut fixture = Fixture::new();
    fixture.store_large_value();
    let reply_bytes = format!("VALUE k 0 {VALUE_BYTES}\r\n").len() + VALUE_BYTES + 2;
    let long = ANSWER_BYTES_MAX / reply_bytes - 1;
    for _ in 0..=ANSWERS_BYTES_MAX / ANSWER_BYTES_MAX {
        fixture.ask(format!("get{}\r\n", " k".repeat(long)).as_bytes());
        fixture.turns();
    }
    assert_eq!(fixture.counter(Counter::AnswersDropped), 1);
    let short = 50;
    fixture.ask(format!("get{}\r\n", " k".repeat(short)).as_bytes());
    fixture.turns();
    let mut datagrams = fixture.read();
    while fixture.port.watched(0, Readiness::Writable) {
        fixture.port.ready(&mut fixture.hub, 0, Readiness::Writable);
        fixture.turns();
        datagrams.extend(fixture.read());
    }
    let total = (short * reply_bytes + "END\r\n".len()).div_ceil(1392);
    let came = datagrams.iter().filter(|it| usize::from(it.1) == total).count();
    assert_eq!(came, total);
}
