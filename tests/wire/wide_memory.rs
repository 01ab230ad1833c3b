//! `-e` with more than 32 GiB and with less: the addresses of items change, and the items stay.
//!
//! A start allocates all of its file, which few machines that run tests can. So these servers run
//! with a system that takes `fallocate` for done. They touch only the pages that they use.

use std::thread;

use rustix::process::Signal;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

use crate::memory_file::MemoryFile;

/// The number of `fallocate`.
const FALLOCATE: i64 = if cfg!(target_arch = "x86_64") { 285 } else { 47 };

/// Mebibytes on both sides of 32 GiB.
const SMALL: &str = "16384";
const WIDE: &str = "33792";

/// Starts a server on a thread whose `fallocate` does nothing and succeeds. Its children inherit
/// that.
fn start(file: &MemoryFile, megabytes: &str, threads: usize) -> ServerProcess {
    let options = ServerOptions::new(ServerKind::Slabcore, threads);
    let options = options.arguments(&["-e", file.path(), "-m", megabytes]);
    let start = move || {
        let rules = [(FALLOCATE, Vec::new())].into_iter().collect();
        let architecture = std::env::consts::ARCH.try_into().unwrap();
        let done = SeccompAction::Errno(0);
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, done, architecture).unwrap();
        let program: BpfProgram = filter.try_into().unwrap();
        seccompiler::apply_filter(&program).unwrap();
        options.start()
    };
    thread::spawn(start).join().unwrap()
}

fn stat_of(client: &mut WireClient, name: &str) -> String {
    let stats = client.stats("slabcore");
    stats.into_iter().find(|(it, _)| it == name).expect("a statistic").1
}

/// The value of a key, of one chunk or of many.
fn value_of(number: usize) -> String {
    let length = [0, 10, 100, 2_000, 30_000, 300_000][number % 6];
    format!("{number:06}").repeat(length / 6 + 1)[..length].to_owned()
}

const ITEMS: usize = 600;

fn check(client: &mut WireClient) {
    for number in 0..ITEMS {
        let value = value_of(number);
        let line = format!("VALUE key{number} {number} {}\r\n{value}\r\nEND\r\n", value.len());
        client.expect(format!("get key{number}\r\n"), line);
    }
}

#[test]
fn items_stay_when_memory_crosses_32_gib() {
    let file = MemoryFile::new();
    let server = start(&file, SMALL, 1);
    let mut client = server.connect();
    for number in 0..ITEMS {
        let value = value_of(number);
        let set = format!("set key{number} {number} 0 {}\r\n{value}\r\n", value.len());
        client.expect(set, "STORED\r\n");
    }
    drop(client);
    server.stop_by(Signal::KILL);
    let starts = [
        (WIDE, 1, "rehomed", Signal::KILL),
        // In place: the records say all.
        (WIDE, 1, "scanned", Signal::TERM),
        (WIDE, 1, "attached", Signal::TERM),
        (SMALL, 1, "rehomed", Signal::TERM),
        (WIDE, 2, "rehomed", Signal::TERM),
        (SMALL, 1, "rehomed", Signal::KILL),
    ];
    for (megabytes, threads, kind, signal) in starts {
        let server = start(&file, megabytes, threads);
        let mut client = server.connect();
        let what = format!("-m {megabytes} -t {threads}");
        assert_eq!(stat_of(&mut client, "recovery_kind"), kind, "{what}");
        assert_eq!(stat_of(&mut client, "recovered_dropped"), "0", "{what}");
        assert_eq!(client.stat("curr_items").unwrap(), ITEMS.to_string(), "{what}");
        assert_eq!(
            client.stat("limit_maxbytes").unwrap(),
            (megabytes.parse::<u64>().unwrap() << 20).to_string()
        );
        check(&mut client);
        client.expect("set new 0 0 1\r\n1\r\n", "STORED\r\n");
        client.expect("delete new\r\n", "DELETED\r\n");
        drop(client);
        server.stop_by(signal);
    }
}
