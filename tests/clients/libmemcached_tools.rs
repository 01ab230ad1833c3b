//! libmemcached's small tools. Each performs one operation on a server and ends with a status.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::test_directory::TestDirectory;

use crate::patience::wait_for;
use crate::program::{printed, tool};

on_both! {
    files_become_items_in_text,
    files_become_items_in_binary,
    files_become_items_by_udp,
    stats_in_text_are_those_of_a_client,
    stats_in_binary_are_those_of_a_client,
    servers_are_pinged_and_measured,
}

/// More than a connection reads at once.
const LARGE_BYTES: usize = 300_000;

/// The tools, in a directory with files to copy.
struct Tools {
    programs: PathBuf,
    directory: TestDirectory,
    /// Arguments for all of them.
    words: Vec<String>,
}

impl Tools {
    fn new(servers: &[&ServerProcess], words: &[&str]) -> Self {
        let directory = TestDirectory::new();
        fs::write(directory.file("one"), "first").expect("a file");
        fs::write(directory.file("two"), "second").expect("a file");
        fs::write(directory.file("large"), pattern()).expect("a file");
        let addresses = servers.iter().map(|server| format!("127.0.0.1:{}", server.port()));
        let servers = format!("--servers={}", addresses.collect::<Vec<_>>().join(","));
        let words = words.iter().map(ToString::to_string).chain([servers]).collect();
        // All of them are in one package.
        let programs = tool("memcstat").parent().expect("a folder").to_owned();
        Self { programs, directory, words }
    }

