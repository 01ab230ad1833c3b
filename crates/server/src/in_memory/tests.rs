//! Tests of single turns, on a server without sockets.

use slabcore_metrics::Counter;
use slabcore_protocol::binary_opcode;
use slabcore_shard::{Batch, FlushTime, ForwardedRequest, ShardId};
use slabcore_testkit::binary_packet::Packet;

use super::*;
use crate::connection::outgoing::Outgoing;
use crate::settings::limits::{HELD_BYTES_MAX, KEY_GROUP, OPEN_READS_MAX, SEND_VALUE_BYTES_MAX};
use crate::shared::mailbox::Message;

impl InMemoryServer {
    /// Holds of all shards.
    fn holds(&self) -> u64 {
        let stats = self.shards.iter().map(|it| it.hub.executor.shards.own().store().stats());
        stats.map(|stats| stats.holds).sum()
    }

    /// Takes the next send of a connection, once all that it waits for is here.
    fn take_send(&mut self, connection: InMemoryConnection) -> Outgoing {
        loop {
            for (index, shard) in self.shards.iter_mut().enumerate() {
                shard.execute_inputs();
                shard.hub.take_messages(|_, _| (), |_| ());
                shard.hub.dispatch(|_| ());
                if index == connection.shard
                    && let Some(actions) = shard.hub.take_actions(connection.id.index)
                    && let Some(outgoing) = actions.send
                {
                    return outgoing;
                }
            }
        }
    }

    /// Has all shards turn until none has work, while no socket takes a byte.
    fn turn_without_sends(&mut self) {
        let has_work = |shard: &InMemoryShard| {
            !shard.inputs.is_empty() || shard.hub.has_messages() || shard.hub.has_runnable()
        };
        while self.shards.iter().any(has_work) {
            for shard in &mut self.shards {
                shard.execute_inputs();
                shard.hub.take_messages(|_, _| (), |_| ());
                shard.hub.run_runnable();
                shard.hub.dispatch(|_| ());
            }
        }
    }
}

fn server(shards: usize) -> InMemoryServer {
    InMemoryServer::new(shards, 64 << 20, 1).unwrap()
}

/// The replies to pieces of input, with a turn after each.
fn answer<'a>(
    server: &mut InMemoryServer,
    connection: InMemoryConnection,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let mut output = Vec::new();
    for piece in pieces {
        server.receive(connection, piece);
        server.turn(|_, bytes| output.extend_from_slice(bytes));
    }
    output
}

#[test]
fn any_split_over_any_shards_gives_the_same_replies() {
    let mut input = Vec::new();
    let mut expected = Vec::new();
    for number in 0..40 {
        input.extend_from_slice(format!("set key{number} 0 0 2\r\n{number:02}\r\n").as_bytes());
        expected.extend_from_slice(b"STORED\r\n");
    }
    input.extend_from_slice(b"get");
    for number in 0..40 {
        input.extend_from_slice(format!(" key{number}").as_bytes());
        let value = format!("VALUE key{number} 0 2\r\n{number:02}\r\n");
        expected.extend_from_slice(value.as_bytes());
    }
    input.extend_from_slice(b"\r\n");
    expected.extend_from_slice(b"END\r\n");
    for shards in [1, 2, 3] {
        let mut server = server(shards);
        for piece_bytes in [1, 7, 100, input.len()] {
            let connection = server.connect();
            let output = answer(&mut server, connection, input.chunks(piece_bytes));
            assert_eq!(output, expected, "{shards} shards, {piece_bytes} bytes at a time");
        }
    }
}

#[test]
fn a_value_larger_than_one_send_comes_whole() {
    const BYTES: usize = 1_000_000;
    const { assert!(BYTES > SEND_VALUE_BYTES_MAX) };
    let mut server = server(2);
    for number in 0..4 {
        let connection = server.connect();
        let value = "v".repeat(BYTES);
        let input = format!("set key{number} 0 0 {BYTES}\r\n{value}\r\nget key{number}\r\n");
        let output = answer(&mut server, connection, [input.as_bytes()]);
        let head = format!("STORED\r\nVALUE key{number} 0 {BYTES}\r\n");
        assert!(output.starts_with(head.as_bytes()) && output.ends_with(b"v\r\nEND\r\n"));
        assert_eq!(output.len(), head.len() + BYTES + b"\r\nEND\r\n".len());
    }
    assert_eq!(server.holds(), 0);
}

