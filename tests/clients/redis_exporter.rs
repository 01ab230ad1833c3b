//! `redis_exporter` of Debian's package, which scrapes servers of Redis' dialect.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use slabcore_testkit::redis_client::RedisClient;
use slabcore_testkit::redis_process::RedisProcess;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};

use crate::patience::wait_for;
use crate::program::tool;

/// Families that the dashboards of `redis_exporter` and of its alerts show for a cache.
const FAMILIES: [&str; 22] = [
    "redis_blocked_clients",
    "redis_commands_duration_seconds_total",
    "redis_commands_processed_total",
    "redis_commands_total",
    "redis_connected_clients",
    "redis_connections_received_total",
    "redis_cpu_sys_seconds_total",
    "redis_cpu_user_seconds_total",
    "redis_db_keys",
    "redis_db_keys_expiring",
    "redis_evicted_keys_total",
    "redis_expired_keys_total",
    "redis_keyspace_hits_total",
    "redis_keyspace_misses_total",
    "redis_memory_max_bytes",
    "redis_memory_used_bytes",
    "redis_memory_used_rss_bytes",
    "redis_net_input_bytes_total",
    "redis_net_output_bytes_total",
    "redis_rejected_connections_total",
    "redis_up",
    "redis_uptime_in_seconds",
];

/// A running exporter. Dropping it ends the process.
struct Exporter {
    child: Child,
    address: SocketAddr,
}

impl Exporter {
    /// Starts one for the server with this URL.
    fn start(url: &str) -> Self {
        let mut exporter = Self::spawn(url);
        wait_for("a listening exporter", || {
            // Another process may have taken the port meanwhile.
            if exporter.child.try_wait().expect("it is a child").is_some() {
                exporter = Self::spawn(url);
            }
            TcpStream::connect(exporter.address).ok()
        });
        exporter
    }

    fn spawn(url: &str) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
        let address = free.expect("a free port");
        let child = Command::new(tool("redis-exporter"))
            .args(["-redis.addr", url, "-web.listen-address", &address.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the exporter runs");
        Self { child, address }
    }

    /// The samples of a scrape, by name and labels.
    fn scrape(&self) -> HashMap<String, String> {
        let mut stream = TcpStream::connect(self.address).expect("the exporter accepts");
        // Version 1.0: the answer is not in chunks.
        write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers in UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
        let lines = body.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter_map(|line| line.rsplit_once(' '));
        samples.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // If it has ended already, both calls return an error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Stores 30 items, 20 of them with an expiry, reads 20 keys of which 5 have none, and scrapes.
fn check_scrape(client: &mut RedisClient, url: &str) {
    client.command(&["SELECT", "3"]);
    for number in 0..30 {
        let key = format!("k{number}");
        client.command(&["SET", &key, "v"]);
        if number < 20 {
            client.command(&["EXPIRE", &key, "100"]);
        }
    }
    for number in 15..35 {
        client.command(&["GET", &format!("k{number}")]);
    }
    let exporter = Exporter::start(url);
    let samples = exporter.scrape();
    let families: Vec<&str> = samples.keys().filter_map(|it| it.split('{').next()).collect();
    let missing: Vec<_> = FAMILIES.iter().filter(|it| !families.contains(it)).collect();
    assert!(missing.is_empty(), "{url}: {missing:?} are missing in {families:?}");
    for (name, expected) in [
        ("redis_up", "1"),
        ("redis_exporter_last_scrape_error{err=\"\"}", "0"),
        ("redis_target_scrape_request_errors_total", "0"),
        ("redis_keyspace_hits_total", "15"),
        ("redis_keyspace_misses_total", "5"),
        ("redis_evicted_keys_total", "0"),
        ("redis_blocked_clients", "0"),
        // The client of this test and the exporter.
        ("redis_connected_clients", "2"),
        ("redis_db_keys{db=\"db3\"}", "30"),
        ("redis_db_keys_expiring{db=\"db3\"}", "20"),
        ("redis_db_keys{db=\"db0\"}", "0"),
        ("redis_commands_total{cmd=\"get\"}", "20"),
        ("redis_commands_total{cmd=\"set\"}", "30"),
        ("redis_commands_total{cmd=\"expire\"}", "20"),
    ] {
        assert_eq!(samples.get(name).map(String::as_str), Some(expected), "{url}: {name}");
    }
    let number = |name: &str| -> f64 { samples[name].parse().expect("a number") };
    for name in [
        "redis_memory_used_bytes",
        "redis_commands_duration_seconds_total{cmd=\"get\"}",
        "redis_net_input_bytes_total",
        "redis_net_output_bytes_total",
    ] {
        assert!(number(name) > 0.0, "{url}: {name}");
    }
    // Those of this test, without the exporter's.
    assert!(number("redis_commands_processed_total") >= 71.0, "{url}: {samples:?}");
}

#[test]
fn a_scrape_has_what_panels_of_caches_show() {
    let real = RedisProcess::start();
    let url = format!("unix://{}", real.socket_path().display());
    check_scrape(&mut real.connect(), &url);
    for threads in [1, 3] {
        let options = ServerOptions::new(ServerKind::Slabcore, threads);
        let server = options.arguments(&["--redis-port", "-1"]).start();
        let url = format!("redis://127.0.0.1:{}", server.redis_port());
        check_scrape(&mut server.connect_redis(), &url);
    }
}
