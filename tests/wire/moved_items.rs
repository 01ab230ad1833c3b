//! What the tests of `slabcore-tool copy`, `dump` and `restore` share: the tool, and items of every
//! kind.

use std::collections::BTreeMap;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

/// Items are up to 2 MiB.
pub(crate) const LARGE: &[&str] = &["-m", "256", "-I", "2m"];

/// All pairs of servers that items move between.
pub(crate) const PAIRS: [(ServerKind, ServerKind); 4] = [
    (ServerKind::Slabcore, ServerKind::Slabcore),
    (ServerKind::Slabcore, ServerKind::Stock),
    (ServerKind::Stock, ServerKind::Slabcore),
    (ServerKind::Stock, ServerKind::Stock),
];

/// The tool with these words.
pub(crate) fn tool(words: &[&str]) -> Command {
    let mut command = Command::new(binaries::tool());
    command.args(words).stdin(Stdio::null());
    command
}

/// Runs the tool and expects this status. Returns what it printed.
pub(crate) fn run(words: &[&str], status: i32) -> Output {
    expect_status(tool(words).output().expect("the tool starts"), words, status)
}

fn expect_status(output: Output, words: &[&str], status: i32) -> Output {
    let printed = [&output.stdout[..], &output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    assert_eq!(output.status.code(), Some(status), "{words:?}: {printed}");
    output
}

/// Runs the tool with `--json` and expects this status. Returns its summary.
pub(crate) fn summary(words: &[&str], status: i32) -> Value {
    let output = run(&[words, &["--json"]].concat(), status);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Items of a summary that had this outcome, and keys that it names.
pub(crate) fn outcome<'s>(summary: &'s Value, name: &str) -> (u64, Vec<&'s str>) {
    let outcomes = summary["outcomes"].as_array().expect("a list");
    let Some(found) = outcomes.iter().find(|it| it["outcome"] == name) else {
        return (0, Vec::new());
    };
    let keys = found["keys"].as_array().expect("a list").iter();
    let items = found["items"].as_u64().expect("a number");
    (items, keys.map(|key| key.as_str().expect("text")).collect())
}

pub(crate) fn address(server: &ServerProcess) -> String {
    format!("127.0.0.1:{}", server.port())
}

/// A server of this kind, with two threads.
pub(crate) fn server(kind: ServerKind, arguments: &[&str]) -> ServerProcess {
    ServerOptions::new(kind, 2).arguments(arguments).start()
}

/// Stores so many items with short values.
pub(crate) fn fill(server: &ServerProcess, items: usize) {
    let mut client = server.connect();
    for first in (0..items).step_by(500) {
        let numbers = first..(first + 500).min(items);
        let replies = "STORED\r\n".repeat(numbers.len());
        let sets = numbers.map(|n| {
            let value = format!("value-of-{n}");
            format!("set key:{n} {n} 0 {}\r\n{value}\r\n", value.len())
        });
        client.send(sets.collect::<String>().as_bytes());
        client.expect_reply(replies);
    }
}

pub(crate) fn items(server: &ServerProcess) -> usize {
    server.connect().stat("curr_items").and_then(|it| it.parse().ok()).expect("a number")
}

/// An item, as its word in meta commands and flags say it.
pub(crate) struct OddItem {
    /// The key, and ` b` if it is in base64.
    word: String,
    base64: &'static str,
    ttl: &'static str,
    flags: u32,
    value: Vec<u8>,
}

/// Items at the edges: lengths, ttls, flags, and keys.
pub(crate) fn odd_items() -> Vec<OddItem> {
    let pattern = |length: usize| (0..length).map(|it| (it * 7 + it / 251) as u8).collect();
    let item = |word: &str, base64, ttl, flags, value| OddItem {
        word: word.to_owned(),
        base64,
        ttl,
        flags,
        value,
    };
    vec![
        item("empty", "", "0", 0, Vec::new()),
        item("lines", "", "0", 1, b"\r\nEND\r\nVALUE a 0 1\r\nmn\r\n".to_vec()),
        item("short_ttl", "", "100", 7, pattern(1)),
        item("month", "", "2592000", 0, pattern(10)),
        // A Unix time, since it is more than 30 days.
        item("years", "", "2000000000", 0, pattern(100)),
        item("flags", "", "0", u32::MAX, pattern(1000)),
        item("16k", "", "0", 65_536, pattern(16 << 10)),
        item("512k", "", "0", 2, pattern((512 << 10) + 1)),
        item("near_the_limit", "", "500", 3, pattern((2 << 20) - 1000)),
        item("percent%20", "", "0", 0, pattern(3)),
        item("schl\u{fc}ssel\u{1f511}\u{1}", "", "0", 0, pattern(3)),
        item(&"k".repeat(250), "", "0", 0, pattern(3)),
        // "binary \0\r\n\xff", and 186 blanks.
        item("YmluYXJ5IAANCv8=", " b", "0", 4, pattern(50)),
        item(&"ICAg".repeat(62), " b", "100", 5, pattern(5)),
    ]
}

impl OddItem {
    /// Stores it.
    pub(crate) fn store(&self, client: &mut WireClient) {
        let Self { word, base64, ttl, flags, value } = self;
        let head = format!("ms {word} {}{base64} T{ttl} F{flags}\r\n", value.len());
        client.send(&[head.as_bytes(), value, b"\r\n"].concat());
        client.expect_reply("HD\r\n");
    }

    /// Reads it. Panics if it is not the same.
    pub(crate) fn expect(&self, client: &mut WireClient, started_unix: u64) {
        let Self { word, base64, ttl, flags, value } = self;
        client.send(format!("mg {word}{base64} k f t v\r\n").as_bytes());
        let line = String::from_utf8(client.read_line()).expect("text");
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        let shown_key = format!("k{word}");
        let expected = ["VA", &value.len().to_string(), &shown_key];
        assert_eq!(words[..3], expected, "{word}");
        assert_eq!(words.contains(&"b"), !base64.is_empty(), "{line}");
        assert!(words.contains(&&*format!("f{flags}")), "{line}");
        let left = words.last().and_then(|it| it.strip_prefix('t')).expect("a ttl");
        let left: i64 = left.parse().expect("a number");
        let expected = match ttl.parse::<i64>().expect("a number") {
            0 => -1,
            unix @ 2_592_001.. => unix - started_unix as i64,
            relative => relative,
        };
        // Time goes on while the test runs.
        let since = unix_now() as i64 - started_unix as i64 + 2;
        let is_near = left == expected || expected > 0 && (expected - left).abs() <= since;
        assert!(is_near, "{word}: {left} seconds are left of {expected}");
        let received = client.read_exact(value.len() + 2);
        assert!(received[..value.len()] == value[..], "the value of {word}");
    }
}

pub(crate) fn unix_now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().expect("the clock is right").as_secs()
}

