//! Random commands in random splits, to slabcore and to redis-server. `SLABCORE_REDIS_CASES` is the
//! number of sequences for each test, `SLABCORE_REDIS_SEED` chooses them.

use std::env;

use slabcore_testkit::redis_client::{RedisClient, RedisReply, encoded};
use slabcore_testkit::redis_process::RedisProcess;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};

use crate::comparison::{Command, check};

/// Commands of a sequence.
const COMMANDS: usize = 250;

/// A generator of random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    fn key(&mut self) -> Vec<u8> {
        match self.below(9) {
            0 => Vec::new(),
            1 => vec![b'L'; 300],
            number => format!("k{number}").into_bytes(),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        match self.below(12) {
            0 => vec![b'x'; [50, 500, 3_000, 20_000, 70_000][self.below(5)]],
            _ => {
                let values = ["", "1", "-5", "10", "abc", "hello", "3.5", "01", " 1", "\r\n"];
                let most = ["9223372036854775807", "-9223372036854775808"];
                self.of(&[&values[..], &most].concat()).into()
            }
        }
    }

    /// A decimal number of few or many digits.
    fn decimal(&mut self) -> Vec<u8> {
        let most = 10_usize.pow(1 + self.below(12) as u32);
        let (sign, whole) = (self.of(&["", "-", "+"]), self.below(most));
        let rest = match self.below(8) {
            0 => format!("e{}", self.below(30)),
            1 => String::new(),
            _ => format!(".{}", self.below(most)),
        };
        format!("{sign}{whole}{rest}").into()
    }

    /// The words of a template: `K` is a key, `V` a value, `N` a number, `S` a small one, `T` a
    /// time in seconds, `M` one in milliseconds, `A` a Unix time, `?` options of `SET`, `C` those
    /// of `EXPIRE`, `F` a decimal number, `W` a word that is wrong in most places, `*` a few more
    /// keys. Others are as they are.
    fn fill(&mut self, template: &str) -> Command {
        let mut words = Vec::new();
        for word in template.split(' ') {
            match word {
                "K" => words.push(self.key()),
                "V" => words.push(self.value()),
                "N" => words.push(self.of(NUMBERS).into()),
                "S" => words.push(self.of(SMALL).into()),
                "T" => words.push(self.of(&["100", "1000", "0", "-1", "x", MOST]).into()),
                "M" => words.push(self.of(&["100000", "1000000", "0", "-1", "x"]).into()),
                "A" => words.push(self.of(&["4000000000", "5000000000", "1", "0", "-5"]).into()),
                "?" => words.extend(self.of(SET_OPTIONS).split(' ').map(Into::into)),
                "C" => words.extend(self.of(CONDITIONS).split(' ').map(Into::into)),
                "F" => words.push(self.decimal()),
                "W" => words.push(self.of(WRONG).into()),
                "*" => {
                    let count = self.below(4);
                    words.extend((0..count).map(|_| self.key()));
                }
                other => words.push(other.into()),
            }
        }
        // Options may be none.
        if words.last().is_some_and(Vec::is_empty) && template.ends_with(['?', 'C']) {
            words.pop();
        }
        words
    }
}

const MOST: &str = "9223372036854775807";
const NUMBERS: &[&str] =
    &["0", "1", "-1", "5", "100", "-100", MOST, "-9223372036854775808", "abc", "1.5", ""];
const SMALL: &[&str] = &["0", "1", "-1", "2", "3", "10", "100", "1000", "-3", "-100", "a"];
const WRONG: &[&str] = &["abc", "", "-1", "99999999999", "9223372036854775808", "async", "error"];
const SET_OPTIONS: &[&str] = &[
    "",
    "",
    "",
    "NX",
    "XX",
    "GET",
    "nx get",
    "NX XX",
    "EX 100",
    "px 100000",
    "EX 0",
    "EX x",
    "EXAT 4000000000",
    "PXAT 4000000000123",
    "KEEPTTL",
    "KEEPTTL EX 1",
    "foo",
    "ex",
    "EX 5 PX 5",
    "xx get px 500000",
    "PERSIST",
];
const CONDITIONS: &[&str] =
    &["", "", "", "NX", "XX", "GT", "LT", "NX GT", "GT LT", "foo", "XX LT", "xx gt"];

