//! A server under test: started on chosen cores, measured through `/proc`, stopped on drop.

use std::fs;
use std::io;
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
        // A child inherits its parent's cores, so none of its threads ran elsewhere.
        let own = cores::allowed()?;
        cores::pin(&options.cores)?;
        let start = Instant::now();
        let child = command.spawn();
        cores::pin(&own)?;
        let tls = options.tls.clone().map(|files| {
            let client = Some(files.client_without_resumption());
            (Endpoint { address: encrypted, tls: client }, files)
        });
        let mut server = Self { child: child?, address, tls, started_in: Duration::ZERO };
        server.await_first_reply(start)?;
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

/// An address that is free at the moment.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
