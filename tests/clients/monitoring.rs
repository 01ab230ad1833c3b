//! A real Prometheus with the files of `deploy/`, on real servers under load: every query of the
//! dashboard, and every expression of the rules, returns data.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use slabcore_testkit::server_process::ServerProcess;
use slabcore_testkit::test_directory::TestDirectory;

use crate::metrics_server::MetricsServer;
use crate::patience::wait_for;
use crate::program::{run, tool};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn promtool(words: &[&str], file: &str) {
    run(Command::new(tool("promtool"))
        .args(words)
        .arg(file)
        .current_dir(deploy().join("prometheus")));
}

/// Each alert fires on series that mean its trouble, and no other alert does.
#[test]
fn alerts_fire_when_they_should() {
    promtool(&["check", "config"], "prometheus.yml");
    promtool(&["check", "rules"], "recording.yml");
    promtool(&["check", "rules"], "alerts.yml");
    promtool(&["test", "rules"], "alerts_test.yml");
    let names = |file: &str, key: &str| -> Vec<String> {
        let text = fs::read_to_string(deploy().join("prometheus").join(file)).expect("a file");
        let names = text.lines().filter_map(|line| line.trim().strip_prefix(key));
        names.map(|name| name.split(',').next().unwrap_or_default().to_owned()).collect()
    };
    let (alerts, tests) = (names("alerts.yml", "- alert: "), names("alerts_test.yml", "- name: "));
    assert_eq!(alerts.iter().collect::<BTreeSet<_>>(), tests.iter().collect());
    assert_eq!(alerts.len(), tests.len(), "one test for each alert");
}

/// The files that containers get are there, under the names that they expect.
#[test]
fn the_compose_file_names_what_is_there() {
    let read = |name: &str| fs::read_to_string(deploy().join(name)).expect("a file of deploy/");
    let compose = read("compose.yaml");
    let mounts = compose.lines().filter_map(|line| line.trim().strip_prefix("- ./"));
    let mounts: Vec<&str> = mounts.filter_map(|mount| mount.split(':').next()).collect();
    assert_eq!(mounts.len(), 3, "{compose}");
    for file in mounts.into_iter().chain(["Dockerfile"]) {
        assert!(deploy().join(file).exists(), "{file}");
    }
    let provider = read("grafana/provisioning/dashboards/slabcore.yml");
    let folder = provider.lines().find_map(|line| line.trim().strip_prefix("path: "));
    let folder = folder.expect("the provider has a folder");
    assert!(compose.contains(&format!("/slabcore.json:{folder}/slabcore.json:ro")), "{compose}");
    let source = read("grafana/provisioning/datasources/prometheus.yml");
    assert!(
        source.contains("url: http://prometheus:9090") && compose.contains("\n  prometheus:\n")
    );
}

/// A running Prometheus, killed when dropped.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    _directory: TestDirectory,
}