/// Values by key, as `get` says them.
pub(crate) fn values(client: &mut WireClient, keys: &[String]) -> BTreeMap<String, (u32, String)> {
    let mut values = BTreeMap::new();
    for keys in keys.chunks(100) {
        client.send(format!("get {}\r\n", keys.join(" ")).as_bytes());
        loop {
            let line = String::from_utf8(client.read_line()).expect("text");
            let words: Vec<&str> = line.split_whitespace().collect();
            let ["VALUE", key, flags, length] = words[..] else { break };
            let value = client.read_exact(length.parse::<usize>().expect("a number") + 2);
            let value = String::from_utf8(value).expect("text").trim_end().to_owned();
            values.insert(key.to_owned(), (flags.parse().expect("a number"), value));
        }
    }
    values
}

/// A tool at work. Dropping it kills it.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(words: &[&str]) -> Self {
        let mut command = tool(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("the tool starts"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it runs");
    }

    /// Status, output and errors.
    pub(crate) fn end(mut self) -> (Option<i32>, String, String) {
        let stdout = std::io::read_to_string(self.0.stdout.take().expect("a pipe"));
        let stderr = std::io::read_to_string(self.0.stderr.take().expect("a pipe"));
        let status = self.0.wait().expect("it is a child");
        (status.code(), stdout.expect("UTF-8"), stderr.expect("UTF-8"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // If it has ended already, both calls return an error.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until a server has an item.
pub(crate) fn wait_for_items(server: &ServerProcess) {
    while items(server) == 0 {
        thread::yield_now();
    }
}