/// A large value of the own shard, and one of another shard, stay whole while their keys change.
#[test]
fn a_value_stays_as_it_was_while_it_is_being_sent() {
    const BYTES: usize = 100_000;
    let changes = ["flush_all\r\n".to_owned(), "delete key\r\n".to_owned()];
    let set = |letter: &str| format!("set key 0 0 {BYTES}\r\n{}\r\n", letter.repeat(BYTES));
    for change in changes.into_iter().chain([set("n")]) {
        for arrives in [true, false] {
            let mut server = server(2);
            let clients = [server.connect(), server.connect()];
            for client in clients {
                answer(&mut server, client, [set("o").as_bytes()]);
                server.receive(client, b"get key\r\n");
                let outgoing = server.take_send(client);
                assert_eq!(server.holds(), 1);
                answer(&mut server, client, [change.as_bytes(), set("n").as_bytes()]);
                let sent = bytes_from(&outgoing, 0);
                let head = format!("VALUE key 0 {BYTES}\r\n");
                let value = "o".repeat(BYTES);
                assert!(sent == [&head, &value, "\r\nEND\r\n"].concat().as_bytes());
                for offset in (0..sent.len()).step_by(997) {
                    assert!(bytes_from(&outgoing, offset) == sent[offset..], "from {offset}");
                }
                let hub = &mut server.shards[client.shard].hub;
                if arrives {
                    hub.sent(client.id.index, outgoing);
                } else {
                    hub.send_failed(client.id.index, outgoing);
                }
                server.turn(|_, _| ());
                assert_eq!(server.holds(), 0);
            }
        }
    }
}

fn bytes_from(outgoing: &Outgoing, mut offset: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while offset < outgoing.total_bytes() {
        for piece in outgoing.pieces(offset) {
            bytes.extend_from_slice(piece);
            offset += piece.len();
        }
    }
    bytes
}

/// Other shards can send batches as fast as one answers them. Its own connections must have their
/// turn nevertheless.
#[test]
fn messages_that_come_meanwhile_wait_for_the_next_turn() {
    let mut server = server(2);
    let shared = Arc::clone(&server.shared);
    let feed = || {
        let mut batch = Box::new(Batch::new(ShardId::new(1)));
        batch.push(&ForwardedRequest::Flush(FlushTime::Immediately), None);
        shared.mailboxes[1].park();
        shared.mailboxes[0].post(Message::Requests(batch));
    };
    feed();
    let mut answered = 0;
    let wake = |_| {
        answered += 1;
        if answered < 100 {
            feed();
        }
    };
    let open = |_, _| unreachable!("no acceptor hands sockets over");
    assert!(server.shards[0].hub.take_messages(open, wake));
    assert_eq!(answered, 1);
    assert!(server.shards[0].hub.has_messages());
}

/// A get of many keys counted as one request, so a client that sent such gets delayed all others
/// for seconds.
#[test]
fn keys_of_a_get_take_from_the_budget() {
    let mut server = server(1);
    let connection = server.connect();
    server.receive(connection, format!("get{}\r\n", " a".repeat(255)).repeat(20).as_bytes());
    server.shards[0].execute_inputs();
    let asked = || server.shared.metrics[0].snapshot().get(Counter::CmdGet);
    let budget_max = server.shared.settings.requests_per_event_max * KEY_GROUP;
    assert!(asked() <= budget_max as u64, "{} keys at one time", asked());
    let mut output = Vec::new();
    server.turn(|_, bytes| output.extend_from_slice(bytes));
    assert_eq!(output, b"END\r\n".repeat(20));
    assert_eq!(server.shared.metrics[0].snapshot().get(Counter::CmdGet), 20 * 255);
}

/// A connection that pipelines is served once before the others are.
#[test]
fn a_pipeline_does_not_stand_before_other_connections() {
    let mut server = server(1);
    let [greedy, modest] = [(); 2].map(|()| server.connect());
    server.receive(greedy, &b"get a\r\n".repeat(10_000));
    server.receive(modest, b"get b\r\n");
    server.shards[0].execute_inputs();
    let asked = server.shared.metrics[0].snapshot().get(Counter::CmdGet);
    assert_eq!(asked, server.shared.settings.requests_per_event_max as u64 + 1);
    let mut replies = [Vec::new(), Vec::new()];
    server.turn(|connection, bytes| {
        replies[usize::from(connection == modest)].extend_from_slice(bytes);
    });
    assert_eq!(replies, [b"END\r\n".repeat(10_000), b"END\r\n".to_vec()]);
}

/// An owner that returns from the kernel waits for one group of keys, not for a long get.
#[test]
fn a_borrowed_shard_is_given_back_after_each_group_of_keys() {
    let mut server = server(2);
    let keys = (0..1000).map(|number| format!("key{number}"));
    let keys: Vec<_> = keys.filter(|key| server.shard_of(key.as_bytes()) == 1).collect();
    let connection = server.connect();
    let input = format!("get {}\r\n", keys[..2 * KEY_GROUP].join(" ")).repeat(3);
    server.receive(connection, input.as_bytes());
    server.shards[1].hub.executor.shards.lend();
    server.shards[0].execute_inputs();
    server.shards[1].hub.executor.shards.take_back();
    let borrowed = server.shared.metrics[0].snapshot().get(Counter::ShardsBorrowed);
    assert_eq!(borrowed, 3 * 2);
    let mut output = Vec::new();
    server.turn(|_, bytes| output.extend_from_slice(bytes));
    assert_eq!(output, b"END\r\n".repeat(3));
}

