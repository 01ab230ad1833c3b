//! memccapable, libmemcached's test of a server's protocol.

use std::process::Command;

use slabcore_testkit::server_process::{ServerKind, ServerProcess};

use crate::program::tool;

on_both! {
    passes_in_text,
    passes_in_binary,
}

/// How many tests memccapable has of each protocol; fewer would mean that it gave up.
const MEMCCAPABLE_TESTS: usize = 27;

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

fn passes_in_text(kind: ServerKind) {
    check_memccapable(kind, "-a");
}

fn passes_in_binary(kind: ServerKind) {
    check_memccapable(kind, "-b");
}
