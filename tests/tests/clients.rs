//! Client programs that others wrote: libmemcached's protocol test, and clients for Python.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};

/// How many tests memccapable has of each protocol; fewer would mean that it gave up.
const MEMCCAPABLE_TESTS: usize = 27;

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
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
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
