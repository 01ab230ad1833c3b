//! Client programs that others wrote: libmemcached's protocol test and pymemcache.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use slabcore_testkit::server_process::{ServerKind, ServerProcess};

/// How many text protocol tests memccapable has; fewer would mean that it gave up.
const MEMCCAPABLE_TEXT_TESTS: usize = 27;

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

fn check_memccapable(kind: ServerKind) {
    let program = tool("memccapable");
    for threads in [1, 2] {
        let server = ServerProcess::new(kind, threads);
        let output = Command::new(&program)
            .args(["-h", "127.0.0.1", "-a", "-p", &server.port().to_string()])
            .output()
            .expect("memccapable runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let passed = text.matches("[pass]").count();
        assert!(output.status.success() && passed >= MEMCCAPABLE_TEXT_TESTS, "{text}");
    }
}

fn check_pymemcache(kind: ServerKind) {
    let python = tool("python");
    for threads in [1, 2] {
        let server = ServerProcess::new(kind, threads);
        let output = Command::new(&python)
            .arg(folder().join("pymemcache_session.py"))
            .arg(server.port().to_string())
            .output()
            .expect("python runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
    }
}

#[test]
fn memccapable_passes_on_slabcore() {
    check_memccapable(ServerKind::Slabcore);
}

#[test]
fn memccapable_passes_on_stock() {
    check_memccapable(ServerKind::Stock);
}

#[test]
fn pymemcache_session_on_slabcore() {
    check_pymemcache(ServerKind::Slabcore);
}

#[test]
fn pymemcache_session_on_stock() {
    check_pymemcache(ServerKind::Stock);
}
