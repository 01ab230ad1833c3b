//! Whole sessions, compared with the test kit's model. The input is cut at any byte, and there are
//! one to three shards.

use std::time::{SystemTime, UNIX_EPOCH};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use slabcore_testkit::binary_packet::Packet;
use slabcore_testkit::command::TextCommand;
use slabcore_testkit::generators;
use slabcore_testkit::model::Model;
use slabcore_testkit::redis_client::encoded;
use slabcore_testkit::replies::{Normaliser, shown};
use slabcore_testkit::splits::Splits;
use slabcore_testkit::string_generators;

use super::*;

const CASES: u32 = 400;
const ITEM_BYTES_MAX: usize = 1 << 20;

/// Opcodes of binary gets.
const GET: u8 = 0x00;
const GETQ: u8 = 0x09;
const GETK: u8 = 0x0c;
const GETKQ: u8 = 0x0d;

/// The replies that a new connection gets for this input.
fn replies(server: &mut InMemoryServer, input: &[u8], splits: Splits) -> Vec<u8> {
    let connection = server.connect();
    let (mut rest, mut output) = (input, Vec::new());
    for piece_bytes in splits.lengths() {
        if rest.is_empty() {
            break;
        }
        let (piece, tail) = rest.split_at(piece_bytes.min(rest.len()));
        server.receive(connection, piece);
        server.turn(|_, bytes| output.extend_from_slice(bytes));
        rest = tail;
    }
    server.end_of_input(connection);
    server.turn(|_, _| ());
    output
}

/// Runs a check of sessions that are the same in each run.
fn check_sessions(
    seed: u64,
    check: impl Fn(Vec<TextCommand>, usize, Splits) -> Result<(), TestCaseError>,
) {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let splits = prop_oneof![
        1 => Just(Splits::Whole),
        1 => Just(Splits::Bytewise),
        4 => any::<u64>().prop_map(Splits::Random),
    ];
    let sessions = (vec(generators::text_command(), 1..60), 1..=3_usize, splits);
    let result = TestRunner::new(config)
        .run(&sessions, |(commands, shards, splits)| check(commands, shards, splits));
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn started(shards: usize) -> (InMemoryServer, Model, u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let server = InMemoryServer::new(shards, 64 << 20, 1).unwrap();
    (server, Model::new(ITEM_BYTES_MAX, now), now)
}

#[test]
fn replies_are_the_models() {
    check_sessions(0x30de, |commands, shards, splits| {
        let (mut server, mut model, now) = started(shards);
        let (mut input, mut expected) = (Vec::new(), Vec::new());
        for command in &commands {
            input.extend_from_slice(&command.bytes());
            model.execute_text(now, command, &mut expected);
        }
        let got = Normaliser::new().normalise(&replies(&mut server, &input, splits));
        let expected = Normaliser::new().normalise(&expected);
        prop_assert!(got == expected, "server {}\nmodel {}", shown(&got), shown(&expected));
        Ok(())
    });
}

/// Two clients take turns, one in each dialect.
///
/// A `GET` that came in two pieces left the decoder in the middle of a command: the next command
/// was read as if it had two words.
#[test]
fn both_dialects_have_the_models_items() {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x2ed1),
        ..Config::default()
    };
    let command = prop_oneof![
        generators::text_command().prop_map(Ok),
        string_generators::string_command().prop_map(Err),
    ];
    let sessions = (vec((command, any::<prop::sample::Index>()), 1..60), 1..=3_usize);
    let result = TestRunner::new(config).run(&sessions, |(commands, shards)| {
        let (mut server, mut model, now) = started(shards);
        let (text, redis) = (server.connect(), server.connect_redis());
        let (mut text_replies, mut expected_text) = (Vec::new(), Vec::new());
        for (command, cut) in &commands {
            let mut expected = Vec::new();
            let (client, bytes) = match command {
                Ok(command) => {
                    model.execute_text(now, command, &mut expected_text);
                    (text, command.bytes())
                }
                Err(words) => {
                    model.execute_string(now, words, &mut expected);
                    (redis, encoded(words))
                }
            };
            let mut got = Vec::new();
            let (first, second) = bytes.split_at(cut.index(bytes.len()));
            for piece in [first, second] {
                server.receive(client, piece);
                server.turn(|_, bytes| got.extend_from_slice(bytes));
            }
            match command {
                Ok(_) => text_replies.extend_from_slice(&got),
                Err(words) => prop_assert!(
                    got == expected,
                    "{:?}: server {}, model {}",
                    words,
                    shown(&got),
                    shown(&expected)
                ),
            }
        }
        let got = Normaliser::new().normalise(&text_replies);
        let expected = Normaliser::new().normalise(&expected_text);
        prop_assert!(got == expected, "server {}\nmodel {}", shown(&got), shown(&expected));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// A binary session reads what a text session has stored.
#[test]
fn binary_gets_read_what_the_model_has() {
    check_sessions(0xb1a2, |commands, shards, splits| {
        let (mut server, mut model, now) = started(shards);
        let mut input = Vec::new();
        for command in &commands {
            input.extend_from_slice(&command.bytes());
            model.execute_text(now, command, &mut Vec::new());
        }
        replies(&mut server, &input, Splits::Whole);
        let keys = model.live_keys(now);
        let keys = keys.iter().map(Vec::as_slice).chain([&b"absent"[..]]);
        let (mut input, mut expected) = (Vec::new(), Vec::new());
        for (place, key) in keys.enumerate() {
            for opcode in [GETK, GETQ, GET, GETKQ] {
                let request = Packet::request(opcode).key(key).opaque(place as u32);
                input.extend_from_slice(&request.bytes());
                expected.extend(reply(&mut model, now, &request));
            }
        }
        let output = replies(&mut server, &input, splits);
        let (mut rest, mut got) = (&output[..], Vec::new());
        while let Some((packet, length)) = Packet::read(rest) {
            prop_assert_eq!(packet.cas == 0, packet.status != 0, "a hit tells its cas unique");
            got.push(packet.cas(0));
            rest = &rest[length..];
        }
        prop_assert!(rest.is_empty());
        prop_assert_eq!(got, expected);
        Ok(())
    });
}

/// The reply to a binary get, except its cas unique.
fn reply(model: &mut Model, now: u64, request: &Packet) -> Option<Packet> {
    let &Packet { opcode, opaque, .. } = request;
    let mut reply = Packet::request(opcode).opaque(opaque);
    reply.magic = slabcore_testkit::binary_packet::REPLY;
    let names_key = matches!(opcode, GETK | GETKQ);
    if names_key {
        reply.key.clone_from(&request.key);
    }
    match model.get(now, &request.key) {
        Some(item) => Some(reply.extra(&item.flags.to_be_bytes()).value(&item.value[..])),
        None if matches!(opcode, GETQ | GETKQ) => None,
        None => {
            reply.status = 1;
            Some(if names_key { reply } else { reply.value("Not found") })
        }
    }
}
