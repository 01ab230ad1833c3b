//! Client programs that others wrote: libmemcached's protocol test and load generators, tools that
//! dump, and clients for Python.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::tls_files::TlsFiles;

/// How many tests memccapable has of each protocol; fewer would mean that it gave up.
const MEMCCAPABLE_TESTS: usize = 27;

/// Requests of a load that memcaslap makes: nine gets for each set.
const MEMCASLAP_REQUESTS: u64 = 20_000;

/// Keys that each of memcslap's threads asks for.
const MEMCSLAP_KEYS: u64 = 1000;
const MEMCSLAP_THREADS: u64 = 2;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// The path that `clients/tools` prints; it installs what is missing.
fn tool(name: &str) -> PathBuf {
    let output = Command::new(folder().join("tools"))
        .arg(name)
        .stderr(Stdio::inherit())
        .output()
        .expect("clients/tools runs");
    assert!(output.status.success(), "clients/tools finds no {name}");
    PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim_end())
}

/// `protocol`: `-a` for text, `-b` for binary.
fn check_memccapable(kind: ServerKind, protocol: &str) {
    let program = tool("memccapable");
    for threads in [1, 2] {
        let server = ServerProcess::new(kind, threads);
        let output = Command::new(&program)
            .args(["-h", "127.0.0.1", protocol, "-p", &server.port().to_string()])
            .output()
            .expect("memccapable runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let passed = text.matches("[pass]").count();
        assert!(output.status.success() && passed >= MEMCCAPABLE_TESTS, "{text}");
    }
}

/// What a program printed, and that it ended well.
fn printed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text
}

/// Compares the server's counters of gets, hits among them, and sets.
fn check_counters(server: &ServerProcess, [gets, hits, sets]: [u64; 3]) {
    let counters = ["cmd_get", "get_hits", "cmd_set"].map(|name| server.stat(name));
    assert_eq!(counters, [gets, hits, sets], "gets, hits, sets");
}

/// memcaslap checks the values that it reads. `words` choose the protocol and the keys of one get.
fn check_memcaslap(kind: ServerKind, words: &[&str]) {
    let program = tool("memcaslap");
    for threads in [1, 2] {
        let server = ServerProcess::new(kind, threads);
        let output = Command::new(&program)
            .args(["-s", &format!("127.0.0.1:{}", server.port())])
            .args(["-T", "2", "-c", "8", "-v", "1", "-x", &MEMCASLAP_REQUESTS.to_string()])
            .args(words)
            .output()
            .expect("memcaslap runs");
        let text = printed(&output);
        let lines = text.lines().filter_map(|line| line.split_once(": "));
        let counts: HashMap<&str, u64> =
            lines.filter_map(|(name, count)| Some((name, count.parse().ok()?))).collect();
        let count = |name| *counts.get(name).unwrap_or_else(|| panic!("no {name}: {text}"));
        for name in ["get_misses", "verify_misses", "verify_failed"] {
            assert_eq!(count(name), 0, "{text}");
        }
        let (gets, sets) = (count("cmd_get"), count("cmd_set"));
        assert_eq!(gets + sets, MEMCASLAP_REQUESTS, "{text}");
        check_counters(&server, [gets, gets, sets]);
    }
}

/// memcslap stores keys once and then each of its threads asks for all of them. `words` choose the
/// protocol and what is asked.
fn check_memcslap(kind: ServerKind, words: &[&str]) {
    let program = tool("memcslap");
    for threads in [1, 2] {
        let server = ServerProcess::new(kind, threads);
        let output = Command::new(&program)
            .args(["-s", &format!("127.0.0.1:{}", server.port())])
            .args(["-c", &MEMCSLAP_THREADS.to_string(), "-e", &MEMCSLAP_KEYS.to_string()])
            .args(words)
            .output()
            .expect("memcslap runs");
        let text = printed(&output);
        assert!(!text.contains("rror"), "{text}");
        let gets = MEMCSLAP_THREADS * MEMCSLAP_KEYS;
        check_counters(&server, [gets, gets, MEMCSLAP_KEYS]);
    }
}

/// Makes the load of both generators, in text and binary.
fn check_loads(kind: ServerKind) {
    for words in [&["-B"][..], &["-B", "-d", "10"], &["-d", "10"]] {
        check_memcaslap(kind, words);
    }
    for words in [["-b", "-tget"], ["-b", "-tmget"], ["-v", "-tmget"]] {
        check_memcslap(kind, &words);
    }
}

/// Runs a session on a server of one thread and on one of two. `words` stand behind the port.
fn check_session(session: &str, options: impl Fn(usize) -> ServerOptions, words: &[&str]) {
    let python = tool("python");
    for threads in [1, 2] {
        let server = options(threads).start();
        let output = Command::new(&python)
            .arg(folder().join(session))
            .arg(server.port().to_string())
            .args(words)
            .output()
            .expect("python runs");
        printed(&output);
    }
}

fn check_plain_session(session: &str, kind: ServerKind) {
    check_session(session, |threads| ServerOptions::new(kind, threads), &[]);
}

#[test]
fn memccapable_passes_on_slabcore() {
    check_memccapable(ServerKind::Slabcore, "-a");
}