impl Prometheus {
    /// Starts one with the files of `deploy/`, scraping these addresses each second.
    fn start(targets: &[SocketAddr]) -> Self {
        let directory = TestDirectory::new();
        for file in ["recording.yml", "alerts.yml"] {
            fs::copy(deploy().join("prometheus").join(file), directory.file(file)).expect("a copy");
        }
        let config = fs::read_to_string(deploy().join("prometheus/prometheus.yml"));
        let config = config.expect("the configuration");
        let targets: Vec<String> = targets.iter().map(|it| format!("\"{it}\"")).collect();
        let changed = config
            .replace("_interval: 15s", "_interval: 1s")
            .replace("\"slabcore:9150\"", &targets.join(", "));
        assert!(changed.contains(&targets[0]) && changed.matches(": 1s").count() == 2, "{changed}");
        fs::write(directory.file("prometheus.yml"), changed).expect("a copy");
        // Free now, and hardly taken by another before Prometheus has it.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
        let address = free.expect("a free port");
        let log = directory.file("log");
        let output = fs::File::create(&log).expect("a log file");
        let child = Command::new(tool("prometheus"))
            .arg(format!("--config.file={}", directory.file("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", directory.file("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .spawn()
            .expect("prometheus runs");
        Self { child, address, log, _directory: directory }
    }

    /// What its interface answers; `None` while it does not.
    fn ask(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        // Version 1.0: the answer is not in chunks.
        write!(stream, "GET /api/v1/{path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (_, body) = text.split_once("\r\n\r\n")?;
        let answer: Value = serde_json::from_str(body).ok()?;
        assert_ne!(answer["errorType"], "bad_data", "{path}: {answer}");
        (answer["status"] == "success").then(|| answer["data"].clone())
    }

    /// Whether the query has a number as its answer.
    fn has_data(&self, query: &str) -> bool {
        let Some(data) = self.ask(&format!("query?query={}", encoded(query))) else { return false };
        let is_number = |value: &Value| value[1].as_str().is_some_and(|text| text != "NaN");
        match data["resultType"].as_str() {
            Some("scalar") => is_number(&data["result"]),
            _ => data["result"]
                .as_array()
                .is_some_and(|series| series.iter().any(|series| is_number(&series["value"]))),
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // If it has ended already, both calls return an error.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

/// A text as a part of a URL.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(byte).collect()
}

/// All expressions of the dashboard, without its variables.
fn dashboard_queries() -> Vec<String> {
    let text = fs::read_to_string(deploy().join("grafana/slabcore.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries = targets.map(|target| target["expr"].as_str().expect("a query").to_owned());
    queries
        .map(|query| query.replace("$job", ".*").replace("$instance", ".*"))
        .map(|query| query.replace("$__rate_interval", "10s"))
        .inspect(|query| assert!(!query.contains('$'), "{query}"))
        .collect()
}

/// The parts of an alert's expression that are compared: they have data also while nothing is
/// wrong.
fn compared(expression: &str) -> Vec<String> {
    let words: Vec<&str> = expression.split_whitespace().collect();
    let expression = words.join(" ");
    let conditions = expression.split(" and ");
    let sides = conditions.flat_map(|it| it.split(" > "));
    let sides = sides.flat_map(|it| it.split(" < ")).flat_map(|it| it.split(" == "));
    sides.filter(|it| it.parse::<f64>().is_err()).map(str::to_owned).collect()
}

#[test]
fn comparisons_are_split() {
    assert_eq!(compared("a{b=\"c\"} / d > 0.5\nand e == 1"), ["a{b=\"c\"} / d", "e"]);
    assert_eq!(compared("a < 0.9 * b"), ["a", "0.9 * b"]);
}

/// Gets, stores and other commands, more than the memory holds, until `done`.
fn load(server: &ServerProcess, done: &AtomicBool) {
    let mut client = server.connect();
    let value = "x".repeat(2000);
    for round in 0_u64.. {
        let requests = (0..50).map(|number| {
            let new = round * 50 + number;
            format!("set k:{new} 0 0 2000 noreply\r\n{value}\r\nget k:{}\r\n", new / 2)
        });
        let mut requests: String = requests.collect();
        requests += "delete none\r\nincr none 1\r\ntouch none 0\r\nversion\r\n";
        client.send(requests.as_bytes());
        client.read_to_version();
        if done.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[test]
fn queries_and_rules_return_data() {
    // One server for each backend: an alert asks for epoll.
    let servers = [&["-m", "8", "-D", ":"][..], &["-m", "8", "--backend", "epoll"]]
        .map(|words| MetricsServer::start(2, words));
    let prometheus = Prometheus::start(&servers.each_ref().map(|server| server.address));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for server in &servers {
            scope.spawn(|| load(&server.server, &done));
        }
        // The threads end also if a wait panics.
        let _end = EndOfLoad(&done);
        check_rules(&prometheus);
        for query in dashboard_queries() {
            wait_for(&query, || prometheus.has_data(&query).then_some(()));
        }
    });
}

/// Ends the load when it is dropped.
struct EndOfLoad<'a>(&'a AtomicBool);

impl Drop for EndOfLoad<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until all rules are evaluated, and until each has something to work on.
fn check_rules(prometheus: &Prometheus) {
    let rules = wait_for("evaluated rules", || {
        let data = prometheus.ask("rules")?;
        let groups = data["groups"].as_array()?;
        let rules: Vec<Value> = groups
            .iter()
            .filter_map(|group| group["rules"].as_array())
            .flatten()
            .cloned()
            .collect();
        rules.iter().all(|rule| rule["health"] == "ok").then_some(rules)
    });
    assert!(rules.len() > 20, "{rules:?}");
    for rule in rules {
        let expression = rule["query"].as_str().expect("an expression");
        let queries = match rule["type"].as_str() {
            Some("alerting") => compared(expression),
            _ => vec![expression.to_owned(), rule["name"].as_str().expect("a name").to_owned()],
        };
        for query in queries {
            wait_for(&query, || prometheus.has_data(&query).then_some(()));
        }
    }
}
