//! How long requests took, by a clock that only the tests advance.

use slabcore_metrics::{Command, HistogramSnapshot, RequestTimes};

use super::*;
use crate::settings::limits::KEYS_PER_SERVING_MAX;
use crate::shared::clock::stopped;

const MILLISECOND: u64 = 1_000_000;

/// A server whose clock is stopped.
fn server(shards: usize) -> InMemoryServer {
    stopped::stop();
    InMemoryServer::new(shards, 64 << 20, 1).unwrap()
}

impl InMemoryServer {
    /// One turn of a shard.
    fn turn_of(&mut self, shard: usize) {
        self.shards[shard].turn(|_, _| ());
    }

    fn times(&self, command: Command) -> HistogramSnapshot<125> {
        let timings = self.shared.timings.iter().map(Arc::as_ref);
        RequestTimes::sum_of(timings).of(command).clone()
    }

    /// Asserts that as many requests of a command took so many milliseconds, and no others did.
    #[track_caller]
    fn expect(&self, command: Command, requests: u64, milliseconds: u64) {
        let times = self.times(command);
        let sum = requests * milliseconds * MILLISECOND;
        assert_eq!((times.count(), times.sum()), (requests, sum), "{command:?}");
    }

    /// A key of a shard.
    fn key_of(&self, shard: usize) -> String {
        let mut keys = (0..).map(|number| format!("key{number}"));
        keys.find(|key| self.shard_of(key.as_bytes()) == shard).unwrap()
    }
}

#[test]
fn requests_of_one_turn_take_as_long_as_the_turn() {
    let mut server = server(1);
    let client = server.connect();
    server.receive(client, b"get a b c\r\nset a 0 0 1\r\nx\r\ngat 0 a\r\nincr a 1\r\ndelete a\r\n");
    server
        .receive(client, b"mg a\r\nmn\r\nms a 1\r\nx\r\nnonsense\r\nset a 0 0 1 noreply\r\nx\r\n");
    server.turn_of(0);
    for (command, requests) in [
        (Command::Get, 2),
        (Command::Set, 3),
        (Command::Touch, 1),
        (Command::Arithmetic, 1),
        (Command::Delete, 1),
        (Command::Other, 2),
    ] {
        server.expect(command, requests, 0);
    }
    let timings = &server.shared.timings[0];
    let mut requests = HistogramSnapshot::new();
    requests.add(&timings.turn_requests);
    assert_eq!((requests.count(), requests.sum()), (1, 10));
}

/// A reply leaves with those that were asked for with it, so all take as long as the one of another
/// shard.
#[test]
fn a_forwarded_request_and_those_that_wait_for_it_take_the_whole_way() {
    let mut server = server(2);
    let client = server.connect();
    let (ours, other) = (server.key_of(0), server.key_of(1));
    server.receive(client, format!("get {ours}\r\nget {other}\r\nget {ours}\r\n").as_bytes());
    server.turn_of(0);
    server.expect(Command::Get, 0, 0);
    stopped::advance(MILLISECOND);
    server.turn_of(1);
    server.expect(Command::Get, 0, 0);
    stopped::advance(2 * MILLISECOND);
    // Later requests have their own time, whether their replies wait or not.
    server.receive(client, format!("set {ours} 0 0 1\r\nx\r\n").as_bytes());
    server.turn_of(0);
    server.expect(Command::Get, 3, 3);
    server.expect(Command::Set, 1, 0);
    let timings = &server.shared.timings[0];
    let mut hops = HistogramSnapshot::new();
    hops.add(&timings.hops);
    assert_eq!((hops.count(), hops.sum()), (1, 3 * MILLISECOND));
    let mut batches = HistogramSnapshot::new();
    batches.add(&timings.batch_requests);
    assert_eq!((batches.count(), batches.sum()), (1, 1));
}

#[test]
fn requests_that_follow_in_later_turns_are_received_in_them() {
    let mut server = server(2);
    let client = server.connect();
    let (ours, other) = (server.key_of(0), server.key_of(1));
    server.receive(client, format!("get {other}\r\n").as_bytes());
    server.turn_of(0);
    stopped::advance(MILLISECOND);
    server.receive(client, format!("set {ours} 0 0 1\r\nx\r\n").as_bytes());
    server.turn_of(0);
    server.receive(client, format!("delete {other}\r\n").as_bytes());
    server.turn_of(0);
    stopped::advance(MILLISECOND);
    server.turn_of(1);
    assert_eq!(server.times(Command::Set).count(), 0);
    server.turn_of(0);
    server.expect(Command::Get, 1, 2);
    server.expect(Command::Set, 1, 1);
    server.expect(Command::Delete, 1, 1);
}

