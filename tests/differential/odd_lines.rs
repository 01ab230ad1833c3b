//! Random lines of odd words, numbers and flags. Both servers must give the same replies.
//!
//! `generated.rs` also plays changed lines: valid commands with one change, in scripts that are cut
//! at random. Here whole lines are odd, and server commands are among them.
//!
//! Lines are left out that slabcore answers differently on purpose: the flag `b` of an `me` as its
//! last word; a failing get with `noreply` as its last key, which memcached answers with an empty
//! line; too long opaque tokens, which memcached refuses after it has executed the command. Flags
//! that return seconds or cas uniques are also left out. Each line is answered before the next is
//! sent: memcached does not change an item in place while its value is being sent, and drops the
//! replies before a failing get.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use slabcore_testkit::binaries;
use slabcore_testkit::replies::shown;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

/// Number of sessions of each test; they take some seconds.
const SESSIONS: u32 = 400;

/// More bytes than any length of [`LENGTHS`] announces.
const PADDING: &str =
    "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
const FENCE: &str = "mg none Oend\r\n";
const FENCE_REPLY: &[u8] = b"EN Oend\r\n";

const SHORT_KEYS: &[&str] = &["a", "b", "foo", "Zm9v", "!!", "a\tb", "a\0b", "noreply"];

const NUMBERS: &[&str] = &[
    "0",
    "5",
    "100000",
    "2592001",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "-2147483648",
    "-",
    "+1",
    "x",
    "7x",
    "00000000007",
    "000000000007",
    "0000000000000000000007",
    "00000000000000000000007",
    "1.5",
    "0x7",
    "7\0x",
    "7\t8",
    "\0",
    "noreply",
];

const LENGTHS: &[&str] = &["x", "-1", "2147483648", "+2", "2x", "30", "-", "000000000002", "1.5"];

const VALUES: &[&str] =
    &["", "x", "hi", "10", "9", "99", " 5", "7 x", "5 ", "18446744073709551615"];

type Words = BoxedStrategy<String>;

fn word(words: &'static [&'static str]) -> Words {
    select(words).prop_map(str::to_owned).boxed()
}

fn key() -> Words {
    prop_oneof![
        12 => word(SHORT_KEYS),
        1 => Just("k".repeat(250)),
        1 => Just("k".repeat(251)),
    ]
    .boxed()
}

fn number() -> Words {
    prop_oneof![1 => Just("0".to_owned()), 2 => word(NUMBERS)].boxed()
}

/// Words after the required ones.
fn tail() -> Words {
    prop_oneof![
        6 => Just(String::new()),
        2 => Just(" noreply".to_owned()),
        1 => word(&[" x", " 0 x", "  noreply  ", " NOREPLY", " noreply\t", "  "]),
    ]
    .boxed()
}

/// Value and length of a storage command. Mostly they match.
fn block() -> impl Strategy<Value = (String, String)> {
    let length = prop_oneof![6 => Just(None), 1 => word(LENGTHS).prop_map(Some)];
    (word(VALUES), length).prop_map(|(value, length)| {
        let length = length.unwrap_or_else(|| value.len().to_string());
        (value, length)
    })
}

fn flag() -> Words {
    let token = (select(&b"TNRCEFDJ"[..]), number());
    prop_oneof![
        6 => word(&["k", "s", "f", "h", "u", "v", "q", "I", "x", "b", "O", "O1", "P", "Lx"]),
        4 => token.prop_map(|(letter, number)| format!("{}{number}", char::from(letter))),
        2 => word(&["M", "MS", "ME", "MA", "MP", "MR", "MI", "MD", "M+", "M-", "Mx", "M\0", "MEE"]),
        1 => word(&["z", "0", "S2", "^", "_", "-", "!", "\0", "\t", "\u{e9}", "noreply"]),
        1 => Just(format!("O{}", "o".repeat(31))),
    ]
    .boxed()
}

fn flags() -> Words {
    let count = prop_oneof![12 => 0..5_usize, 1 => 16..24_usize];
    count
        .prop_flat_map(|count| vec(flag(), count))
        .prop_map(|flags| flags.iter().flat_map(|flag| [" ", flag]).collect())
        .boxed()
}

fn classic_line() -> Words {
    let verb = word(&["set", "add", "replace", "append", "prepend", "cas"]);
    let store = (verb, key(), number(), number(), block(), tail());
    let store = store.prop_map(|(verb, key, flags, exptime, (value, length), tail)| {
        let unique = if verb == "cas" { " 5" } else { "" };
        format!("{verb} {key} {flags} {exptime} {length}{unique}{tail}\r\n{value}\r\n")
    });
    let words = |words: &'static [&'static str]| (word(words), key(), number(), tail());
    let counting = words(&["incr", "decr", "touch"]);
    let gat = (number(), vec(key(), 0..4), tail());
    prop_oneof![
        6 => store,
        3 => counting.prop_map(|(word, key, number, tail)| {
            format!("{word} {key} {number}{tail}\r\n")
        }),
        2 => vec(key(), 0..4).prop_map(|keys| format!("get {} a\r\n", keys.join(" "))),
        1 => gat.prop_map(|(exptime, keys, tail)| {
            format!("gat {exptime} {}{tail}\r\n", keys.join(" "))
        }),
        1 => (key(), tail()).prop_map(|(key, tail)| format!("delete {key}{tail}\r\n")),
        1 => (word(&["0", "-1", "x", "noreply", "0 x", ""]), tail())
            .prop_map(|(delay, tail)| format!("flush_all {delay}{tail}\r\n")),
    ]
    .boxed()
}