    fn output(&self, line: &str) -> Output {
        let mut words = line.split(' ');
        let program = words.next().expect("a program");
        Command::new(self.programs.join(program))
            .current_dir(self.directory.path())
            .args(&self.words)
            .args(words)
            .output()
            .unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Checks that a tool ends with this status and prints this text.
    fn check(&self, line: &str, status: i32, expected: &str) {
        let output = self.output(line);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!((output.status.code(), &*said), (Some(status), expected), "{line}: {output:?}");
    }

    /// The output of a tool that ends with status 0.
    fn printed(&self, line: &str) -> String {
        printed(&self.output(line))
    }
}

/// Bytes of all values.
fn pattern() -> Vec<u8> {
    (0..LARGE_BYTES).map(|at| (at * 7 % 251) as u8).collect()
}

fn files_become_items_in_text(kind: ServerKind) {
    check_items(kind, &[]);
}

fn files_become_items_in_binary(kind: ServerKind) {
    check_items(kind, &["--binary"]);
}

fn check_items(kind: ServerKind, words: &[&str]) {
    let server = ServerProcess::new(kind, 2);
    let tools = Tools::new(&[&server], words);
    tools.check("memccp one two large", 0, "");
    tools.check("memccat one two", 0, "first\nsecond\n");
    tools.check("memccat --file=copy large", 0, "");
    let copy = fs::read(tools.directory.file("copy")).expect("the value");
    assert!(copy == pattern(), "the large value comes back");
    tools.check("memccp --quiet --add one", 1, "");
    tools.check("memccp --replace --flags=7 --expire=1000 one", 0, "");
    tools.check("memccat --flags one absent", 1, "7\nfirst\n");
    server.connect().expect("mg one f\r\n", "HD f7\r\n");
    tools.check("memcexist one large", 0, "");
    tools.check("memcexist one absent", 1, "");
    tools.check("memctouch --expire=5000 one", 0, "");
    let ttl = ttl_of(&server, "one");
    assert!((4900..=5000).contains(&ttl), "{ttl} s");
    tools.check("memctouch --expire=5000 absent", 1, "");
    tools.check("memcrm one", 0, "");
    tools.check("memcrm one", 1, "");
    tools.check("memccp --quiet --replace one", 1, "");
    // A flush in the future removes nothing yet.
    tools.check("memcflush --expire=1000", 0, "");
    tools.check("memccat two", 0, "second\n");
    tools.check("memcflush", 0, "");
    tools.check("memccat two", 1, "");
}

fn ttl_of(server: &ServerProcess, key: &str) -> u32 {
    let mut client = server.connect();
    client.send(format!("mg {key} t\r\n").as_bytes());
    let line = String::from_utf8(client.read_line()).expect("a line of text");
    let ttl = line.trim_end().strip_prefix("HD t").and_then(|ttl| ttl.parse().ok());
    ttl.unwrap_or_else(|| panic!("{line}"))
}

/// memccp does not wait for replies.
fn files_become_items_by_udp(kind: ServerKind) {
    for words in [&["--udp"][..], &["--udp", "--binary"]] {
        let server = ServerOptions::new(kind, 2).with_udp().start();
        let tools = Tools::new(&[&server], &[]);
        let (words, port) = (words.join(" "), server.udp_port());
        let line = format!("memccp {words} --servers=127.0.0.1:{port} one two");
        tools.check(&line, 0, "");
        wait_for("two items", || (server.stat("curr_items") == 2).then_some(()));
        tools.check("memccat one two", 0, "first\nsecond\n");
    }
}

fn stats_in_text_are_those_of_a_client(kind: ServerKind) {
    check_stats(kind, &[]);
}

fn stats_in_binary_are_those_of_a_client(kind: ServerKind) {
    check_stats(kind, &["--binary"]);
}

/// A table as memcstat shows it.
fn shown_stats(tools: &Tools, server: &ServerProcess, arguments: &str) -> Vec<(String, String)> {
    let text = tools.printed(format!("memcstat {arguments}").trim_end());
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(&*format!("Server: 127.0.0.1 ({})", server.port())));
    lines
        .map(|line| line.trim().split_once(": ").unwrap_or_else(|| panic!("{line:?}")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// memcstat shows every line of every table, in order.
fn check_stats(kind: ServerKind, words: &[&str]) {
    let server = ServerOptions::new(kind, 2).arguments(&["-o", "track_sizes"]).start();
    let tools = Tools::new(&[&server], words);
    tools.check("memccp one two large", 0, "");
    let mut client = server.connect();
    for arguments in ["settings", "items", "slabs", "sizes"] {
        // Items grow older, and memcached moves them.
        let (shown, expected) = wait_for("counts that do not change", || {
            let before = client.stats(arguments);
            let shown = shown_stats(&tools, &server, arguments);
            (client.stats(arguments) == before).then_some((shown, before))
        });
        assert!(!expected.is_empty(), "{arguments}");
        assert_eq!(shown, expected, "{arguments}");
    }
    // Times and counts of connections change between two tables.
    let shown = shown_stats(&tools, &server, "");
    assert!(shown.contains(&("curr_items".into(), "3".into())), "{shown:?}");
    let names = |table: Vec<(String, String)>| table.into_iter().map(|(name, _)| name);
    assert!(names(shown).eq(names(client.stats(""))), "the same names");
    let version = client.stat("version").expect("a version");
    let line = format!("127.0.0.1:{} {version}\n", server.port());
    assert_eq!(tools.printed("memcstat --server-version"), line);
    // The older option for a table.
    tools.check("memcstat --args=sizes", 0, &tools.printed("memcstat sizes"));
}

fn servers_are_pinged_and_measured(kind: ServerKind) {
    let [one, two] = [1, 2].map(|threads| ServerProcess::new(kind, threads));
    let mut tools = Tools::new(&[&one, &two], &[]);
    tools.check("memcping", 0, "");
    tools.check("memccp one two large", 0, "");
    tools.check("memccat one two", 0, "first\nsecond\n");
    let report = tools.printed("memcstat --analyze");
    assert!(report.contains("Number of Servers Analyzed         : 2"), "{report}");
    let latency = tools.printed("memcstat --analyze=latency --iterations=20");
    for port in [one.port(), two.port()] {
        assert!(latency.contains(&format!("127.0.0.1 ({port})")), "{latency}");
    }
    drop(two);
    tools.check("memcping --quiet", 1, "");
    // It contacts no server.
    tools.words.clear();
    tools.check("memcerror 16", 0, "NOT FOUND\n");
}

/// Debian's libraries log in by SASL. Slabcore only, since the stock memcached uses the system's
/// SASL configuration.
#[test]
fn tools_log_in() {
    let directory = TestDirectory::new();
    let users = directory.file("users");
    fs::write(&users, "ann:secret\n").expect("a file of users");
    let words = ["-S", "-Y", users.to_str().expect("a path of text")];
    let server = ServerOptions::new(ServerKind::Slabcore, 2).arguments(&words).start();
    let login = |password| {
        let password = format!("--password={password}");
        Tools::new(&[&server], &["--binary", "--username=ann", &password])
    };
    login("secret").check("memccp one", 0, "");
    login("secret").check("memccat one", 0, "first\n");
    login("wrong").check("memccat --quiet one", 1, "");
    Tools::new(&[&server], &["--binary"]).check("memccat --quiet one", 1, "");
}
