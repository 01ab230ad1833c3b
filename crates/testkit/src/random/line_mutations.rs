//! Well-formed commands with one change in their line: an extra, missing or different word, odd
//! blanks or line ends.
//!
//! The differential test `odd_lines` builds whole lines of odd words instead, and also sends server
//! commands.
//!
//! memcached 1.6.45 and Slabcore answer them alike; 1.6.38 does not. No change makes the length of
//! a data block larger, as a server would wait for data that never comes.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::random::generators;
use crate::random::meta_generators;
use crate::random::part_generators::steady_exptime;
use crate::scripts::script::{Part, Script};
use crate::semantics::command::{Command, Verb};

/// Commands in one script.
const COMMANDS_MAX: usize = 12;

/// Bytes without a line end after which a server closes the connection.
const LINE_BYTES_MAX: usize = 2048;

/// Words that are wrong, or unusual and valid, at some position of some command.
const WORDS: &[&str] = &[
    "x",
    "0",
    "-1",
    "+5",
    "-",
    "00",
    "1x",
    "4294967296",
    "2147483648",
    "-2147483649",
    "18446744073709551616",
    "000000000000000000000001",
    "noreply",
    "b",
    "k",
    "q",
    "v",
    "T0",
    "Tx",
    "MX",
    "C0",
    "O1",
    "S1",
    "N0",
    "c",
    "t",
    "I",
    "E5",
    "F1",
    "D1",
    "J1",
    "k\tx",
    "\0",
    "k\0x",
    "P1",
    "L1",
    "=",
    "~",
    "0x10",
    "1.5",
];

/// A change of a line.
#[derive(Clone, Debug)]
enum Change {
    Drop(Index),
    Insert(Index, Vec<u8>),
    Replace(Index, Vec<u8>),
    Repeat(Index),
    Lead(usize),
    DoubleBlank(Index),
    LineFeedOnly,
    Trail(usize),
}

/// A script of commands, half of them changed, whose replies are read one by one.
///
/// Otherwise memcached would drop waiting replies at a get with too long a key, and would not
/// change a number in place while a reply holds the item.
pub fn script() -> impl Strategy<Value = Script> {
    let part = prop_oneof![1 => command(), 1 => changed_line()];
    proptest::collection::vec(part, 1..COMMANDS_MAX).prop_map(|commands| {
        // The first byte selects the text protocol.
        let mut script = Script { parts: vec![Part::Bytes(b"mn\r\n".to_vec())], closes: false };
        for bytes in commands {
            script.push(Part::Bytes(bytes));
            script.push(Part::Read);
        }
        script
    })
}

fn command() -> impl Strategy<Value = Vec<u8>> {
    let delay = prop_oneof![Just(None), Just(Some(0)), Just(Some(-1)), Just(Some(100_000))];
    let classic = generators::command(steady_exptime(), delay).prop_map(|command| {
        let command = command.without_lucky_cas();
        match command {
            // The cas unique is too large for a length, in case a word is missing.
            Command::Store { verb: Verb::Cas, .. } => b"cas a 0 0 1 4294967295\r\ny\r\n".to_vec(),
            command => command.bytes(),
        }
    });
    prop_oneof![1 => classic, 1 => meta_generators::command()]
}

fn changed_line() -> impl Strategy<Value = Vec<u8>> {
    let word = || {
        prop_oneof![
            12 => select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
            1 => Just(vec![b'k'; 250]),
            1 => Just(vec![b'k'; 251]),
        ]
    };
    let change = prop_oneof![
        3 => any::<Index>().prop_map(Change::Drop),
        4 => (any::<Index>(), word()).prop_map(|(at, word)| Change::Insert(at, word)),
        6 => (any::<Index>(), word()).prop_map(|(at, word)| Change::Replace(at, word)),
        2 => any::<Index>().prop_map(Change::Repeat),
        1 => (1..4_usize).prop_map(Change::Lead),
        1 => any::<Index>().prop_map(Change::DoubleBlank),
        1 => Just(Change::LineFeedOnly),
        1 => (1..4_usize).prop_map(Change::Trail),
    ];
    // A long data block that is not taken for one would be a line that closes the connection.
    let command = command().prop_filter("a short command", |it| it.len() < LINE_BYTES_MAX);
    (command, change).prop_map(|(command, change)| changed(&command, &change))
}

/// The command with its first line changed. It stays unchanged if the change could announce a long
/// data block.
fn changed(command: &[u8], change: &Change) -> Vec<u8> {
    let end = command.windows(2).position(|pair| pair == b"\r\n").expect("a line has an end");
    let (line, rest) = command.split_at(end);
    let mut words: Vec<Vec<u8>> = line.split(|&byte| byte == b' ').map(<[u8]>::to_vec).collect();
    // The position of the data block's length. No word before it may move to a later position.
    let length_at = match words[0].as_slice() {
        b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas" => Some(4),
        b"ms" => Some(2),
        _ => None,
    };
    let mut line_end = b"\r\n".to_vec();
    match change {
        Change::Drop(at) => {
            words.remove(at.index(words.len()));
        }
        Change::Insert(at, word) => {
            let at = at.index(words.len() + 1);
            if length_at.is_none_or(|length| at > length) {
                words.insert(at, word.clone());
            }
        }
        Change::Replace(at, word) => {
            let at = at.index(words.len());
            words[at].clone_from(word);
        }
        Change::Repeat(at) => {
            let at = at.index(words.len());
            if length_at.is_none_or(|length| at > length) {
                words.push(words[at].clone());
            }
        }
        Change::Lead(blanks) => words[0].splice(0..0, vec![b' '; *blanks]).for_each(drop),
        Change::DoubleBlank(at) => {
            let at = at.index(words.len());
            words[at].push(b' ');
        }
        Change::LineFeedOnly => line_end = b"\n".to_vec(),
        Change::Trail(blanks) => line_end.splice(0..0, vec![b' '; *blanks]).for_each(drop),
    }
    [words.join(&b' '), line_end, rest[2..].to_vec()].concat()
}
