//! The admin endpoint of whole servers, over TCP.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::admin::admin_connection::HEAD_BYTES_MAX;
use crate::settings::{BackendChoice, Settings};
use crate::whole_server::{PATIENCE, WholeServer, connect, settings};

struct Server {
    whole: WholeServer,
}

impl Server {
    fn start(backend: BackendChoice, metrics_listen: Option<SocketAddr>) -> Self {
        Self { whole: WholeServer::start(Settings { metrics_listen, ..settings(backend) }) }
    }

    fn with_metrics(backend: BackendChoice) -> Self {
        Self::start(backend, Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
    }

    fn admin(&self) -> TcpStream {
        connect(self.whole.running.metrics_address().unwrap())
    }

    /// The response to `request`, head and body.
    fn ask(&self, request: &str) -> (String, String) {
        let mut stream = self.admin();
        stream.write_all(request.as_bytes()).unwrap();
        response(stream)
    }

    fn metrics(&self) -> String {
        let (head, body) = self.ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        body
    }

    /// A scrape in which a series has this value, or after much patience the last one. A scrape
    /// waits for shards for a short while only, and the machine may have stopped them.
    fn metrics_with(&self, series: &str, value: u64) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.metrics();
            let found = samples(&text).get(series).is_some_and(|it| *it == value.to_string());
            if found || Instant::now() > deadline {
                return text;
            }
        }
    }
}

fn response(mut stream: TcpStream) -> (String, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (format!("{head}\r\n"), body.to_owned())
}

/// Sends `request` and reads replies until they end with `expected`.
fn converse(stream: &mut TcpStream, request: &str, expected: &str) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = vec![0; expected.len()];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(String::from_utf8(reply).unwrap(), expected);
}

/// Checks the rules of the exposition and returns the samples: name with labels, value.
fn samples(text: &str) -> HashMap<&str, &str> {
    assert!(text.ends_with('\n') && !text.contains('\r'), "{text}");
    let mut families = HashSet::new();
    let mut samples = HashMap::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let help = line.strip_prefix("# HELP ").unwrap_or_else(|| panic!("no family: {line:?}"));
        let (name, help) = help.split_once(' ').unwrap();
        assert!(!help.is_empty() && families.insert(name), "{name} twice");
        let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} ")));
        let suffixes: &[&str] = match kind {
            Some("counter" | "gauge") => &[""],
            Some("histogram") => &["_bucket", "_sum", "_count"],
            _ => panic!("{name} {kind:?}"),
        };
        let mut count = 0;
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let suffix = series.split('{').next().and_then(|it| it.strip_prefix(name));
            assert!(suffix.is_some_and(|it| suffixes.contains(&it)), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(samples.insert(series, value).is_none(), "{series} twice");
            count += 1;
        }
        assert!(count > 0, "{name} has no samples");
    }
    samples
}

