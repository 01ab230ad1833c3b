//! A server under test: started on chosen cores, measured through `/proc`, stopped on drop.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use slabcore_testkit::tls_files::TlsFiles;

use crate::host::cores;
use crate::host::resident_memory::resident_bytes;
use crate::limits::START_MAX;
use crate::servers::session::Session;
use crate::servers::stream::Endpoint;

/// Pause between attempts to connect to a server that is starting.
const RETRY: Duration = Duration::from_micros(200);

/// The product of a binary. Both share memcached's options and have some of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Product {
    /// Stock memcached.
    Memcached,
    /// Slabcore.
    Slabcore,
}

impl Product {
    /// Asks the binary itself.
    pub fn of(binary: &Path) -> io::Result<Self> {
        let output = Command::new(binary).arg("-V").output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(if text.contains("slabcore") { Self::Slabcore } else { Self::Memcached })
    }
}

/// The options of a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Item memory in MiB (`-m`).
    pub memory_mib: usize,
    /// Threads (`-t`).
    pub threads: usize,
    /// Connections (`-c`).
    pub connections: usize,
    /// The cores it may use.
    pub cores: Vec<usize>,
    /// Certificates for a second port, under TLS.
    pub tls: Option<Arc<TlsFiles>>,
}

/// A running server.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    address: SocketAddr,
    /// The port under TLS, and whose files it has.
    tls: Option<(Endpoint, Arc<TlsFiles>)>,
    started_in: Duration,
}

impl ServerProcess {
    /// Starts the binary on a free port of 127.0.0.1 and waits for its first reply.
    pub fn start(binary: &Path, options: &ServerOptions) -> io::Result<Self> {
        // Another process may take the free port first.
        const ATTEMPTS: usize = 3;
        let mut attempt = 1;
        loop {
            match Self::start_once(binary, options) {
                Err(_) if attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    fn start_once(binary: &Path, options: &ServerOptions) -> io::Result<Self> {
        let (address, encrypted) = (free_address()?, free_address()?);
        let mut command = Command::new(binary);
        match &options.tls {
            None => command.args(["-l", &address.to_string()]),
            Some(files) => command.args(["-l", &format!("notls:{address},{encrypted}")]).args([
                "-Z",
                "-o",
                &files.suboptions(),
            ]),
        };
        command
            .args(["-m", &options.memory_mib.to_string()])
            .args(["-t", &options.threads.to_string()])
            .args(["-c", &options.connections.to_string()]);
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "root"]);
        }
        if Product::of(binary)? == Product::Slabcore {
            command.args(["--metrics-listen", "off"]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let start = Instant::now();
        let child = spawn_on(&options.cores, &mut command)?;
        let tls = options.tls.clone().map(|files| {
            let client = Some(files.client_without_resumption());
            (Endpoint { address: encrypted, tls: client }, files)
        });
        let mut server = Self { child, address, tls, started_in: Duration::ZERO };
        server.await_first_reply(start)?;
        server.started_in = start.elapsed();
        Ok(server)
    }

    /// Starts a responder, which answers requests of this length with this reply. `binary` is that
    /// of `slabcore-bench`.
    pub fn start_responder(
        binary: &Path,
        request_bytes: usize,
        reply: &[u8],
        cores: &[usize],
    ) -> io::Result<Self> {
        let mut command = Command::new(binary);
        command.args(["respond", "--request-bytes", &request_bytes.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let start = Instant::now();
        let mut child = spawn_on(cores, &mut command)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        // The process ends with this value, whatever happens.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut server = Self { child, address, tls: None, started_in: Duration::ZERO };
        let (mut input, output) = input.zip(output).expect("both are pipes");
        input.write_all(reply)?;
        drop(input);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim_end().parse();
        server.address = address.map_err(|_| io::Error::other("the responder does not listen"))?;
        server.started_in = start.elapsed();
        Ok(server)
    }

    fn await_first_reply(&mut self, start: Instant) -> io::Result<()> {
        loop {
            let answer = Session::open(self.address).and_then(|mut new| new.version());
            let Err(error) = answer else { return Ok(()) };
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("the server ended at once: {status}")));
            }
            if start.elapsed() > START_MAX {
                return Err(error);
            }
            sleep(RETRY);
        }
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address with TLS. Panics for a server without TLS.
    #[must_use]
    pub fn tls_endpoint(&self) -> &Endpoint {
        let (endpoint, _) = self.tls.as_ref().expect("the server was started with certificates");
        endpoint
    }

    /// From spawn to the first reply.
    #[must_use]
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// CPU time of all its threads, user and system, from the scheduler's own account in
    /// nanoseconds. Threads that have ended are not in it; servers under test keep theirs.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let first = text.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
            nanos += first.unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Resident memory in bytes, counted page by page.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        resident_bytes(&self.child.id().to_string())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // A failure is ignored: the process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a process that only uses these cores. It inherits them, so none of its threads ever ran
/// elsewhere.
fn spawn_on(cores: &[usize], command: &mut Command) -> io::Result<Child> {
    let own = cores::allowed()?;
    cores::pin(cores)?;
    let child = command.spawn();
    cores::pin(&own)?;
    child
}

/// An address that is free at the moment.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
