//! Client libraries and tools of Redis, each driven against slabcore and a real redis-server.

use std::process::Command;

use slabcore_testkit::redis_process::RedisProcess;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};

use crate::program::{folder, found_tool, run, tool};

/// Calls `session` with the address of each server: a port, or the path of a Unix socket.
fn for_servers(session: impl Fn(&str)) {
    let real = RedisProcess::start();
    session(real.socket_path().to_str().expect("a path in UTF-8"));
    for threads in [1, 3] {
        let options = ServerOptions::new(ServerKind::Slabcore, threads);
        let server = options.arguments(&["--redis-port", "-1"]).start();
        session(&server.redis_port().to_string());
    }
}

#[test]
fn python_clients() {
    let python = tool("redis-python");
    for_servers(|address| {
        let session = folder().join("sessions").join("redis_session.py");
        run(Command::new(&python).arg("-B").arg(session).arg(address));
    });
}

#[test]
fn node_clients() {
    let Some(modules) = found_tool("redis-node") else {
        eprintln!("NOT TESTED: node-redis and ioredis, because node or npm is missing");
        return;
    };
    for_servers(|address| {
        let session = folder().join("sessions").join("redis_session.mjs");
        run(Command::new("node").arg(session).arg(&modules).arg(address));
    });
}

#[test]
fn the_tools_of_redis() {
    for_servers(|address| {
        let kind = if address.bytes().all(|byte| byte.is_ascii_digit()) { "-p" } else { "-s" };
        let cli =
            |words: &[&str]| run(Command::new(tool("redis-cli")).args([kind, address]).args(words));
        let load = ["-t", "ping_inline,ping_mbulk,set,get,incr,mset", "-P", "16", "-n", "3000"];
        let mut bench = Command::new(tool("redis-benchmark"));
        let text = run(bench.args([kind, address]).args(load).args(["-r", "1000", "-q"]));
        assert_eq!(text.matches("requests per second").count(), 6, "{text}");
        assert!(!text.contains("WARN") && !text.contains("rror"), "{text}");
        let keys: usize = cli(&["dbsize"]).trim().parse().expect("a number");
        assert_eq!(cli(&["--scan"]).lines().count(), keys);
        assert!(cli(&["--bigkeys"]).contains("strings with"));
        assert!(cli(&["--memkeys"]).contains("strings with"));
        assert_eq!(cli(&["-3", "set", "cli", "v", "px", "100000"]).trim(), "OK");
        assert_eq!(cli(&["-n", "2", "get", "cli"]).trim(), "");
    });
}