/// Sets 3 items, 1 of them twice, and asks for 2 of them and 2 that are not there. Returns the
/// bytes sent.
fn use_cache(stream: &mut TcpStream) -> u64 {
    let mut bytes = 0;
    for (request, expected) in [
        ("set a 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("set b 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("set c 0 0 1\r\nx\r\n", "STORED\r\n"),
        ("set c 0 0 1\r\ny\r\n", "STORED\r\n"),
        ("get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n"),
        ("get b no\r\n", "VALUE b 0 1\r\nx\r\nEND\r\n"),
        ("get none\r\n", "END\r\n"),
        ("cas none 0 0 1 7\r\nx\r\n", "NOT_FOUND\r\n"),
        ("delete none\r\n", "NOT_FOUND\r\n"),
    ] {
        converse(stream, request, expected);
        bytes += request.len() as u64;
    }
    bytes
}

/// Slab classes are shown once they have pages, each with its number.
fn classes_are_counted(backend: BackendChoice) {
    let server = Server::with_metrics(backend);
    let number_of = |samples: &HashMap<&str, &str>, name: &str, labels: &str| -> u64 {
        let found = samples.iter().filter(|(series, _)| {
            series.starts_with(&format!("{name}{{slab=\"")) && series.ends_with(labels)
        });
        found.map(|(_, value)| value.parse::<u64>().expect("a number")).sum()
    };
    let text = server.metrics();
    assert_eq!(samples(&text).get("memcached_malloced_bytes"), Some(&"0"), "{text}");
    assert!(!text.contains("{slab="), "{text}");
    let mut client = connect(server.whole.address);
    use_cache(&mut client);
    converse(&mut client, "set big 0 0 3000\r\n", "");
    converse(&mut client, &format!("{}\r\n", "x".repeat(3000)), "STORED\r\n");
    converse(&mut client, "delete big\r\n", "DELETED\r\n");
    converse(&mut client, "stats reset\r\n", "RESET\r\n");
    let text = server.metrics_with("memcached_items_total", 5);
    let samples = samples(&text);
    let command = |name: &str, status: &str| {
        let labels = format!(",command=\"{name}\",status=\"{status}\"}}");
        number_of(&samples, "memcached_slab_commands_total", &labels)
    };
    // As the exporter has it, with the cas that found no item.
    assert_eq!((command("get", "hit"), command("set", "hit")), (2, 6), "{text}");
    assert_eq!((command("delete", "hit"), command("cas", "badval")), (1, 0), "{text}");
    let sum = |name: &str| number_of(&samples, &format!("memcached_slab_{name}"), "\"}");
    assert_eq!((sum("current_items"), sum("chunks_used"), sum("hot_items")), (3, 3, 3), "{text}");
    assert_eq!(sum("mem_requested_bytes").to_string(), samples["memcached_current_bytes"]);
    let bytes: u64 = samples["memcached_malloced_bytes"].parse().expect("a number");
    assert!(bytes > 0 && bytes.is_multiple_of(8), "{text}");
    let hits = number_of(&samples, "memcached_slab_lru_hits_total", ",lru=\"hot\"}");
    assert_eq!(hits, 2, "{text}");
    let classes = samples.keys().filter(|it| it.starts_with("memcached_slab_chunk_size_bytes"));
    assert_eq!(classes.count(), 2, "{text}");
    server.whole.running.stop();
}

#[test]
fn a_scrape_counts_slab_classes() {
    classes_are_counted(BackendChoice::Auto);
}

#[test]
fn a_scrape_counts_slab_classes_on_epoll() {
    classes_are_counted(BackendChoice::Epoll);
}

/// Names, types and labels are those of `memcached_exporter` 0.16, whose source exists here.
#[test]
fn a_scrape_has_the_families_of_the_exporter() {
    let server = Server::with_metrics(BackendChoice::Auto);
    use_cache(&mut connect(server.whole.address));
    let text = server.metrics_with("memcached_items_total", 4);
    let types: HashMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE memcached_")?.split_once(' '))
        .collect();
    let series = samples(&text);
    for line in EXPORTER_FAMILIES.lines().filter(|line| !line.trim().is_empty()) {
        let (begin, names) = line.split_once(':').expect("type and labels, then names");
        let (kind, labels) = begin.trim().split_once(' ').unwrap_or((begin.trim(), ""));
        for name in names.split_whitespace() {
            assert_eq!(types.get(name), Some(&kind), "{name} in\n{text}");
            let full = format!("memcached_{name}");
            let of_family = series.keys().filter(|it| it.split('{').next() == Some(&*full));
            for one in of_family {
                assert_eq!(label_names(one), labels, "{one}");
            }
        }
    }
    server.whole.running.stop();
}

/// The names of the labels of a series, in order.
fn label_names(series: &str) -> String {
    let labels = series.split_once('{').map_or("", |(_, labels)| labels.trim_end_matches('}'));
    let names = labels.split(',').filter_map(|label| label.split_once('=').map(|it| it.0));
    names.collect::<Vec<_>>().join(" ")
}

/// Those that it has without external storage, proxy and temporary items: type and labels, then
/// names without `memcached_`.
const EXPORTER_FAMILIES: &str = "
    gauge: up time_seconds max_connections current_connections accepting_connections current_bytes
    gauge: limit_bytes malloced_bytes current_items lru_crawler_enabled lru_crawler_sleep
    gauge: lru_crawler_to_crawl lru_crawler_maintainer_thread lru_crawler_hot_percent
    gauge: lru_crawler_warm_percent lru_crawler_hot_max_factor lru_crawler_warm_max_factor
    gauge version: version
    counter: uptime_seconds process_user_cpu_seconds_total process_system_cpu_seconds_total
    counter: read_bytes_total written_bytes_total connections_total connections_rejected_total
    counter: connections_yielded_total connections_listener_disabled_total items_total
    counter: items_evicted_total items_reclaimed_total item_too_large_total item_no_memory_total
    counter: direct_reclaims_total lru_crawler_starts_total lru_crawler_reclaimed_total
    counter: lru_crawler_items_checked_total lru_crawler_moves_to_cold_total
    counter: lru_crawler_moves_to_warm_total lru_crawler_moves_within_lru_total
    counter command status: commands_total
    gauge slab: slab_current_items slab_items_age_seconds slab_hot_items slab_warm_items
    gauge slab: slab_cold_items slab_hot_age_seconds slab_warm_age_seconds slab_chunk_size_bytes
    gauge slab: slab_chunks_per_page slab_current_pages slab_current_chunks slab_chunks_used
    gauge slab: slab_chunks_free slab_chunks_free_end
    counter slab: slab_items_crawler_reclaimed_total slab_items_evicted_total
    counter slab: slab_items_evicted_nonzero_total slab_items_evicted_unfetched_total
    counter slab: slab_items_expired_unfetched_total slab_items_outofmemory_total
    counter slab: slab_items_reclaimed_total slab_items_tailrepairs_total
    counter slab: slab_items_evicted_time_seconds slab_items_moves_to_cold
    counter slab: slab_items_moves_to_warm slab_items_moves_within_lru slab_mem_requested_bytes
    counter slab lru: slab_lru_hits_total
    counter slab command status: slab_commands_total
";

/// Stores items of many sizes in every shard.
fn fill(server: &Server, shards: usize) {
    let mut client = connect(server.whole.address);
    let sizes = std::iter::successors(Some(10_usize), |size| Some(size * 5 / 4 + 1));
    for size in sizes.take_while(|size| *size < 50_000) {
        let value = "x".repeat(size);
        let set = |key| format!("set {size}-{key} 0 0 {size} noreply\r\n{value}\r\n");
        let sets: String = (0..shards * 6).map(set).collect();
        client.write_all(sets.as_bytes()).unwrap();
    }
    converse(&mut client, "get none\r\n", "END\r\n");
}

/// The text of a scrape has a bound. The time is printed only: machines differ.
#[test]
fn a_scrape_of_many_shards_is_small() {
    // With 64 there are no series for each class of each shard; with 16 there are most of them.
    for shards in [64, 16] {
        let metrics_listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let settings = settings(BackendChoice::Epoll);
        let settings = Settings { shards, memory_bytes: 1 << 30, metrics_listen, ..settings };
        let server = Server { whole: WholeServer::start(settings) };
        fill(&server, shards);
        let gets = format!("slabcore_shard_gets_total{{shard=\"{}\"}}", server.whole.owner("none"));
        let text = server.metrics_with(&gets, 1);
        let begin = Instant::now();
        let bytes = server.metrics().len();
        let elapsed = begin.elapsed();
        let count = samples(&text).len();
        println!("{shards} shards: {bytes} bytes, {count} series, {elapsed:?}");
        assert!(bytes < 1 << 20, "{shards} shards: {bytes} bytes");
        let status = server.ask("GET /status.json HTTP/1.1\r\n\r\n").1;
        assert!(status.len() < 64 << 10, "{shards} shards: {} bytes", status.len());
        let of_class = samples(&text).keys().filter(|it| it.starts_with("slabcore_class_")).count();
        assert_eq!(of_class > 0, shards < 64, "{of_class}");
        server.whole.running.stop();
    }
}

fn counts_exactly(backend: BackendChoice) {
    let server = Server::with_metrics(backend);
    let mut client = connect(server.whole.address);
    for round in 1..=2 {
        let bytes = use_cache(&mut client);
        let text = server.metrics_with("memcached_items_total", 4 * round);
        let samples = samples(&text);
        for (series, expected) in [
            ("memcached_up", 1),
            ("memcached_version{version=\"1.6.45\"}", 1),
            ("memcached_commands_total{command=\"get\",status=\"hit\"}", 2 * round),
            ("memcached_commands_total{command=\"get\",status=\"miss\"}", 2 * round),
            ("memcached_commands_total{command=\"set\",status=\"hit\"}", 4 * round),
            ("memcached_commands_total{command=\"cas\",status=\"miss\"}", round),
            ("memcached_commands_total{command=\"delete\",status=\"miss\"}", round),
            ("memcached_commands_total{command=\"flush\",status=\"hit\"}", 0),
            ("memcached_current_items", 3),
            ("memcached_items_total", 4 * round),
            ("memcached_read_bytes_total", bytes * round),
            ("memcached_current_connections", 1),
            ("memcached_connections_total", 1),
            ("memcached_connections_rejected_total", 0),
            ("memcached_connections_listener_disabled_total", 0),
            ("memcached_accepting_connections", 1),
            ("memcached_max_connections", 100),
            ("memcached_limit_bytes", 64 << 20),
            ("slabcore_build_info{product=\"slabcore\",version=\"9.8.7\"}", 1),
            ("slabcore_shards", 2),
        ] {
            let expected = expected.to_string();
            assert_eq!(samples.get(series), Some(&&*expected), "{series} in\n{text}");
        }
        let number = |series: &str| -> u64 { samples[series].parse().unwrap() };
        let sum = |name: &str| -> u64 {
            (0..2).map(|shard| number(&format!("{name}{{shard=\"{shard}\"}}"))).sum()
        };
        assert_eq!(sum("slabcore_shard_items"), 3);
        assert_eq!(sum("slabcore_shard_gets_total"), 4 * round);
        assert_eq!(sum("slabcore_shard_item_bytes"), number("memcached_current_bytes"));
        for (order, shards) in [("recency", 2), ("worth", 0), ("read_first", 0)] {
            let of_shard = |shard| {
                number(&format!(
                    "slabcore_shard_eviction_order{{order=\"{order}\",shard=\"{shard}\"}}"
                ))
            };
            assert_eq!(of_shard(0) + of_shard(1), shards, "{order}");
        }
        let pages = sum("slabcore_shard_pages") + number("slabcore_pages_free");
        assert_eq!(pages, number("slabcore_pages"));
        assert!(number("memcached_time_seconds") > 1_700_000_000);
        let cpu = samples["memcached_process_user_cpu_seconds_total"];
        assert!(cpu.contains('.'), "{cpu}");
    }
    server.whole.running.stop();
}

#[test]
fn a_scrape_counts_exactly_what_was_answered() {
    counts_exactly(BackendChoice::Auto);
}

#[test]
fn a_scrape_counts_exactly_on_epoll() {
    counts_exactly(BackendChoice::Epoll);
}

/// The buckets of a series, whose counts must not fall from border to border.
fn buckets(text: &str, series: &str) -> Vec<(f64, u64)> {
    let mut buckets: Vec<(f64, u64)> = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix(series)) {
        let (border, count) = line.strip_prefix("le=\"").unwrap().split_once("\"} ").unwrap();
        buckets.push((border.parse().unwrap(), count.parse().unwrap()));
    }
    assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{series}: {buckets:?}");
    assert!(buckets.last().unwrap().0.is_infinite());
    buckets
}

