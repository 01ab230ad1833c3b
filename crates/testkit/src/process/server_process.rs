//! A server under test as a child process: slabcore or a stock memcached, with the same options.

use std::fs::File;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use rustls::ClientConfig;

use crate::files::binaries;
use crate::files::test_directory::TestDirectory;
use crate::files::tls_files::TlsFiles;
use crate::limits::{POLL_PAUSE_MAX, START_MAX};
use crate::process::terminal::Terminal;
use crate::wire::datagram_client::DatagramClient;
use crate::wire::redis_client::RedisClient;
use crate::wire::wire_client::WireClient;

/// Which of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    /// The server of this workspace.
    Slabcore,
    /// The stock memcached that slabcore is compared with.
    Stock,
}

impl ServerKind {
    /// The arguments that choose each backend. memcached has one.
    pub fn backends(self) -> &'static [&'static [&'static str]] {
        match self {
            ServerKind::Slabcore => &[&[], &["--backend", "epoll"]],
            ServerKind::Stock => &[&[]],
        }
    }

    /// Servers with each backend, with one thread and with two. Each starts when it is needed.
    pub fn servers(self, arguments: &[&str]) -> impl Iterator<Item = ServerProcess> {
        let combinations = self.backends().iter().flat_map(|words| [(*words, 1), (*words, 2)]);
        combinations.map(move |(words, threads)| {
            ServerOptions::new(self, threads).arguments(arguments).arguments(words).start()
        })
    }
}

/// The options of a server. It always takes a free port.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    kind: ServerKind,
    unix: bool,
    udp: bool,
    address_prefix: &'static str,
    tls: Option<Arc<ClientConfig>>,
    launcher: Vec<String>,
    environment: Vec<(&'static str, String)>,
    arguments: Vec<String>,
    stderr: Option<Arc<File>>,
    program: Option<PathBuf>,
}

impl ServerOptions {
    /// A server of this kind on a free port of 127.0.0.1, with `threads` worker threads or shards.
    pub fn new(kind: ServerKind, threads: usize) -> Self {
        let arguments = vec!["-t".into(), threads.to_string()];
        Self {
            kind,
            unix: false,
            udp: false,
            address_prefix: "",
            tls: None,
            launcher: Vec::new(),
            environment: Vec::new(),
            arguments,
            stderr: None,
            program: None,
        }
    }

    /// Adds command line words that both servers understand.
    #[must_use]
    pub fn arguments(mut self, words: &[&str]) -> Self {
        self.arguments.extend(words.iter().map(ToString::to_string));
        self
    }

    /// Puts a prefix before the address of `-l`: `proto[ascii]:`, or another address and a comma.
    #[must_use]
    pub fn address_prefix(mut self, prefix: &'static str) -> Self {
        self.address_prefix = prefix;
        self
    }

    /// Starts the server through this command, whose words precede the server's.
    #[must_use]
    pub fn launched_by(mut self, words: &[&str]) -> Self {
        self.launcher = words.iter().map(ToString::to_string).collect();
        self
    }