const TEMPLATES: &[&str] = &[
    "GET K",
    "GET K",
    "SET K V",
    "SET K V ?",
    "SET K V ?",
    "SETEX K T V",
    "PSETEX K M V",
    "SETNX K V",
    "GETSET K V",
    "GETDEL K",
    "GETEX K ?",
    "MGET K *",
    "MSET K V K V",
    "MSET K V K",
    "MSETNX K V K V",
    "APPEND K V",
    "STRLEN K",
    "GETRANGE K S S",
    "SUBSTR K S S",
    "SETRANGE K S V",
    "INCR K",
    "DECR K",
    "INCRBY K N",
    "DECRBY K N",
    "INCRBYFLOAT K F",
    "INCRBYFLOAT K F",
    "SET K F",
    "INCRBYFLOAT K abc",
    "INCRBYFLOAT K inf",
    "DEL K *",
    "UNLINK K *",
    "EXISTS K *",
    "TOUCH K *",
    "TYPE K",
    "EXPIRE K T C",
    "PEXPIRE K M C",
    "EXPIREAT K A C",
    "PEXPIREAT K A",
    "TTL K",
    "PTTL K",
    "EXPIRETIME K",
    "PEXPIRETIME K",
    "PERSIST K",
    "RENAME K K",
    "RENAMENX K K",
    "COPY K K",
    "COPY K K REPLACE",
    "COPY K K DB 1",
    "COPY K K DB 99",
    "COPY K K foo",
    "DBSIZE",
    "OBJECT ENCODING K",
    "OBJECT FREQ K",
    "OBJECT foo K",
    "OBJECT",
    "SELECT 0",
    "SELECT 1",
    "SELECT S",
    "KEYS *",
    "KEYS k[2-5]",
    "RANDOMKEY",
    "FLUSHDB",
    "FLUSHDB foo",
    "MULTI",
    "MULTI",
    "EXEC",
    "EXEC",
    "DISCARD",
    "UNWATCH",
    "PING",
    "PING V",
    "PING a b",
    "ECHO V",
    "ROLE",
    "foo K V",
    "CLIENT GETNAME",
    "CLIENT SETNAME ab",
    "CLIENT SETNAME a\u{e9}",
    "CLIENT foo",
    "CLIENT",
    "CONFIG GET databases",
    "CONFIG GET",
    "WAIT 0 0",
    "AUTH x",
    "AUTH default x",
    "AUTH a b c",
    "CLUSTER INFO",
    "READONLY",
    "DEBUG SLEEP 0",
    "SCAN x",
    "SCAN 0 COUNT 0",
    "SCAN 0 foo",
    "MEMORY foo",
    "SLOWLOG LEN",
    "ACL WHOAMI",
    "HELLO x",
    "HELLO 9",
    "HELLO 2 foo",
    "GET",
    "SET K",
    "EXPIRE K",
    "GETRANGE K S",
    "MULTI x",
    "COMMAND GETKEYS MSET a b c d",
    "COMMAND GETKEYS EVAL x 2 a b c",
    "COMMAND LIST FILTERBY W W",
    "COMMAND LIST FILTERBY PATTERN getr*",
    "EXEC W",
    "EVALSHA W 1",
    "CLIENT UNBLOCK W",
    "CLIENT UNBLOCK 5 W",
    "CLIENT UNBLOCK 5 W W",
    "CLIENT CACHING W",
    "CLIENT TRACKING W",
    "CLIENT TRACKINGINFO",
    "CLIENT NO-EVICT W",
    "CLIENT LIST TYPE W",
    "CLIENT LIST ID abc",
    "CONFIG REWRITE",
    "CONFIG SET W W",
    "CONFIG SET a b W",
    "SLOWLOG GET abc",
    "SLOWLOG GET -2",
    "SLOWLOG GET W W",
    "LATENCY HISTORY W",
    "LATENCY RESET",
    "SCRIPT KILL",
    "SCRIPT FLUSH W",
    "FUNCTION FLUSH W",
    "FUNCTION FLUSH W W",
    "PUBSUB CHANNELS W W",
    "MEMORY USAGE",
    "MEMORY USAGE K SAMPLES abc",
    "COPY K K DB W",
    "SELECT W",
    "WAIT abc W",
    "WAIT 0 abc",
    "WAIT 0 -1",
    "WAIT 0",
];

/// A sequence of commands.
fn commands(random: &mut Random, version: &str) -> Vec<Command> {
    let hello = format!("HELLO {version}");
    let mut commands: Vec<Command> =
        ["RESET", &hello, "FLUSHALL"].iter().map(|it| random.fill(it)).collect();
    while commands.len() < COMMANDS {
        let template = random.of(TEMPLATES);
        let command = random.fill(template);
        if template == "UNWATCH" {
            // A watched key that has an item: one without is watched less closely here.
            let key = random.key();
            commands.push(vec![b"SET".into(), key.clone(), b"w".into()]);
            commands.push(vec![b"WATCH".into(), key]);
        } else if template != "HELLO 2 foo" || version == "2" {
            commands.push(command);
        }
    }
    commands.push(random.fill("DISCARD"));
    commands.push(random.fill("SELECT 0"));
    commands
}

/// The replies to all commands, sent in pieces of random length; `None`: as one piece.
fn replies(
    client: &mut RedisClient,
    commands: &[Command],
    mut cuts: Option<&mut Random>,
) -> Vec<RedisReply> {
    let input: Vec<u8> = commands.iter().flat_map(|command| encoded(command)).collect();
    let mut rest = &input[..];
    while !rest.is_empty() {
        let length = cuts.as_mut().map_or(rest.len(), |random| 1 + random.below(700));
        let (piece, after) = rest.split_at(length.min(rest.len()));
        client.send(piece);
        rest = after;
    }
    commands.iter().map(|_| client.reply()).collect()
}

fn play(threads: usize, version: &str) {
    let number = |name: &str, default: u64| {
        env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let cases = number("SLABCORE_REDIS_CASES", 12);
    let seed = number("SLABCORE_REDIS_SEED", 0x5ab5_c04e);
    let real = RedisProcess::start();
    let options = ServerOptions::new(ServerKind::Slabcore, threads);
    let server = options.arguments(&["--redis-port", "-1"]).start();
    let (mut ours, mut theirs) = (server.connect_redis(), real.connect());
    for case in 0..cases {
        let mut random = Random(seed + (case << 8) + threads as u64);
        let commands = commands(&mut random, version);
        let expected = replies(&mut theirs, &commands, None);
        let what = format!("SLABCORE_REDIS_SEED={seed}, case {case}, {threads} threads");
        check(&commands, &replies(&mut ours, &commands, None), &expected, &what);
        let got = replies(&mut ours, &commands, Some(&mut random));
        check(&commands, &got, &expected, &format!("{what}, in pieces"));
        let one_by_one: Vec<_> = commands.iter().map(|it| ours.command(it)).collect();
        check(&commands, &one_by_one, &expected, &format!("{what}, one by one"));
    }
}

#[test]
fn one_thread() {
    play(1, "2");
}

#[test]
fn two_threads() {
    play(2, "2");
}

#[test]
fn five_threads_in_the_third_version() {
    play(5, "3");
}
