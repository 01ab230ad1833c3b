//! memcaslap and memcslap, libmemcached's load generators.

use std::collections::HashMap;
use std::process::Command;

use slabcore_testkit::server_process::{ServerKind, ServerProcess};

use crate::program::{run, tool};

on_both! {
    loads_in_text_and_binary,
}

/// Requests of a load that memcaslap makes: nine gets for each set.
const MEMCASLAP_REQUESTS: u64 = 20_000;

/// Keys that each of memcslap's threads asks for.
const MEMCSLAP_KEYS: u64 = 1000;
const MEMCSLAP_THREADS: u64 = 2;

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
        let mut command = Command::new(&program);
        command
            .args(["-s", &format!("127.0.0.1:{}", server.port())])
            .args(["-T", "2", "-c", "8", "-v", "1", "-x", &MEMCASLAP_REQUESTS.to_string()])
            .args(words);
        let text = run(&mut command);
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
        let mut command = Command::new(&program);
        command
            .args(["-s", &format!("127.0.0.1:{}", server.port())])
            .args(["-c", &MEMCSLAP_THREADS.to_string(), "-e", &MEMCSLAP_KEYS.to_string()])
            .args(words);
        let text = run(&mut command);
        assert!(!text.contains("rror"), "{text}");
        let gets = MEMCSLAP_THREADS * MEMCSLAP_KEYS;
        check_counters(&server, [gets, gets, MEMCSLAP_KEYS]);
    }
}

fn loads_in_text_and_binary(kind: ServerKind) {
    for words in [&["-B"][..], &["-B", "-d", "10"], &["-d", "10"]] {
        check_memcaslap(kind, words);
    }
    for words in [["-b", "-tget"], ["-b", "-tmget"], ["-v", "-tmget"]] {
        check_memcslap(kind, &words);
    }
}