fn requests_are_timed(backend: BackendChoice) {
    const PREFIX: &str = "slabcore_request_duration_seconds";
    let server = Server::with_metrics(backend);
    let mut client = connect(server.whole.address);
    for round in 1..=2 {
        use_cache(&mut client);
        // Neither is anything reset, nor do the counts fall.
        converse(&mut client, "stats reset\r\n", "RESET\r\n");
        let other = format!("{PREFIX}_count{{command=\"other\"}}");
        let text = server.metrics_with(&other, round);
        let samples = samples(&text);
        for (command, expected) in [
            ("get", 3 * round),
            ("set", 5 * round),
            ("delete", round),
            ("arithmetic", 0),
            ("touch", 0),
            ("other", round),
        ] {
            let labels = format!("command=\"{command}\"");
            let count = samples[&*format!("{PREFIX}_count{{{labels}}}")];
            assert_eq!(count, expected.to_string(), "{command}");
            let sum: f64 = samples[&*format!("{PREFIX}_sum{{{labels}}}")].parse().unwrap();
            let buckets = buckets(&text, &format!("{PREFIX}_bucket{{{labels},"));
            assert_eq!(buckets.last().unwrap().1, expected, "{command}");
            // No more than the upper border of each, and no less than the lower one.
            let at_least = buckets.windows(2).map(|it| it[0].0 * (it[1].1 - it[0].1) as f64);
            assert!(sum >= at_least.sum::<f64>() && (sum > 0.0) == (expected > 0), "{command}");
        }
        let turns = buckets(&text, "slabcore_turn_requests_bucket{");
        assert!(turns.last().unwrap().1 >= 10 * round, "{turns:?}");
        let lengths = buckets(&text, "slabcore_turn_duration_seconds_bucket{");
        assert!(lengths.last().unwrap().1 >= turns.last().unwrap().1, "{lengths:?}");
    }
    server.whole.running.stop();
}