fn meta_line() -> Words {
    let store = (key(), block(), flags()).prop_map(|(key, (value, length), flags)| {
        format!("ms {key} {length}{flags}\r\n{value}\r\n")
    });
    let line = (word(&["mg", "mg", "md", "ma", "ma"]), key(), flags());
    prop_oneof![
        2 => store,
        3 => line.prop_map(|(word, key, flags)| format!("{word} {key}{flags}\r\n")),
    ]
    .boxed()
}

fn order_line() -> Words {
    let fixed = word(&[
        "lru mode",
        "lru mode seg",
        "lru mode x",
        "verbosity",
        "verbosity x",
        "lru temp_ttl -1",
        "lru tune 10 20 x 1",
        "lru tune 50 31 1 1",
        "slabs reassign 1 1",
        "slabs reassign x 1",
        "slabs reassign 64 1",
        "slabs automove",
        "slabs automove ratio x",
        "slabs automove w 5",
        "slabs automove window 2",
        "lru_crawler crawl",
        "lru_crawler crawl 64",
        "lru_crawler crawl hash",
        "lru_crawler metadump x",
        "lru_crawler mgdump -1",
        "lru_crawler x",
        "cache_memlimit",
        "cache_memlimit 7",
        "cache_memlimit -1",
        "cache_memlimit 1000000001",
        "extstore item_size x",
        "extstore item_size 5",
        "extstore x 1",
        "refresh_certs",
        "shutdown",
        "shutdown graceful",
        "stats foo",
        "stats detail",
        "stats detail o",
        "stats detail x",
        "stats cachedump",
        "stats cachedump 64 1",
        "stats cachedump 1 x",
        "stats ext",
        "version",
        "mn x",
    ]);
    let odd = "[a-c\\t\\x00 0-9]{0,6}".prop_map(|line| format!("{line}\r\n"));
    let numbers = word(&["lru_crawler sleep", "lru_crawler tocrawl", "slabs automove"]);
    prop_oneof![
        4 => (fixed, tail()).prop_map(|(line, tail)| format!("{line}{tail}\r\n")),
        1 => (numbers, number(), tail())
            .prop_map(|(words, number, tail)| format!("{words} {number}{tail}\r\n")),
        1 => odd,
    ]
    .boxed()
}

fn answer(client: &mut WireClient, line: &str) -> Vec<u8> {
    client.send(format!("{line}{PADDING}{FENCE}").as_bytes());
    client.read_until(|received| {
        let ends = received.windows(FENCE_REPLY.len()).position(|bytes| bytes == FENCE_REPLY);
        ends.map(|at| at + FENCE_REPLY.len())
    })
}

fn same_replies(line: impl Fn() -> Words, arguments: &[&str]) {
    if !binaries::stock_is_current() {
        eprintln!("the memcached at hand is older than 1.6.45, which this test compares with");
        return;
    }
    let servers = [ServerKind::Slabcore, ServerKind::Stock]
        .map(|kind| ServerOptions::new(kind, 2).arguments(arguments).start());
    let forget = |key: &str| format!("md {key} q\r\ndelete {key} noreply\r\n");
    let mut clean = forget(&"k".repeat(250));
    for key in SHORT_KEYS {
        clean += &forget(key);
    }
    clean += "lru mode segmented noreply\r\n";
    let config = Config {
        cases: SESSIONS,
        failure_persistence: None,
        max_shrink_time: 60_000,
        rng_seed: RngSeed::Fixed(0x0dd),
        ..Config::default()
    };
    let compare = |lines: &Vec<String>| {
        let mut clients = servers.each_ref().map(ServerProcess::connect);
        for line in std::iter::once(&clean).chain(lines) {
            let [ours, theirs] = clients.each_mut().map(|client| answer(client, line));
            if *line != clean && ours != theirs {
                let (ours, theirs) = (shown(&ours), shown(&theirs));
                return Err(format!("after {line:?}\n  slabcore {ours}\n  stock    {theirs}"));
            }
        }
        Ok(())
    };
    let result = TestRunner::new(config).run(&vec(line(), 1..8), |lines| {
        // memcached's background thread may hold an item, so that it is not changed in place.
        compare(&lines).or_else(|_| compare(&lines)).map_err(TestCaseError::fail)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn classic_lines() {
    same_replies(classic_line, &[]);
}

#[test]
fn meta_lines() {
    same_replies(meta_line, &[]);
}

#[test]
fn orders() {
    same_replies(order_line, &[]);
}

#[test]
fn all_lines() {
    same_replies(|| prop_oneof![classic_line(), meta_line(), order_line()].boxed(), &[]);
}

/// With `-X`, `-F` and `-W` commands are refused before their arguments are checked.
#[test]
fn switched_off_commands() {
    let line = || prop_oneof![1 => classic_line(), 4 => order_line()].boxed();
    same_replies(line, &["-X", "-F", "-W"]);
}
