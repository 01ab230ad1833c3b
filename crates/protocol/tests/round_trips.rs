//! What the test kit's encoders write, the decoder reads: each command of each dialect comes back.

use proptest::prelude::*;
use slabcore_protocol::{
    BinaryArithmetic, BinaryCommand, BinaryServerRequest, DataBlock, Decoded, Decoder, MetaCommand,
    Request, ServerCommand, StatsQuery, StoreForm, StoreRequest, Verb, binary_opcode,
};
use slabcore_testkit::binary_packet::Packet;
use slabcore_testkit::binary_script::Numbers;
use slabcore_testkit::command::{self, Command};
use slabcore_testkit::meta_line::MetaLine;
use slabcore_testkit::{generators, meta_generators, part_generators};

/// The exptime of a binary number that is not to be created.
const DO_NOT_CREATE: u32 = u32::MAX;

/// The value after a storage request; all of the input must be used up.
fn value<'a>(store: &StoreRequest<'_>, after: &'a [u8]) -> &'a [u8] {
    match store.data_block(after) {
        DataBlock::Whole { value, consumed } if consumed == after.len() => value,
        block => panic!("{block:?}"),
    }
}

fn verb(verb: Verb) -> command::Verb {
    match verb {
        Verb::Set => command::Verb::Set,
        Verb::Add => command::Verb::Add,
        Verb::Replace => command::Verb::Replace,
        Verb::Append => command::Verb::Append,
        Verb::Prepend => command::Verb::Prepend,
        Verb::Cas => command::Verb::Cas,
    }
}

/// The classic command that these bytes are, by the decoder.
fn classic(bytes: &[u8]) -> Command {
    match Decoder::new().decode(bytes) {
        Decoded::Store { store, consumed } => {
            assert_eq!(store.form, StoreForm::Classic);
            let value = value(&store, &bytes[consumed..]).to_vec();
            let StoreRequest { verb: word, key, flags, exptime, cas_unique, noreply, .. } = store;
            let (verb, key) = (verb(word), key.to_vec());
            Command::Store { verb, key, flags, exptime, value, cas_unique, noreply }
        }
        Decoded::Request { request, consumed } if consumed == bytes.len() => match request {
            Request::Get(get) => {
                let keys = get.keys.map(<[u8]>::to_vec).collect();
                let with_cas = get.with_cas;
                match get.exptime {
                    Some(exptime) => Command::GetAndTouch { keys, with_cas, exptime },
                    None => Command::Get { keys, with_cas },
                }
            }
            Request::Touch { key, exptime, noreply } => {
                Command::Touch { key: key.to_vec(), exptime, noreply }
            }
            Request::Delete { key, noreply } => Command::Delete { key: key.to_vec(), noreply },
            Request::Arithmetic { key, delta, incr, noreply } => {
                Command::Arithmetic { key: key.to_vec(), delta, incr, noreply }
            }
            Request::ServerCommand { command: ServerCommand::FlushAll { delay }, noreply } => {
                Command::FlushAll { delay, noreply }
            }
            request => panic!("{request:?}"),
        },
        decoded => panic!("{decoded:?}"),
    }
}

/// The meta command that these bytes are, by the decoder, in the form in which the test kit reads
/// it.
fn meta(bytes: &[u8]) -> Vec<u8> {
    let (word, key, flags, data) = match Decoder::new().decode(bytes) {
        Decoded::Store { store, consumed } => {
            let StoreForm::Meta(flags) = store.form else { panic!("{store:?}") };
            let value = value(&store, &bytes[consumed..]);
            ("ms", store.key, flags, Some(value))
        }
        Decoded::Request { request: Request::Meta(meta), consumed } if consumed == bytes.len() => {
            let word = match meta.command {
                MetaCommand::Get => "mg",
                MetaCommand::Delete => "md",
                MetaCommand::Incr | MetaCommand::Decr => "ma",
                MetaCommand::Debug => "me",
            };
            (word, meta.key, meta.flags.text(), None)
        }
        Decoded::Request { request: Request::MetaNoop, consumed } if consumed == bytes.len() => {
            return b"mn\r\n".to_vec();
        }
        decoded => panic!("{decoded:?}"),
    };
    let length = data.map_or_else(String::new, |data| format!(" {}", data.len()));
    let parts = [word.as_bytes(), b" ", key, length.as_bytes(), b" ", flags, b"\r\n"].concat();
    let end: &[u8] = if data.is_some() { b"\r\n" } else { b"" };
    [&parts, data.unwrap_or_default(), end].concat()
}

