//! A whole server in the tests' own process, on a free port, and its clients.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity};

use crate::launch::running::{Running, listen};
use crate::settings::{BackendChoice, Listen, Placement, Settings, TcpListen};

/// Time to wait for an answer. It is far longer than any takes, so that a test fails and does not
/// hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A whole server in the tests' own process.
pub(crate) struct WholeServer {
    pub(crate) running: Running,
    /// The address for clients.
    pub(crate) address: SocketAddr,
}

impl WholeServer {
    /// Starts a server that listens on one address.
    pub(crate) fn start(settings: Settings) -> Self {
        let port_file = settings.port_file.clone().expect("the port file tells the port");
        let running = listen(settings, Vec::new()).unwrap().serve().unwrap();
        let ports = std::fs::read_to_string(&port_file).unwrap();
        std::fs::remove_file(port_file).unwrap();
        let port = ports.trim().strip_prefix("TCP INET: ").expect("one port").parse().unwrap();
        Self { running, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }
    }

    /// The lines of a `stats` command, by name.
    pub(crate) fn stats(&self, command: &str) -> Vec<(String, String)> {
        let mut client = connect(self.address);
        client.write_all(format!("{command}\r\nquit\r\n").as_bytes()).unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        let lines = text.strip_suffix("END\r\n").unwrap_or_else(|| panic!("{command}: {text}"));
        let pair = |line: &str| {
            let (name, value) = line.strip_prefix("STAT ")?.rsplit_once(' ')?;
            Some((name.to_owned(), value.to_owned()))
        };
        lines.lines().map(|line| pair(line).unwrap_or_else(|| panic!("{line}"))).collect()
    }

    /// One number of a `stats` command.
    pub(crate) fn stat(&self, command: &str, name: &str) -> u64 {
        let stats = self.stats(command);
        let (_, value) = stats.iter().find(|it| it.0 == name).unwrap_or_else(|| panic!("{name}"));
        value.parse().unwrap()
    }

    /// The shard of a key.
    pub(crate) fn owner(&self, key: &str) -> usize {
        self.stat(&format!("stats slabcore owner {key}"), key) as usize
    }
}

/// Two shards, on a free port of 127.0.0.1; no metrics.
pub(crate) fn settings(backend: BackendChoice) -> Settings {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let port_file = format!("slabcore-server-{}-{number}", std::process::id());
    let cpus = sched_getaffinity(None).unwrap();
    Settings {
        listen: Listen::Tcp(vec![TcpListen::new(Some("127.0.0.1".to_owned()), 0)]),
        shards: 2,
        placement: Placement::Shared((0..CpuSet::MAX_CPU).filter(|&it| cpus.is_set(it)).collect()),
        connections_max: 100,
        backend,
        metrics_listen: None,
        port_file: Some(std::env::temp_dir().join(port_file)),
        product: "slabcore 9.8.7",
        ..Settings::default()
    }
}

/// A client with timeouts.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}
