//! Prometheus' own tool reads what a server shows.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::metrics_server::MetricsServer;
use crate::program::tool;

/// Families whose type is `memcached_exporter`'s, against the custom that a counter's name ends in
/// `_total`.
const NAMED_BY_THE_EXPORTER: [&str; 6] = [
    "memcached_slab_items_evicted_time_seconds",
    "memcached_slab_items_moves_to_cold",
    "memcached_slab_items_moves_to_warm",
    "memcached_slab_items_moves_within_lru",
    "memcached_slab_mem_requested_bytes",
    "memcached_uptime_seconds",
];

/// `promtool check metrics` parses the text strictly, and complains about names and help texts.
#[test]
fn promtool_accepts_a_scrape() {
    let server = MetricsServer::start(2, &["-o", "temporary_ttl=10"]);
    server.use_cache();
    let text = server.get("/metrics");
    let mut promtool = Command::new(tool("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    let mut stdin = promtool.stdin.take().expect("its input is a pipe");
    stdin.write_all(text.as_bytes()).expect("promtool reads");
    drop(stdin);
    let output = promtool.wait_with_output().expect("promtool ends");
    let complaints =
        String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    let unexpected: Vec<&str> = complaints
        .lines()
        .filter(|line| {
            let name = line.split(' ').next().unwrap_or_default();
            let is_known = NAMED_BY_THE_EXPORTER.contains(&name)
                && line.ends_with("counter metrics should have \"_total\" suffix");
            !is_known
        })
        .collect();
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
    // Its status for complaints about names only; 1 if it cannot parse the text.
    assert_eq!(output.status.code(), Some(3), "{complaints}");
}
