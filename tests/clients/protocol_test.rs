//! memccapable, libmemcached's test of a server's protocol.

use std::process::Command;

use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerProcess};

use crate::program::tool;

on_both! {
    passes_in_text,
    passes_in_binary,
}

/// Number of memccapable's tests for each protocol. Fewer results mean that it gave up.
const MEMCCAPABLE_TESTS: usize = 27;

/// The test that memcached fails since 1.6.40: it ignores further words of a delete.
const FAIL_IN_TEXT: [&str; 2] = ["ascii delete", "ascii delete noreply"];

/// `protocol`: `-a` for text, `-b` for binary.
fn check_memccapable(kind: ServerKind, protocol: &str, may_fail: &[&str]) {
    let program = tool("memccapable");
    for threads in [1, 2] {
        let server = ServerProcess::new(kind, threads);
        let output = Command::new(&program)
            .args(["-h", "127.0.0.1", protocol, "-p", &server.port().to_string()])
            .output()
            .expect("memccapable runs");
        // Names and passes are on standard output, failures after their names on standard error.
        let text = String::from_utf8_lossy(&output.stdout);
        let passed = text.matches("[pass]").count();
        let failed = String::from_utf8_lossy(&output.stderr).matches("[FAIL]").count();
        assert_eq!(failed, may_fail.len(), "{text}");
        assert!(passed + failed >= MEMCCAPABLE_TESTS, "{text}");
        for name in may_fail {
            let of_name = text.split_once(name).map(|(_, rest)| rest.trim_start());
            assert!(of_name.is_some_and(|rest| !rest.starts_with("[pass]")), "{name}: {text}");
        }
    }
}

fn passes_in_text(kind: ServerKind) {
    let older = kind == ServerKind::Stock && !binaries::stock_is_current();
    check_memccapable(kind, "-a", if older { &[] } else { &FAIL_IN_TEXT });
}

fn passes_in_binary(kind: ServerKind) {
    check_memccapable(kind, "-b", &[]);
}