#[test]
fn a_scrape_has_the_times_of_requests() {
    requests_are_timed(BackendChoice::Auto);
}

#[test]
fn a_scrape_has_the_times_of_requests_on_epoll() {
    requests_are_timed(BackendChoice::Epoll);
}

#[test]
fn series_stay_the_same_and_in_order() {
    let server = Server::with_metrics(BackendChoice::Auto);
    let (first, second) = (server.metrics(), server.metrics());
    let names = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
    };
    assert_eq!(names(&first), names(&second));
    server.whole.running.stop();
}

/// Returns the head of the response.
#[track_caller]
fn check(server: &Server, request: &str, status: &str, expected_body: &str) -> String {
    let (head, body) = server.ask(&format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
    assert_eq!(body, expected_body, "{request}");
    assert!(head.ends_with("\r\nConnection: close\r\n"), "{head}");
    head
}

#[test]
fn paths_and_methods() {
    let server = Server::with_metrics(BackendChoice::Auto);
    check(&server, "GET /healthz", "200", "ok\n");
    check(&server, "GET /readyz", "200", "ok\n");
    check(&server, "GET /nothing", "404", "");
    check(&server, "GET /metrics/", "404", "");
    check(&server, "HEAD /healthz", "200", "");
    let head = check(&server, "HEAD /metrics", "200", "");
    assert!(head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
    assert!(!head.contains("Content-Length: 0\r\n"), "{head}");
    server.whole.running.drain();
    check(&server, "GET /readyz", "503", "not accepting\n");
    check(&server, "GET /healthz", "200", "ok\n");
    check(&server, "POST /metrics", "405", "");
    check(&server, "nonsense", "400", "");
    server.whole.running.stop();
}

/// The page and its numbers, which name this server's.
#[test]
fn the_status_page_and_its_numbers() {
    let server = Server::with_metrics(BackendChoice::Auto);
    let (head, page) = server.ask("GET / HTTP/1.1\r\n\r\n");
    assert!(head.contains("\r\nContent-Type: text/html; charset=utf-8\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Security-Policy: default-src 'none'; "), "{head}");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    use_cache(&mut connect(server.whole.address));
    server.metrics_with("memcached_items_total", 4);
    let (head, text) = server.ask("GET /status.json HTTP/1.1\r\n\r\n");
    assert!(head.contains("\r\nContent-Type: application/json\r\n"), "{head}");
    assert!(!head.contains("Content-Security-Policy"), "{head}");
    let status: Value = serde_json::from_str(&text).unwrap();
    let gets = json!({ "hits": 2, "misses": 2 });
    assert_eq!(status["gets"], gets, "{text}");
    assert_eq!(status["product"], "slabcore 9.8.7", "{text}");
    assert_eq!(status["items"], 3, "{text}");
    assert_eq!(status["memory_limit_bytes"], 64 << 20, "{text}");
    assert_eq!(status["shards"].as_array().map(Vec::len), Some(2), "{text}");
    let latency = status["latency"].as_array().unwrap();
    let gets = latency.iter().find(|it| it["command"] == "get").unwrap();
    let buckets = gets["buckets"].as_array().unwrap();
    assert_eq!(buckets.iter().map(|it| it[2].as_u64().unwrap()).sum::<u64>(), 3, "{text}");
    assert!(latency.iter().all(|it| it["command"] != "touch"), "{text}");
    let memory = status["memory"].as_array().unwrap();
    let within = memory.iter().filter(|part| part["within_limit"] == true);
    let bytes: u64 = within.map(|part| part["bytes"].as_u64().unwrap()).sum();
    assert_eq!(bytes, 64 << 20, "the parts are the whole: {text}");
    assert_eq!(memory[0]["purpose"], "items", "{text}");
    assert_eq!(memory[0]["bytes"], status["item_bytes"], "{text}");
    server.whole.running.stop();
}

/// They are counted on both shards, and shown while they are counted.
#[test]
fn prefixes_have_series_while_they_are_counted() {
    let server = Server::with_metrics(BackendChoice::Auto);
    let mut client = connect(server.whole.address);
    converse(&mut client, "stats detail on\r\n", "OK\r\n");
    for key in 0..20 {
        converse(&mut client, &format!("set u:{key} 0 0 1\r\nx\r\n"), "STORED\r\n");
    }
    converse(&mut client, "get u:none\r\n", "END\r\n");
    let series = |command, status| {
        let labels = format!("prefix=\"u\",encoding=\"text\",command=\"{command}\"");
        format!("slabcore_prefix_commands_total{{{labels},status=\"{status}\"}}")
    };
    let text = server.metrics_with(&series("set", "any"), 20);
    let samples = samples(&text);
    assert_eq!(samples.get(&*series("set", "any")), Some(&"20"), "{text}");
    assert_eq!(samples.get(&*series("get", "miss")), Some(&"1"), "{text}");
    converse(&mut client, "stats detail off\r\n", "OK\r\n");
    assert!(!server.metrics().contains("prefix="));
    server.whole.running.stop();
}

/// The keys need escapes, or are no text at all.
#[test]
fn hot_keys_are_json() {
    let server = Server::with_metrics(BackendChoice::Auto);
    let mut client = connect(server.whole.address);
    converse(&mut client, &"get \"a\\\r\n".repeat(2_000), &"END\r\n".repeat(2_000));
    converse(&mut client, &"get \u{e9}\r\n".repeat(4_000), &"END\r\n".repeat(4_000));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (head, body) = server.ask("GET /hotkeys HTTP/1.1\r\n\r\n");
        assert!(head.contains("Content-Type: application/json\r\n"), "{head}");
        let document: Value = serde_json::from_str(&body).expect("JSON");
        let field = |rank: usize, name: &str| document["keys"][rank][name].clone();
        if document["keys"].as_array().is_some_and(|keys| keys.len() < 2) {
            // The shards were not asked in time.
            assert!(Instant::now() < deadline, "{body}");
            continue;
        }
        assert_eq!((field(0, "key"), field(0, "encoding")), (json!("w6k="), json!("base64")));
        assert_eq!((field(1, "key"), field(1, "encoding")), (json!("\"a\\"), json!("text")));
        assert!((field(1, "share").as_f64().unwrap() - 0.33).abs() < 0.3, "{body}");
        assert_eq!(field(1, "error"), json!(0));
        assert!(document["requests"].as_u64() > field(0, "requests").as_u64(), "{body}");
        assert!(document["window_seconds"].as_u64() >= Some(1), "{body}");
        break;
    }
    server.whole.running.stop();
}

#[test]
fn a_request_in_single_bytes_is_answered() {
    let server = Server::with_metrics(BackendChoice::Auto);
    let mut stream = server.admin();
    stream.set_nodelay(true).unwrap();
    for byte in b"GET /healthz HTTP/1.1\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    assert_eq!(response(stream).1, "ok\n");
    server.whole.running.stop();
}

#[test]
fn an_oversized_head_is_refused_and_the_refusal_arrives() {
    let server = Server::with_metrics(BackendChoice::Auto);
    let head = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(2 * HEAD_BYTES_MAX));
    let (head, _) = server.ask(&head);
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
    server.whole.running.stop();
}