#[test]
fn waiting_for_a_turn_counts() {
    let mut server = server(1);
    let client = server.connect();
    let budget = server.shards[0].hub.executor.requests_per_serving_max() as u64;
    let gets = b"get k\r\n".repeat(budget as usize + 5);
    server.receive(client, &gets);
    server.shards[0].execute_inputs();
    assert!(server.shards[0].hub.has_runnable());
    stopped::advance(4 * MILLISECOND);
    server.turn_of(0);
    server.expect(Command::Get, budget + 5, 4);
}

#[test]
fn a_paused_get_is_one_request() {
    let mut server = server(1);
    let client = server.connect();
    let keys: String = " key".repeat(2 * KEYS_PER_SERVING_MAX);
    server.receive(client, format!("get{keys}\r\n").as_bytes());
    server.shards[0].execute_inputs();
    server.turn_of(0);
    while server.times(Command::Get).count() == 0 {
        stopped::advance(MILLISECOND);
        server.turn_of(0);
    }
    server.turn_of(0);
    assert_eq!(server.times(Command::Get).count(), 1);
}

/// The client's time is not the server's.
#[test]
fn a_value_is_received_with_its_last_byte() {
    for shards in [1, 2] {
        let mut server = server(shards);
        let client = server.connect();
        let key = server.key_of(0);
        let command = format!("set {key} 0 0 10\r\n01234");
        for part in [command.as_bytes(), b"5678", b"9\r"] {
            server.receive(client, part);
            server.turn_of(0);
            stopped::advance(MILLISECOND);
        }
        server.expect(Command::Set, 0, 0);
        server.receive(client, b"\nge");
        server.turn_of(0);
        server.expect(Command::Set, 1, 0);
        stopped::advance(MILLISECOND);
        server.receive(client, format!("t {key}\r\n").as_bytes());
        server.turn_of(0);
        server.expect(Command::Get, 1, 0);
    }
}

#[test]
fn a_refused_value_counts_once_it_is_ignored() {
    let mut server = server(1);
    let client = server.connect();
    let bytes = 2 << 20;
    server.receive(client, format!("set k 0 0 {bytes}\r\n").as_bytes());
    server.turn_of(0);
    stopped::advance(MILLISECOND);
    server.receive(client, &vec![0; bytes]);
    server.turn_of(0);
    server.expect(Command::Set, 0, 0);
    server.receive(client, b"\r\nversion\r\n");
    server.turn_of(0);
    server.expect(Command::Set, 1, 0);
    server.expect(Command::Other, 1, 0);
}

/// Whatever shards and cuts: each request is recorded once.
#[test]
fn each_request_is_recorded_once() {
    let mut input = Vec::new();
    for number in 0..60 {
        let key = format!("key{number}");
        input.extend_from_slice(format!("set {key} 0 0 2\r\nxx\r\nget {key} a b\r\n").as_bytes());
        input.extend_from_slice(
            format!("set {key} 0 0 2 noreply\r\nxx\r\nmg {key} v\r\n").as_bytes(),
        );
        input.extend_from_slice(format!("delete {key} noreply\r\ntouch {key} 0\r\n").as_bytes());
        if number % 20 == 0 {
            input.extend_from_slice(b"stats\r\n");
        }
    }
    for shards in [1, 2, 3] {
        for piece_bytes in [1, 7, 100, input.len()] {
            let mut server = server(shards);
            let client = server.connect();
            for piece in input.chunks(piece_bytes) {
                server.receive(client, piece);
                server.turn(|_, _| ());
                stopped::advance(MILLISECOND);
            }
            server.turn_of(0);
            let counts = Command::ALL.iter().map(|&command| server.times(command).count());
            let counts: Vec<u64> = counts.collect();
            assert_eq!(counts, [120, 120, 60, 0, 60, 3], "{shards} shards, {piece_bytes} bytes");
        }
    }
}
