//! Random meta commands that memcached 1.6.45 and Slabcore answer alike.
//!
//! Left out are: the flags `E` and `T` of `ma`, which memcached answers but does not apply if the
//! number grew longer; a long opaque token, which memcached refuses after it has executed the
//! command; `me` in base64, which memcached does not read. No reply depends on the second in which
//! a command runs, so ttls are far from those that the flag `R` compares them with. Cas uniques in
//! commands are larger than any that a server assigns, or older than all.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::random::part_generators::value;
use crate::scripts::script::Part;

/// Largest number of flags of one command. More would hide the cause of a difference.
const FLAGS_MAX: usize = 7;

/// One well-formed meta command with its data block.
pub fn command() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => line("mg", get_flags()),
        4 => line("md", delete_flags()),
        4 => line("ma", arithmetic_flags()),
        1 => "[a-f]".prop_map(|key| format!("me {key}\r\n").into_bytes()),
        8 => (key(), store_flags(), value()).prop_map(|((key, b), flags, value)| {
            let line = format!("ms {key} {}{b}{flags}\r\n", value.len());
            [line.as_bytes(), &value, b"\r\n"].concat()
        }),
        1 => Just(b"mn\r\n".to_vec()),
    ]
}

/// A meta line that is wrong, or unusual and valid.
pub fn odd_line() -> impl Strategy<Value = Vec<u8>> {
    let lines = select(&[
        "mg a z\r\n",
        "mg a v v\r\n",
        "mg a Tx s\r\n",
        "mg a Fx\r\n",
        "mg absent O12345678901234567890123456789012\r\n",
        "mg ! b\r\n",
        "mg   a  v  k \r\n",
        "mg a k\n",
        "mgx a\r\n",
        "md a z\r\n",
        "md a Cx\r\n",
        "ma a Dx\r\n",
        "ma a MX\r\n",
        "me a b\r\n",
        "mn a b\r\n",
        "ms a x\r\n",
        "ms a -1\r\n",
        "ms a 2 z\r\nhi\r\n",
        "ms a 2 MZ\r\nhi\r\n",
        "ms a 2 k\r\nhixyzzy\r\n",
    ]);
    lines.prop_map(|line| line.as_bytes().to_vec())
}

/// Reads a cas unique, then stores, deletes or counts if the item still has it.
pub fn read_then_compare(key: &[u8], value: &[u8]) -> Vec<Part> {
    let store = |mode: &str| {
        vec![
            Part::Bytes([b"ms ", key, format!(" {} k{mode} C", value.len()).as_bytes()].concat()),
            Part::CasOf(key.to_vec()),
            Part::Bytes([b" s\r\n", value, b"\r\n"].concat()),
        ]
    };
    let line = |word: &str, flags: &str| {
        vec![
            Part::Bytes([word.as_bytes(), b" ", key, flags.as_bytes(), b" C"].concat()),
            Part::CasOf(key.to_vec()),
            Part::Bytes(b"\r\n".to_vec()),
        ]
    };
    let compare = match value.len() % 6 {
        0 => store(""),
        1 => store(" MA"),
        2 => store(" MR I"),
        3 => line("md", " k"),
        4 => line("md", " I k"),
        _ => line("ma", " v k"),
    };
    let read = vec![Part::Bytes([b"gets ", key, b"\r\n"].concat()), Part::Read];
    [read, compare].concat()
}

fn line(
    word: &'static str,
    flags: impl Strategy<Value = String>,
) -> impl Strategy<Value = Vec<u8>> {
    (key(), flags)
        .prop_map(move |((key, b), flags)| format!("{word} {key}{b}{flags}\r\n").into_bytes())
}

/// A key and, if it is in base64, the flag `b`. The same keys occur in both forms.
fn key() -> impl Strategy<Value = (String, &'static str)> {
    prop_oneof![
        6 => "[a-f]".prop_map(|key| (key, "")),
        2 => select(&["YQ==", "Yg==", "Yw==", "/wA="]).prop_map(|key| (key.to_owned(), " b")),
    ]
}

type Word = BoxedStrategy<String>;

fn word(words: &'static [&'static str]) -> Word {
    select(words).prop_map(str::to_owned).boxed()
}

/// Some of these words in any order, each with a blank before it.
fn some_of(words: Vec<Word>) -> impl Strategy<Value = String> {
    let count = words.len().min(FLAGS_MAX);
    words
        .prop_flat_map(move |words| subsequence(words, 0..=count).prop_shuffle())
        .prop_map(|words| words.iter().flat_map(|word| [" ", word]).collect())
}

fn exptime(letter: char) -> Word {
    let seconds = select(&["0", "-1", "1000", "100000", "2592001", "2147483647"]);
    seconds.prop_map(move |seconds| format!("{letter}{seconds}")).boxed()
}

/// `C` or `E` with a cas unique: 0, one that is older than all, or one of a few large ones.
fn unique(letter: char) -> Word {
    let unique = prop_oneof![
        1 => Just(0_u64),
        2 => Just(1),
        5 => 1_000_000_000_001..1_000_000_000_004_u64,
    ];
    unique.prop_map(move |unique| format!("{letter}{unique}")).boxed()
}

/// The flag `E` without the 0, to which a server may give its own meaning.
fn own_unique() -> Word {
    (1_000_000_000_001..1_000_000_000_004_u64).prop_map(|unique| format!("E{unique}")).boxed()
}

fn echoes() -> Vec<Word> {
    vec![word(&["k"]), word(&["Oabc", "O", "O0123456789012345678901234567890"])]
}

fn get_flags() -> impl Strategy<Value = String> {
    let recache = word(&["R500", "R5000", "R200000", "R0", "R-1"]);
    let letters: [&[&str]; 9] =
        [&["v"], &["q"], &["c"], &["s"], &["t"], &["f"], &["h"], &["l"], &["u"]];
    let mut words: Vec<Word> = letters.into_iter().map(word).collect();
    words.extend([exptime('T'), exptime('N'), recache, unique('C'), own_unique()]);
    words.extend(echoes());
    some_of(words)
}

fn store_flags() -> impl Strategy<Value = String> {
    let mut words = vec![
        word(&["q"]),
        word(&["c"]),
        word(&["s"]),
        word(&["I"]),
        word(&["F0", "F7", "F300", "F4294967295"]),
        word(&["MS", "ME", "MA", "MP", "MR", "MA"]),
        exptime('T'),
        exptime('N'),
        unique('C'),
        own_unique(),
    ];
    words.extend(echoes());
    some_of(words)
}

fn delete_flags() -> impl Strategy<Value = String> {
    let mut words = vec![
        word(&["q"]),
        word(&["I"]),
        word(&["x"]),
        word(&["F7", "F300"]),
        exptime('T'),
        unique('C'),
        own_unique(),
    ];
    words.extend(echoes());
    some_of(words)
}

fn arithmetic_flags() -> impl Strategy<Value = String> {
    let mut words = vec![
        word(&["q"]),
        word(&["v"]),
        word(&["c"]),
        word(&["t"]),
        word(&["MI", "MD", "M+", "M-"]),
        word(&["D0", "D7", "D95", "D18446744073709551615"]),
        word(&["J0", "J7", "J18446744073709551615"]),
        exptime('N'),
        unique('C'),
    ];
    words.extend(echoes());
    some_of(words)
}
