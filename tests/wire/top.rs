//! `slabcore-tool top`: what it says of both servers, and how it treats its terminal.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::Value;
use slabcore_testkit::binaries;
use slabcore_testkit::limits::START_MAX;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::terminal::Terminal;
use slabcore_testkit::tls_files::TlsFiles;

use crate::users_file::UsersFile;

on_both! {
    it_counts_what_clients_did,
    rates_are_of_the_interval,
    it_connects_by_every_kind_of_address,
    it_logs_in_or_says_that_it_must,
    it_speaks_tls_or_says_that_it_must,
    the_screen_shows_the_server_and_ends_with_q,
}

/// Leaves the alternate screen.
const LEFT: &str = "\x1b[?1049l";

fn top(words: &[&str]) -> Command {
    let mut command = Command::new(binaries::tool());
    command.arg("top").args(words).env_remove("SLABCORE_PASSWORD").stdin(Stdio::null());
    command
}

fn run(words: &[&str]) -> Output {
    top(words).output().expect("the tool starts")
}

/// The report as JSON. Panics if the tool refuses.
fn report(address: &str, words: &[&str]) -> Value {
    let output = run(&[&[address, "--once", "--json"], words].concat());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The message of a tool that refuses.
fn refusal(words: &[&str]) -> String {
    let output = run(words);
    assert_eq!(output.status.code(), Some(1), "{words:?}");
    assert!(output.stdout.is_empty(), "{words:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

fn address(server: &ServerProcess) -> String {
    format!("127.0.0.1:{}", server.port())
}

fn it_counts_what_clients_did(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-m", "100", "-c", "200"]).start();
    let mut client = server.connect();
    for key in ["a", "b", "c"] {
        client.expect(format!("set {key} 0 0 5\r\nhello\r\n"), "STORED\r\n");
    }
    client.expect("get a\r\n", "VALUE a 0 5\r\nhello\r\nEND\r\n");
    client.expect("get b\r\n", "VALUE b 0 5\r\nhello\r\nEND\r\n");
    client.expect("get absent\r\n", "END\r\n");
    client.expect("delete c\r\ndelete c\r\n", "DELETED\r\nNOT_FOUND\r\n");
    let report = report(&address(&server), &["--interval", "0"]);
    let check = |path: &str, expected: u64| {
        assert_eq!(
            report.pointer(path).and_then(Value::as_u64),
            Some(expected),
            "{path}: {report}"
        );
    };
    check("/server/pid", server.pid().into());
    check("/server/threads", 2);
    check("/totals/gets", 3);
    check("/totals/get_hits", 2);
    check("/totals/get_misses", 1);
    check("/totals/sets", 3);
    check("/totals/requests", 8);
    check("/memory/items", 2);
    check("/memory/limit_bytes", 100 << 20);
    check("/connections/open", 2);
    check("/connections/limit", 200);
    check("/classes/0/items", 2);
    check("/commands/2/requests", 2);
    assert_eq!(report["commands"][2]["command"], "delete");
    assert_eq!(report["hit_ratio"]["total"], 0.666_667);
    assert!(report["hit_ratio"]["interval"].is_null() && report["rates"]["gets"].is_null());
    assert_eq!(report["server"]["version"], client.stat("version").expect("a version"));
    let is_ours = kind == ServerKind::Slabcore && binaries::slabcore_is_itself();
    let shards = report["shards"].as_array().expect("a list");
    assert_eq!(report["server"]["kind"], if is_ours { "slabcore" } else { "memcached" });
    assert_eq!(shards.len(), if is_ours { 2 } else { 0 });
    if is_ours {
        let items = shards.iter().map(|shard| shard["items"].as_u64().expect("a count"));
        assert_eq!(items.sum::<u64>(), 2);
    }
}

fn rates_are_of_the_interval(kind: ServerKind) {
    let server = ServerOptions::new(kind, 1).start();
    let report = report(&address(&server), &["--interval", "0.1"]);
    assert!(report["interval_seconds"].as_f64().is_some_and(|it| it >= 0.1), "{report}");
    // Nobody asks for anything but the tool.
    assert_eq!(report["rates"]["gets"], 0.0);
    assert_eq!(report["rates"]["requests"], 0.0);
    assert!(report["rates"]["bytes_read"].as_f64().is_some_and(|it| it > 0.0), "{report}");
    let text = run(&[&address(&server), "--once", "--interval", "0.1"]);
    let text = String::from_utf8(text.stdout).expect("UTF-8");
    assert!(text.contains("requests 0/s, gets 0/s, sets 0/s"), "{text}");
    assert!(text.contains("\nCommands\n") && text.contains("\nMemory by slab class\n"), "{text}");
}

fn it_connects_by_every_kind_of_address(kind: ServerKind) {
    let options = || ServerOptions::new(kind, 1);
    let server = options().on_unix_socket().start();
    let path = server.socket_path().to_str().expect("a path of text");
    for path in [path.to_owned(), format!("unix:{path}")] {
        assert_eq!(report(&path, &["--interval", "0"])["server"]["pid"], server.pid());
    }
    let server = options().start();
    let port = server.port();
    for address in [format!("localhost:{port}"), format!(":{port}")] {
        assert_eq!(report(&address, &["--interval", "0"])["server"]["pid"], server.pid());
    }
    let server = options().address_prefix("[::1],").start();
    let port = server.ipv6_port();
    let address = format!("[::1]:{port}");
    assert_eq!(report(&address, &["--interval", "0"])["server"]["pid"], server.pid());
}

fn it_logs_in_or_says_that_it_must(kind: ServerKind) {
    let users = UsersFile::new(&format!("top-{kind:?}"), "ann:secret\n");
    let password = UsersFile::new(&format!("top-password-{kind:?}"), "secret\n");
    let server = users.start(kind, &[]);
    let address = address(&server);
    assert!(refusal(&[&address, "--once"]).contains("wants a login: --user"));
    let login = ["--user", "ann", "--password-file", password.path(), "--interval", "0"];
    assert_eq!(report(&address, &login)["server"]["pid"], server.pid());
    let mut command = top(&[&address, "--once", "--user", "ann"]);
    let output = command.env("SLABCORE_PASSWORD", "other").output().expect("the tool starts");
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(error.contains("refuses the login: CLIENT_ERROR authentication failure"), "{error}");
}

fn it_speaks_tls_or_says_that_it_must(kind: ServerKind) {
    let files = TlsFiles::new();
    let server = ServerOptions::new(kind, 1).tls(&files, files.client()).start();
    let authority = files.path("ca.pem");
    let authority = authority.to_str().expect("a path of text");
    let address = format!("localhost:{}", server.port());
    let with_tls = ["--tls-ca", authority, "--interval", "0"];
    assert_eq!(report(&address, &with_tls)["server"]["pid"], server.pid());
    let error = refusal(&[&address, "--once"]);
    assert!(error.contains("TLS"), "{error}");
    let other = TlsFiles::new();
    let other = other.path("ca.pem");
    let other = other.to_str().expect("a path of text");
    let error = refusal(&[&address, "--once", "--tls-ca", other]);
    assert!(error.contains("TLS failed: ") && error.contains("certificate"), "{error}");
    let plain = ServerOptions::new(kind, 1).start();
    let address = format!("localhost:{}", plain.port());
    let error = refusal(&[&address, "--once", "--tls-ca", authority]);
    assert!(error.contains("TLS failed: "), "{error}");
}

#[test]
fn mistakes_have_a_status_of_their_own() {
    let check = |words: &[&str], expected: &str| {
        let output = run(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {error}");
        assert!(error.contains(expected), "{words:?}: {error}");
    };
    check(&[], "the output is no terminal: --once prints a report");
    check(&["--json"], "--once");
    check(&["a:b", "--once"], "a port is 1 to 65535");
    check(&["--once", "--user", "ann"], "SLABCORE_PASSWORD");
    assert!(refusal(&["/nonexistent", "--once"]).contains("/nonexistent: cannot connect: "));
}

/// A tool on a terminal. Dropping it kills it.
struct ToolOnTerminal {
    child: Child,
    terminal: Terminal,
}

impl ToolOnTerminal {
    fn start(address: &str) -> Self {
        let terminal = Terminal::new(100, 30);
        let mut command = top(&[address, "--interval", "0.1"]);
        command.stdin(terminal.programs()).stdout(terminal.programs());
        let child = command.stderr(terminal.programs()).spawn().expect("the tool starts");
        Self { child, terminal }
    }

    /// Waits for its end, and checks that the terminal is as it was. Returns the last output.
    fn end(mut self) -> (Option<i32>, String) {
        let last = self.terminal.read_until(LEFT);
        let deadline = Instant::now() + START_MAX;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                break status;
            }
            assert!(Instant::now() < deadline, "the tool does not end");
            std::thread::sleep(Duration::from_millis(1));
        };
        let modes = tcgetattr(self.terminal.programs()).expect("a terminal").local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON), "{modes:?}");
        (status.code(), last)
    }
}

