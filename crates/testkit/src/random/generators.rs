//! Random commands and scripts for property tests.
//!
//! memcached 1.6.45 and Slabcore answer all of them alike. No reply depends on the second in which
//! a command runs. [`crate::random::line_mutations`] changes lines of these commands in one place.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::random::meta_generators;
use crate::random::part_generators::{flags, key, noreply, steady_exptime, value};
use crate::scripts::script::{Part, Script};
use crate::semantics::command::{Command, TextCommand, Verb};

/// One well-formed command. Its cas uniques are small, so that they may match those of a model.
/// `exptime` and the delay of `flush_all` come from the given strategies.
pub fn command(
    exptime: impl Strategy<Value = i32> + Clone + 'static,
    delay: impl Strategy<Value = Option<i32>> + 'static,
) -> impl Strategy<Value = Command> {
    let verb = prop_oneof![4 => Just(Verb::Set), 5 => prop::sample::select(&Verb::ALL[1..])];
    let store = (verb, key(), flags(), exptime.clone(), value(), 0..60_u64, noreply());
    prop_oneof![
        8 => (vec(key(), 1..6), any::<bool>())
            .prop_map(|(keys, with_cas)| Command::Get { keys, with_cas }),
        2 => (vec(key(), 1..4), any::<bool>(), exptime.clone())
            .prop_map(|(keys, with_cas, exptime)| {
                Command::GetAndTouch { keys, with_cas, exptime }
            }),
        14 => store.prop_map(|(verb, key, flags, exptime, value, cas_unique, noreply)| {
            Command::Store { verb, key, flags, exptime, value, cas_unique, noreply }
        }),
        2 => (key(), exptime, noreply())
            .prop_map(|(key, exptime, noreply)| Command::Touch { key, exptime, noreply }),
        3 => (key(), noreply()).prop_map(|(key, noreply)| Command::Delete { key, noreply }),
        4 => (key(), prop_oneof![3 => 0..100_u64, 1 => any::<u64>()], any::<bool>(), noreply())
            .prop_map(|(key, delta, incr, noreply)| {
                Command::Arithmetic { key, delta, incr, noreply }
            }),
        1 => (delay, noreply()).prop_map(|(delay, noreply)| Command::FlushAll { delay, noreply }),
    ]
}

/// One well-formed command, classic or meta, whose reply is the same on each server and at each
/// second. Its cas uniques match only items that got theirs from a meta command.
pub fn text_command() -> impl Strategy<Value = TextCommand> {
    let delay = prop_oneof![Just(None), Just(Some(0)), Just(Some(-1)), Just(Some(100_000))];
    prop_oneof![
        1 => command(steady_exptime(), delay)
            .prop_map(|command| TextCommand::Classic(command.without_lucky_cas())),
        1 => meta_generators::command().prop_map(TextCommand::Meta),
    ]
}

/// Lines that are slightly wrong, or unusual and valid. They leave the stream between two commands,
/// and both servers answer them alike.
pub fn odd_line() -> impl Strategy<Value = Vec<u8>> {
    let fixed = prop::sample::select(&[
        // Unknown commands and wrong case.
        "fool\r\n",
        "GET a\r\n",
        "Set a 0 0 1\r\n",
        "getx a\r\n",
        "config get cluster\r\n",
        "flush_al\r\n",
        "incrr a 1\r\n",
        "deletes a\r\n",
        "set_ a 0 0 1\r\n",
        "{}[]()\r\n",
        // A data block without its line end: the server discards it and reads the rest as a line.
        "set a 0 0 2\r\nhixyzzy\r\n",
        "add b 0 0 0\r\nzzrest\r\n",
        "append c 0 0 3\r\nabcdefghij\r\n",
        // Words that are not numbers.
        "incr a x\r\n",
        "decr a -1\r\n",
        "incr a 1x\r\n",
        "incr a 18446744073709551616\r\n",
        "touch a x\r\n",
        "gat x a\r\n",
        "flush_all x\r\n",
        "gats 1x a b\r\n",
        // Without a length no data block is discarded.
        "set a 0 0 x\r\n",
        "set a 0 0 -1\r\n",
        "add a 0 0 2147483647\r\n",
        // Deletes with further words.
        "delete a 0\r\n",
        "delete a 5\r\n",
        "delete a b c\r\n",
        "delete a 0 noreply\r\n",
        // Extra blanks, a lone LF, words after the last one.
        "get   a    b\r\n",
        "get a b  \r\n",
        "get a\n",
        "set a 0 0 1\nx\r\n",
        "set  b  0  0  2 \r\nxy\r\n",
        "incr a 1 \r\n",
        "touch a 0  \r\n",
        "version_\r\n",
        "verbosity 0\r\n",
        "verbosity 1 noreply\r\n",
    ]);
    prop_oneof![
        8 => fixed.prop_map(|line| line.as_bytes().to_vec()),
        1 => (251..400_usize).prop_map(|length| {
            format!("delete {}\r\n", "k".repeat(length)).into_bytes()
        }),
        1 => (251..400_usize).prop_map(|length| {
            format!("incr {} 1\r\n", "k".repeat(length)).into_bytes()
        }),
        2 => vec(b'A'..=b'Z', 4..200).prop_map(|word| [&word[..], b"\r\n"].concat()),
    ]
}

/// A whole script: pipelined commands with odd lines between them, replies read now and then, cas
/// with the unique from a reply.
///
/// Replies are read before every incr, decr and ma. While a get's reply is outstanding, memcached
/// stores a shorter number as a new value instead of padding the old one. So the padding would
/// depend on how the packets are cut.
pub fn script() -> impl Strategy<Value = Script> {
    let delay = prop_oneof![Just(None), Just(Some(0)), Just(Some(-1)), Just(Some(100_000))];
    let bytes = prop_oneof![
        20 => command(steady_exptime(), delay).prop_map(|command| command.bytes()),
        3 => odd_line(),
        14 => meta_generators::command(),
        1 => meta_generators::odd_line(),
    ];
    let part = prop_oneof![
        23 => bytes.prop_map(|bytes| {
            let arithmetic = [b"incr ", b"decr ", &b"ma "[..]];
            let arithmetic = arithmetic.iter().any(|word| bytes.starts_with(word));
            let bytes = Part::Bytes(bytes);
            if arithmetic { vec![Part::Read, bytes] } else { vec![bytes] }
        }),
        2 => Just(vec![Part::Read]),
        3 => (key(), value(), noreply()).prop_map(|(key, value, noreply)| {
            read_then_cas(&key, &value, noreply)
        }),
        2 => (key(), value()).prop_map(|(key, value)| {
            meta_generators::read_then_compare(&key, &value)
        }),
    ];
    vec(part, 1..30).prop_map(|parts| {
        let mut script = Script::default();
        parts.into_iter().flatten().for_each(|part| script.push(part));
        script
    })
}

fn read_then_cas(key: &[u8], value: &[u8], noreply: bool) -> Vec<Part> {
    let tail = format!("{}\r\n", if noreply { " noreply" } else { "" });
    vec![
        Part::Bytes([b"gets ", key, b"\r\n"].concat()),
        Part::Read,
        Part::Bytes([b"cas ", key, format!(" 7 0 {} ", value.len()).as_bytes()].concat()),
        Part::CasOf(key.to_vec()),
        Part::Bytes([tail.as_bytes(), value, b"\r\n"].concat()),
    ]
}