    /// Starts this program, a copy of the server.
    #[must_use]
    pub fn program(mut self, path: &Path) -> Self {
        self.program = Some(path.to_owned());
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn environment(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Enables TLS with these files, and for these clients.
    #[must_use]
    pub fn tls(mut self, files: &TlsFiles, clients: Arc<ClientConfig>) -> Self {
        self.tls = Some(clients);
        self.arguments.extend(["-Z".into(), "-o".into(), files.suboptions()]);
        self
    }

    /// Enables UDP on another free port.
    #[must_use]
    pub fn with_udp(mut self) -> Self {
        self.udp = true;
        self
    }

    /// Makes the server listen on a unix socket instead of a port.
    #[must_use]
    pub fn on_unix_socket(mut self) -> Self {
        self.unix = true;
        self
    }

    /// Makes this terminal the server's standard error.
    #[must_use]
    pub fn on_terminal(mut self, terminal: &Terminal) -> Self {
        self.stderr = Some(Arc::new(terminal.programs()));
        self
    }

    /// Starts the server and returns when it accepts connections. Panics if it does not.
    pub fn start(self) -> ServerProcess {
        let mut server = ServerProcess::spawn(&self);
        server.wait_until_it_accepts();
        server
    }

    /// Starts the server with the option that has it take over from `old`, and returns when it has.
    pub fn take_over_from(self, mut old: ServerProcess) -> ServerProcess {
        let mut server = ServerProcess::spawn(&self.arguments(&["--takeover"]));
        old.wait_for_successor();
        assert_eq!(old.pid(), server.pid(), "it has taken over");
        // It is not the old one's to kill.
        old.successor = None;
        std::mem::swap(&mut server.address, &mut old.address);
        server
    }

    /// As [`Self::start`], for Slabcore, with metrics on a free port. Returns their address, too.
    pub fn start_with_metrics(mut self) -> (ServerProcess, SocketAddr) {
        let begin = Instant::now();
        self.arguments.push("--metrics-listen".into());
        loop {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
            let address = free.expect("a free port");
            self.arguments.push(address.to_string());
            let mut server = ServerProcess::spawn(&self);
            server.wait_until_it_accepts();
            // It may listen there a moment after it serves clients. Another process may have taken
            // the port meanwhile.
            while !server.log().contains("/metrics is not served") {
                if TcpStream::connect(address).is_ok() {
                    return (server, address);
                }
                assert!(begin.elapsed() < START_MAX, "{}", server.log());
                thread::sleep(POLL_PAUSE_MAX);
            }
            self.arguments.pop();
        }
    }

    /// Starts a server that cannot start, and returns its exit status and output. Panics if it runs
    /// on.
    pub fn start_in_vain(self) -> (ExitStatus, String) {
        let mut server = ServerProcess::spawn(&self);
        let status = server.wait();
        (status, server.log())
    }
}

/// A running server. Dropping it kills the process and removes its directory.
#[derive(Debug)]
pub struct ServerProcess {
    kind: ServerKind,
    child: Child,
    /// The process that has taken over from the child, directly or through others.
    successor: Option<u32>,
    directory: TestDirectory,
    address: Address,
    tls: Option<Arc<ClientConfig>>,
}

#[derive(Debug)]
enum Address {
    /// The server has not named its port yet.
    Unknown,
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl ServerProcess {
    /// A server of this kind with `threads` threads and otherwise default options.
    pub fn new(kind: ServerKind, threads: usize) -> Self {
        ServerOptions::new(kind, threads).start()
    }

    fn spawn(options: &ServerOptions) -> Self {
        let directory = TestDirectory::new();
        let binary = match (&options.program, options.kind) {
            (Some(program), _) => program.as_path(),
            (None, ServerKind::Slabcore) => binaries::slabcore(),
            (None, ServerKind::Stock) => binaries::stock(),
        };
        let port_file = directory.file("ports");
        let socket = directory.file("socket");
        let mut command = match options.launcher.split_first() {
            None => Command::new(binary),
            Some((program, words)) => {
                let mut command = Command::new(program);
                command.args(words).arg(binary);
                command
            }
        };
        command.args(&options.arguments).envs(options.environment.iter().cloned());
        if options.unix {
            command.arg("-s").arg(&socket);
        } else {
            let udp = if options.udp { "-1" } else { "0" };
            command.args(["-p", "-1", "-U", udp, "-l"]);
            command.arg(format!("{}127.0.0.1", options.address_prefix));
            command.env("MEMCACHED_PORT_FILENAME", &port_file);
        }
        if geteuid().is_root() {
            // Both refuse to run as root unless a user is named.
            command.args(["-u", "root"]);
        }
        let serves_metrics = options.arguments.iter().any(|word| word == "--metrics-listen");
        let is_slabcore = options.kind == ServerKind::Slabcore && binaries::slabcore_is_itself();
        if is_slabcore && !serves_metrics {
            // Its metrics listener has a fixed port by default, and tests run side by side.
            command.args(["--metrics-listen", "off"]);
        }
        let log = File::create(directory.file("log")).expect("the server's log file");
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle of the log file"));
        command.stderr(match &options.stderr {
            Some(terminal) => terminal.try_clone().expect("a second handle of the terminal"),
            None => log,
        });
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", binary.display()));
        let address = if options.unix { Address::Unix(socket) } else { Address::Unknown };
        let tls = options.tls.clone();
        Self { kind: options.kind, child, successor: None, directory, address, tls }
    }

    fn wait_until_it_accepts(&mut self) {
        if matches!(self.address, Address::Unknown) {
            let port_file = self.directory.file("ports");
            let port = self.poll("name its port", |_| port_of(&port_file, "TCP INET"));
            self.address = Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        self.poll("accept clients", |server| server.try_connect().ok());
    }

    /// Which of the two servers this is.
    pub fn kind(&self) -> ServerKind {
        self.kind
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.successor.unwrap_or_else(|| self.child.id())
    }

    /// Orders another process to take over, and returns when it has.
    pub fn take_over(&mut self) {
        self.signal(Signal::USR2);
        self.wait_for_successor();
    }

    /// Returns when another process has taken over. Panics if it does not.
    pub fn wait_for_successor(&mut self) {
        let (old, deadline) = (self.pid(), Instant::now() + START_MAX);
        while !self.has_ended() {
            assert!(Instant::now() < deadline, "nobody takes over:\n{}", self.log());
            thread::sleep(Duration::from_millis(1));
        }
        self.poll("be taken over", |server| {
            let id: u32 = server.try_connect().ok()?.stat("pid")?.parse().ok()?;
            (id != old).then_some(id)
        });
        let id = self.stat("pid");
        self.adopt_successor(u32::try_from(id).expect("a process id"));
    }

    /// The process that has taken over. It ends with this one.
    pub fn adopt_successor(&mut self, pid: u32) {
        self.successor = Some(pid);
    }

    /// Whether the process has ended.
    fn has_ended(&mut self) -> bool {
        let Some(successor) = self.successor else {
            return self.child.try_wait().expect("the server is a child").is_some();
        };
        // Nobody may have waited for it. Its files are closed with its last thread.
        let stat = std::fs::read_to_string(format!("/proc/{successor}/stat")).unwrap_or_default();
        let threads = std::fs::read_dir(format!("/proc/{successor}/task"));
        let is_zombie = stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('Z'));
        is_zombie && threads.map_or(0, Iterator::count) <= 1
    }

    /// The server's standard output and error so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.file("log")).expect("the server's log file")
    }

    /// A line of `/proc/<pid>/status` in KiB, as that of `VmRSS`. Panics without such a line.
    pub fn status_kib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("the kernel tells of a running process");
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kib = value.and_then(|value| value.strip_suffix(" kB")).expect("a number of KiB");
        kib.trim().parse().expect("a number")
    }

    /// The server's port on 127.0.0.1. Panics for a server on a unix socket.
    pub fn port(&self) -> u16 {
        match &self.address {
            Address::Unknown => panic!("the server has not named its port"),
            Address::Tcp(address) => address.port(),
            Address::Unix(path) => panic!("the server listens on {}", path.display()),
        }
    }

    /// The port of its UDP socket on 127.0.0.1. Panics for a server without UDP.
    pub fn udp_port(&self) -> u16 {
        let port = port_of(&self.directory.file("ports"), "UDP INET");
        port.expect("the server was started with UDP")
    }

    /// The server's TCP port of IPv6. Panics for a server without an address of IPv6.
    pub fn ipv6_port(&self) -> u16 {
        let port = port_of(&self.directory.file("ports"), "TCP INET6");
        port.expect("the server was started with an address of IPv6")
    }

    /// Its port of Redis' dialect on 127.0.0.1. Panics for a server without one.
    pub fn redis_port(&self) -> u16 {
        let port = port_of(&self.directory.file("ports"), "REDIS INET");
        port.expect("the server was started with --redis-port")
    }

    /// A client that speaks Redis' dialect. Panics for a server without a port for it.
    pub fn connect_redis(&self) -> RedisClient {
        RedisClient::tcp(self.redis_port()).expect("the server accepts a connection")
    }

    /// A UDP client of the server. Panics for a server without UDP.
    pub fn datagrams(&self) -> DatagramClient {
        DatagramClient::new(SocketAddr::from((Ipv4Addr::LOCALHOST, self.udp_port())))
    }

    /// A UDP client by IPv6.
    pub fn datagrams_by_ipv6(&self) -> DatagramClient {
        let port = port_of(&self.directory.file("ports"), "UDP INET6");
        let port = port.expect("the server was started with UDP and an address of IPv6");
        DatagramClient::new(SocketAddr::from((Ipv6Addr::LOCALHOST, port)))
    }

    /// The path of its unix socket. Panics for a server on a port.
    pub fn socket_path(&self) -> &Path {
        match &self.address {
            Address::Unknown => panic!("the server listens on a port"),
            Address::Tcp(address) => panic!("the server listens on {address}"),
            Address::Unix(path) => path,
        }
    }

    /// A new connection. Panics if it is refused.
    pub fn connect(&self) -> WireClient {
        self.try_connect().expect("the server accepts a connection")
    }

    /// A new connection, or the error.
    pub fn try_connect(&self) -> std::io::Result<WireClient> {
        match &self.address {
            Address::Unknown => Err(std::io::ErrorKind::NotConnected.into()),
            Address::Tcp(address) => match &self.tls {
                None => WireClient::connect_tcp(*address),
                Some(clients) => WireClient::connect_tls(*address, clients),
            },
            Address::Unix(path) => WireClient::connect_unix(path),
        }
    }

    /// As [`Self::try_connect`], under TLS as this client.
    pub fn try_connect_as(&self, client: &Arc<ClientConfig>) -> std::io::Result<WireClient> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port()));
        WireClient::connect_tls(address, client)
    }

    /// The number of one line of `stats`. Panics if the line is missing or not a number.
    pub fn stat(&self, name: &str) -> u64 {
        let value = self.connect().stat(name);
        let value = value.unwrap_or_else(|| panic!("stats has no {name}"));
        value.parse().unwrap_or_else(|_| panic!("STAT {name} {value} is no number"))
    }

    /// Sends the server a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("the server takes a signal");
    }

    /// Asks the server to end and returns its exit status. Panics if it runs on.
    pub fn stop(self) -> ExitStatus {
        self.stop_by(Signal::TERM)
    }

    /// Sends a signal that ends the server, and returns its exit status. Panics if it runs on.
    pub fn stop_by(mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.wait()
    }

    /// Waits for the server's end after a signal, and returns its exit status. Panics if it runs
    /// on.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + START_MAX;
        loop {
            // One that has been taken over has ended before its successor.
            let status = self.child.try_wait().expect("the server is a child");
            if let Some(status) = status.filter(|_| self.has_ended()) {
                return status;
            }
            assert!(Instant::now() < deadline, "the server goes on after a signal");
            thread::sleep(POLL_PAUSE_MAX);
        }
    }

    /// Calls `look` until it returns a value. Panics after [`START_MAX`], or if the server ended.
    fn poll<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let had_ended = self.has_ended();
        let deadline = Instant::now() + START_MAX;
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(seen) = look(self) {
                return seen;
            }
            let ended = self.has_ended() && !had_ended;
            assert!(!ended, "the server ended and did not {what}: {:?}", self.child.try_wait());
            assert!(Instant::now() < deadline, "the server did not {what}");
            thread::sleep(pause);
            pause = (pause * 2).min(POLL_PAUSE_MAX);
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let successor = self.successor.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(successor) = successor {
            let _ = kill_process(successor, Signal::KILL);
            let deadline = Instant::now() + START_MAX;
            while !self.has_ended() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
        }
        // If it has ended already, both calls return an error.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = std::fs::read(self.directory.file("log")).unwrap_or_default();
            if !log.is_empty() {
                eprintln!("{:?} wrote:\n{}", self.kind, String::from_utf8_lossy(&log));
            }
        }
    }
}

/// The port in a file that memcached writes for `MEMCACHED_PORT_FILENAME`: `TCP INET: 38195`.
fn port_of(file: &Path, family: &str) -> Option<u16> {
    let text = std::fs::read_to_string(file).ok()?;
    let pairs = text.lines().filter_map(|line| line.split_once(": "));
    pairs.into_iter().find(|(name, _)| *name == family)?.1.trim().parse().ok()
}