/// Clients that hold all places, whether silent or sending without end, keep nobody out.
#[test]
fn slow_and_endless_clients_do_not_block_a_scrape() {
    let server = Server::with_metrics(BackendChoice::Auto);
    let address = server.whole.running.metrics_address().unwrap();
    let silent: Vec<TcpStream> = (0..6).map(|_| connect(address)).collect();
    let mut half = connect(address);
    half.write_all(b"GET /metrics HTTP/1.1\r\nHost:").unwrap();
    let endless: Vec<_> = (0..3)
        .map(|_| {
            let mut stream = connect(address);
            std::thread::spawn(move || while stream.write_all(&[b'x'; 4096]).is_ok() {})
        })
        .collect();
    let begin = Instant::now();
    samples(&server.metrics());
    // Ten clients before it, each for a place of four: a quarter of a second each at the worst.
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    server.whole.running.stop();
    for thread in endless {
        thread.join().unwrap();
    }
    drop(silent);
}

#[test]
fn a_taken_port_is_only_a_warning() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let server = Server::start(BackendChoice::Auto, Some(taken.local_addr().unwrap()));
    assert_eq!(server.whole.running.metrics_address(), None);
    converse(&mut connect(server.whole.address), "get a\r\n", "END\r\n");
    server.whole.running.stop();
}

#[test]
fn off_means_off() {
    let server = Server::start(BackendChoice::Auto, None);
    assert_eq!(server.whole.running.metrics_address(), None);
    server.whole.running.stop();
}

#[test]
fn the_endpoint_stops_with_connections_open() {
    let server = Server::with_metrics(BackendChoice::Auto);
    let address = server.whole.running.metrics_address().unwrap();
    let mut silent = server.admin();
    assert_eq!(server.ask("GET /healthz HTTP/1.1\r\n\r\n").1, "ok\n");
    let begin = Instant::now();
    server.whole.running.stop();
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    // Closed, however the system says it.
    assert!(matches!(silent.read(&mut [0]), Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).is_err());
}