impl Drop for ToolOnTerminal {
    fn drop(&mut self) {
        // If it has ended already, both calls return an error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn the_screen_shows_the_server_and_ends_with_q(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).start();
    let is_ours = kind == ServerKind::Slabcore && binaries::slabcore_is_itself();
    for key in [&b"q"[..], b"\x03"] {
        let mut tool = ToolOnTerminal::start(&address(&server));
        tool.terminal.read_until(if is_ours { "slabcore 0." } else { "memcached 1." });
        tool.terminal.read_until("Memory by slab class");
        // Alone: the other tables go.
        tool.terminal.type_keys(b"\t\r");
        tool.terminal.type_keys(key);
        assert_eq!(tool.end().0, Some(0), "{key:?}");
    }
}

#[test]
fn a_signal_restores_the_terminal() {
    let server = ServerOptions::new(ServerKind::Slabcore, 1).start();
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut tool = ToolOnTerminal::start(&address(&server));
        tool.terminal.read_until("Memory by slab class");
        kill_process(Pid::from_child(&tool.child), signal).expect("it runs");
        assert_eq!(tool.end().0, Some(0), "{signal:?}");
    }
}

/// Answers the requests of one sample.
fn answer(client: &mut TcpStream, version: &str) {
    let mut request = Vec::new();
    // The first sample asks for Slabcore's own tables, too.
    while !request.ends_with(b"stats mrc\r\n") {
        let mut bytes = [0; 1000];
        let count = client.read(&mut bytes).expect("the tool asks");
        assert!(count > 0, "the tool asks");
        request.extend_from_slice(&bytes[..count]);
    }
    let general = format!("STAT pid 1\r\nSTAT version {version}\r\nEND\r\n");
    let reply = general + &"ERROR\r\n".repeat(8);
    client.write_all(reply.as_bytes()).expect("the tool reads");
}

#[test]
fn a_server_that_went_away_is_found_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let mut tool = ToolOnTerminal::start(&address);
    let (mut client, _) = listener.accept().expect("the tool connects");
    // Only what changes is printed, so the two names have no character at the same place.
    answer(&mut client, "@@@@@@@@@@@@@@@@");
    tool.terminal.read_until("@@@@@@@@@@@@@@@@");
    drop(client);
    tool.terminal.read_until("trying again");
    let (mut client, _) = listener.accept().expect("the tool connects again");
    // Another server, whose name must not reach the terminal as it is.
    answer(&mut client, "9\x1b[2J");
    tool.terminal.read_until("9\\u{1b}[2J");
    tool.terminal.type_keys(b"q");
    assert_eq!(tool.end().0, Some(0));
}
