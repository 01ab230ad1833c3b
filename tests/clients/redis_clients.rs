//! Client libraries and tools of Redis, each driven against slabcore and a real redis-server.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use slabcore_testkit::redis_process::RedisProcess;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::test_directory::TestDirectory;

use crate::program::{compiled, folder, found_tool, go_command, run, tool};

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
fn hiredis() {
    let directory = TestDirectory::new();
    let source = folder().join("sessions").join("hiredis_session.c");
    let program = compiled(&directory, &source);
    for_servers(|address| {
        run(Command::new(&program).arg(address));
    });
}

#[test]
fn redigo() {
    let source = folder().join("sessions").join("redigo_session.go");
    for_servers(|address| {
        run(go_command(&source).arg(address));
    });
}

/// The option of the tools that precedes an address.
fn kind_of(address: &str) -> &'static str {
    if address.bytes().all(|byte| byte.is_ascii_digit()) { "-p" } else { "-s" }
}

/// redis-cli's modes that watch a server: `--stat` shows numbers until it is stopped.
#[test]
fn watching_by_redis_cli() {
    for_servers(|address| {
        let command = || {
            let mut command = Command::new(tool("redis-cli"));
            command.args([kind_of(address), address]).stdin(Stdio::null());
            command
        };
        for number in 0..5 {
            run(command().args(["set", &format!("k{number}"), "v"]));
        }
        let mut stat = command()
            .args(["--stat", "-i", "0.001"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("redis-cli runs");
        let output = BufReader::new(stat.stdout.take().expect("it is piped"));
        let mut lines = output.lines().map(|line| line.expect("a line of text"));
        assert!(lines.next().expect("a line").contains("data"));
        assert!(lines.next().expect("a line").starts_with("keys       mem      clients"));
        // keys, memory, clients, blocked ones, requests since the line before, connections
        let requests: Vec<String> = lines
            .take(3)
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                assert!(words[0] == "5" && words[2] != "0" && words[3] == "0", "{line}");
                assert!(words[1].ends_with(['K', 'M']), "{line}");
                words[5].to_owned()
            })
            .collect();
        stat.kill().and_then(|()| stat.wait()).expect("it is stopped");
        assert_eq!(requests[1..], ["(+1)", "(+1)"], "each line asks once: {requests:?}");
        // Lowest, highest and mean time in milliseconds, and the number of times.
        let latency = run(command().args(["--latency", "--raw", "-i", "0.2"]));
        let numbers = latency.split_whitespace().map(|it| it.parse().expect("a number"));
        let numbers: Vec<f64> = numbers.collect();
        assert!(numbers.len() == 4 && numbers[3] > 0.0, "{latency}");
    });
}

#[test]
fn the_tools_of_redis() {
    for_servers(|address| {
        let kind = kind_of(address);
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