/// The words of a number's extras.
fn numbers(command: BinaryCommand) -> Numbers {
    match command {
        BinaryCommand::Get | BinaryCommand::Delete => Numbers::default(),
        BinaryCommand::GetAndTouch { exptime } => Numbers { exptime, ..Numbers::default() },
        BinaryCommand::Arithmetic(BinaryArithmetic { delta, initial, exptime, .. }) => {
            let exptime = exptime.unwrap_or(DO_NOT_CREATE);
            Numbers { delta, initial, exptime, ..Numbers::default() }
        }
    }
}

/// The packet that these bytes are, by the decoder.
fn packet(bytes: &[u8]) -> Packet {
    let opcode = bytes[1];
    let (echo, packet) = match Decoder::new().decode(bytes) {
        Decoded::Store { store, consumed } => {
            let StoreForm::Binary(echo) = store.form else { panic!("{store:?}") };
            let exptime = store.exptime.cast_unsigned();
            let extras = Numbers { flags: store.flags, exptime, ..Numbers::default() };
            let packet = Packet::request(opcode).key(store.key).extra(&extras.extras(opcode));
            let value = value(&store, &bytes[consumed..]);
            (echo, packet.value(value).cas(store.cas_unique))
        }
        Decoded::Request { request: Request::Binary(found), consumed }
            if consumed == bytes.len() =>
        {
            let packet = Packet::request(opcode).key(found.key()).cas(found.cas);
            (found.echo, packet.extra(&numbers(found.command()).extras(opcode)))
        }
        Decoded::Request { request: Request::BinaryServer(echo, asked), consumed }
            if consumed == bytes.len() =>
        {
            let packet = Packet::request(opcode);
            let packet = match asked {
                BinaryServerRequest::Flush { delay } => packet.extra(&delay.to_be_bytes()),
                BinaryServerRequest::Stats(StatsQuery::Items) => packet.key(*b"items"),
                _ => packet,
            };
            (echo, packet)
        }
        decoded => panic!("{decoded:?}"),
    };
    let [of_opcode, opaque @ ..] = *echo.bytes();
    assert_eq!(of_opcode, opcode);
    packet.opaque(u32::from_be_bytes(opaque))
}

/// A binary request of any opcode that there is, but those that log in.
fn binary_request() -> impl Strategy<Value = Packet> {
    let opcodes: Vec<u8> = (0x00..=0x24).filter(|opcode| !matches!(opcode, 0x1b | 0x1f)).collect();
    let opcodes = opcodes.into_iter().filter(|opcode| !matches!(opcode, 0x21 | 0x22));
    let key = prop::collection::vec(any::<u8>(), 1..=250);
    let value = prop::collection::vec(any::<u8>(), 0..300);
    let words = (any::<u32>(), any::<u32>(), any::<u64>(), any::<u64>());
    let numbers = words.prop_map(|(flags, exptime, delta, initial)| {
        let exptime = if exptime % 8 == 0 { DO_NOT_CREATE } else { exptime };
        Numbers { flags, exptime, delta, initial }
    });
    let opcodes = prop::sample::select(opcodes.collect::<Vec<_>>());
    (opcodes, key, value, numbers, any::<u64>(), any::<u32>()).prop_map(
        |(opcode, key, value, numbers, cas, opaque)| {
            let packet = Packet::request(opcode).opaque(opaque);
            let packet = packet.extra(&numbers.extras(opcode));
            match binary_opcode::loud(opcode) {
                binary_opcode::FLUSH => packet.extra(&numbers.exptime.to_be_bytes()),
                binary_opcode::STAT => packet.key(*b"items"),
                binary_opcode::SET
                | binary_opcode::ADD
                | binary_opcode::REPLACE
                | binary_opcode::APPEND
                | binary_opcode::PREPEND => packet.key(key).value(value).cas(cas),
                binary_opcode::NOOP
                | binary_opcode::VERSION
                | binary_opcode::QUIT
                | binary_opcode::SASL_LIST => packet,
                _ => packet.key(key).cas(cas),
            }
        },
    )
}

proptest! {
    #[test]
    fn classic_commands_come_back(
        command in generators::command(part_generators::exptime(), any::<i32>().prop_map(Some)),
    ) {
        let mut expected = command.clone();
        // Only a cas says its unique.
        if let Command::Store { verb, cas_unique, .. } = &mut expected
            && *verb != command::Verb::Cas
        {
            *cas_unique = 0;
        }
        prop_assert_eq!(classic(&command.bytes()), expected);
    }

    #[test]
    fn meta_commands_come_back(command in meta_generators::command()) {
        prop_assert_eq!(MetaLine::parse(&meta(&command)), MetaLine::parse(&command));
    }

    #[test]
    fn binary_requests_come_back(request in binary_request()) {
        prop_assert_eq!(packet(&request.bytes()), request);
    }
}