#[test]
fn memccapable_passes_in_binary_on_slabcore() {
    check_memccapable(ServerKind::Slabcore, "-b");
}

#[test]
fn memccapable_passes_in_binary_on_stock() {
    check_memccapable(ServerKind::Stock, "-b");
}

#[test]
fn memccapable_passes_on_stock() {
    check_memccapable(ServerKind::Stock, "-a");
}

#[test]
fn pymemcache_session_on_slabcore() {
    check_plain_session("pymemcache_session.py", ServerKind::Slabcore);
}

#[test]
fn pymemcache_session_on_stock() {
    check_plain_session("pymemcache_session.py", ServerKind::Stock);
}

#[test]
fn meta_session_on_slabcore() {
    check_plain_session("meta_session.py", ServerKind::Slabcore);
}

#[test]
fn meta_session_on_stock() {
    check_plain_session("meta_session.py", ServerKind::Stock);
}

#[test]
fn load_generators_on_slabcore() {
    check_loads(ServerKind::Slabcore);
}

#[test]
fn load_generators_on_stock() {
    check_loads(ServerKind::Stock);
}

/// Under TLS: two clients for Python, and OpenSSL's own.
fn check_tls(kind: ServerKind) {
    let files = TlsFiles::new();
    let server = ServerOptions::new(kind, 2).tls(&files, files.client()).start();
    let authorities = files.path("ca.pem");
    let output = Command::new(tool("python"))
        .arg(folder().join("tls_session.py"))
        .arg(server.port().to_string())
        .arg(&authorities)
        .output()
        .expect("the session runs");
    printed(&output);
    let mut client = Command::new(tool("openssl"))
        .args(["s_client", "-quiet", "-verify_return_error", "-CAfile"])
        .arg(&authorities)
        .args(["-connect", &format!("127.0.0.1:{}", server.port())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    let mut input = client.stdin.take().expect("it was asked for");
    input.write_all(b"set k 0 0 2\r\nhi\r\nget k\r\nquit\r\n").expect("openssl reads");
    // Its input stays open: else it leaves before the replies are there.
    let output = client.wait_with_output().expect("openssl ends when the server does");
    drop(input);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "STORED\r\nVALUE k 0 2\r\nhi\r\nEND\r\n", "{output:?}");
}

#[test]
fn tls_sessions_on_slabcore() {
    check_tls(ServerKind::Slabcore);
}

#[test]
fn tls_sessions_on_stock() {
    check_tls(ServerKind::Stock);
}

#[test]
fn binary_session_on_slabcore() {
    check_plain_session("binary_session.py", ServerKind::Slabcore);
}

#[test]
fn binary_session_on_stock() {
    check_plain_session("binary_session.py", ServerKind::Stock);
}

/// The stock memcached authenticates by the system's SASL configuration, so this is ours alone.
#[test]
fn binary_session_with_login() {
    let file = format!("slabcore-test-{}-clients", std::process::id());
    let users = std::env::temp_dir().join(file);
    std::fs::write(&users, "ann:secret\n").expect("a file of users");
    let path = users.to_str().expect("a path of text").to_owned();
    let options =
        |threads| ServerOptions::new(ServerKind::Slabcore, threads).arguments(&["-S", "-Y", &path]);
    check_session("binary_session.py", options, &["ann", "secret"]);
    // Only a passed test removes it: a failed one may want it.
    let _ = std::fs::remove_file(&users);
}

/// What a program prints that is to dump a server with these keys.
fn dumped(kind: ServerKind, keys: &[String], command: impl Fn(u16) -> Command) {
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    for key in keys {
        client.expect(format!("set {key} 0 0 1\r\nx\r\n"), "STORED\r\n");
    }
    // memcached lists what has come to its COLD segment, a second later at most.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let output = command(server.port()).output().expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}");
        let has = |key: &String| text.split([' ', '\n']).filter(|word| word == key).count() == 1;
        if keys.iter().all(has) {
            return;
        }
        assert!(Instant::now() < deadline, "not each key once: {text}");
    }
}

fn check_memcdump(kind: ServerKind) {
    let program = tool("memcdump");
    let keys: Vec<_> = (0..200).map(|number| format!("key{number}")).collect();
    dumped(kind, &keys, |port| {
        let mut command = Command::new(&program);
        command.arg(format!("--servers=127.0.0.1:{port}"));
        command
    });
}

fn check_memcached_tool(kind: ServerKind) {
    let program = tool("memcached-tool");
    let keys: Vec<_> = (0..200).map(|number| format!("key%{number}")).collect();
    dumped(kind, &keys, |port| {
        let mut command = Command::new("perl");
        command.arg(&program).arg(format!("127.0.0.1:{port}")).arg("dump");
        command
    });
}

#[test]
fn memcdump_finds_all_keys_on_slabcore() {
    check_memcdump(ServerKind::Slabcore);
}

#[test]
fn memcdump_finds_all_keys_on_stock() {
    check_memcdump(ServerKind::Stock);
}

#[test]
fn memcached_tool_dumps_slabcore() {
    check_memcached_tool(ServerKind::Slabcore);
}

#[test]
fn memcached_tool_dumps_stock() {
    check_memcached_tool(ServerKind::Stock);
}