/// A value on its way to another shard's connection is held. A few clients that pipelined gets had
/// so many held that they, and all others, were refused for lack of memory.
#[test]
fn clients_that_ask_ahead_for_large_values_get_them() {
    const GETS: usize = 400;
    let mut server = server(2);
    let mut keys = (0..).map(|number| format!("key{number}"));
    let key = keys.find(|key| server.shard_of(key.as_bytes()) == 1).unwrap();
    let clients: Vec<_> = (0..16).map(|_| server.connect()).collect();
    let mut input = format!("set {key} 0 0 20000\r\n").into_bytes();
    input.resize(input.len() + 20_000, b'v');
    input.extend_from_slice(b"\r\n");
    assert_eq!(answer(&mut server, clients[0], [&input[..]]), b"STORED\r\n");
    for client in &clients {
        server.receive(*client, format!("get {key}\r\n").repeat(GETS).as_bytes());
    }
    let mut bytes = 0;
    server.turn(|_, output| bytes += output.len());
    let reply_bytes = format!("VALUE {key} 0 20000\r\n").len() + 20_000 + 7;
    assert_eq!(bytes, clients.len() * GETS * reply_bytes);
}

/// A client on shard 0, and a key of a shard with a value of so many bytes.
fn client_and_key(
    server: &mut InMemoryServer,
    shard: usize,
    value_bytes: usize,
) -> (InMemoryConnection, String) {
    let mut keys = (0..).map(|number| format!("key{number}"));
    let key = keys.find(|key| server.shard_of(key.as_bytes()) == shard).unwrap();
    let clients: Vec<_> = (0..server.shards.len()).map(|_| server.connect()).collect();
    let set = format!("set {key} 0 0 {value_bytes}\r\n{}\r\n", "v".repeat(value_bytes));
    assert_eq!(answer(server, clients[0], [set.as_bytes()]), b"STORED\r\n");
    (clients[0], key)
}

/// Requests to other shards were bounded by their number only: 511 values of a megabyte were held
/// for one client that read nothing.
#[test]
fn a_client_that_reads_nothing_holds_few_values() {
    const VALUE_BYTES: usize = 100_000;
    let own_max = HELD_BYTES_MAX.div_ceil(VALUE_BYTES);
    for (shard, holds_max) in [(0, own_max), (1, own_max + OPEN_READS_MAX)] {
        let mut server = server(2);
        let (_, key) = client_and_key(&mut server, shard, VALUE_BYTES);
        let requests = [
            format!("get {key}\r\n").repeat(600),
            format!("get{}\r\n", format!(" {key}").repeat(600)),
            format!("gats 0 {key}\r\n").repeat(600),
            format!("gats 0{}\r\n", format!(" {key}").repeat(300)),
            format!("mg {key} v\r\n").repeat(600),
            format!("mg {key} v t T0\r\n").repeat(600),
        ];
        let binary = Packet::request(binary_opcode::GET).key(&*key).bytes().repeat(600);
        for request in requests.iter().map(String::as_bytes).chain([&binary[..]]) {
            let clients = [server.connect(), server.connect()];
            let client = clients.into_iter().find(|client| client.shard == 0).unwrap();
            server.receive(client, request);
            server.turn_without_sends();
            let holds = server.holds() as usize;
            let shown = request[..20].escape_ascii();
            assert!((1..=holds_max).contains(&holds), "{holds} holds for {shown}");
            server.shards[0].hub.remove(client.id.index);
            server.turn_without_sends();
            assert_eq!(server.holds(), 0);
        }
    }
}

/// A shard held 65,536 values at a time. The next get of a large value was answered with an error
/// and `END`, which the client took for the reply to its next request.
#[test]
fn values_are_sent_however_many_others_wait_for_theirs() {
    let mut server = server(2);
    let (client, key) = client_and_key(&mut server, 1, 17_000);
    for _ in 0..260 {
        let unread = server.connect();
        server.receive(unread, format!("get {key}\r\n").repeat(600).as_bytes());
        server.turn_without_sends();
    }
    assert!(server.holds() >= 130 * OPEN_READS_MAX as u64);
    let reply = format!("VALUE {key} 0 17000\r\n{}\r\nEND\r\n", "v".repeat(17_000));
    server.receive(client, format!("get {key}\r\n").as_bytes());
    let outgoing = server.take_send(client);
    assert!(bytes_from(&outgoing, 0) == reply.as_bytes());
    server.shards[0].hub.sent(client.id.index, outgoing);
}

#[test]
fn connections_end_and_their_places_are_used_again() {
    let mut server = server(1);
    let first = server.connect();
    assert_eq!(answer(&mut server, first, [&b"version\r\nquit\r\nversion\r\n"[..]]).len(), 16);
    assert!(!server.is_open(first));
    let second = server.connect();
    assert!(server.is_open(second) && !server.is_open(first));
    assert!(answer(&mut server, first, [&b"version\r\n"[..]]).is_empty());
    server.receive(second, b"get key\r\n");
    server.end_of_input(second);
    let mut output = Vec::new();
    server.turn(|connection, bytes| {
        assert_eq!(connection, second);
        output.extend_from_slice(bytes);
    });
    assert_eq!(output, b"END\r\n");
    assert!(!server.is_open(second));
    assert_eq!(server.shared.admission.open_connections(), 0);
}
