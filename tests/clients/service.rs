//! A server that a script, a unit or a file of options starts.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use slabcore_testkit::binaries;
use slabcore_testkit::server_process::ServerKind;
use slabcore_testkit::test_directory::TestDirectory;
use slabcore_testkit::wire_client::WireClient;

use crate::patience::wait_for;

/// A user of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl User {
    /// `None` if the machine has no such user.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let users = fs::read_to_string("/etc/passwd").expect("the machine's users");
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map(|id| id.parse().expect("an id"));
        Some(Self { uid: ids.next()?, gid: ids.next()? })
    }
}

/// The executable of a server.
pub(crate) fn binary(kind: ServerKind) -> &'static Path {
    match kind {
        ServerKind::Slabcore => binaries::slabcore(),
        ServerKind::Stock => binaries::stock(),
    }
}

/// A directory that this user may write to, for the files that a server writes.
pub(crate) fn directory_of(user: User) -> TestDirectory {
    let directory = TestDirectory::new();
    chown(directory.path(), Some(user.uid), Some(user.gid)).expect("root gives it away");
    directory
}

/// A running server, killed when dropped. It keeps its process while scripts become the server.
pub(crate) struct Service {
    child: Child,
    ports: PathBuf,
    log: PathBuf,
}

impl Service {
    /// Starts a command that becomes a server, which may write to the directory.
    pub(crate) fn start(command: &mut Command, directory: &TestDirectory) -> Self {
        let (ports, log) = (directory.file("ports"), directory.file("log"));
        let file = fs::File::create(&log).expect("the server's log file");
        command.env("MEMCACHED_PORT_FILENAME", &ports).stdin(Stdio::null());
        command.stdout(file.try_clone().expect("a second handle of the log file")).stderr(file);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut service = Self { child, ports, log };
        wait_for("a port", || {
            let ended = service.child.try_wait().expect("the server is a child");
            assert!(ended.is_none(), "the server ended: {ended:?}");
            service.addresses().first().copied()
        });
        service
    }

    /// Its addresses, from the file that it writes: `TCP INET: 38195`, `TCP INET6: 38196`.
    fn addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.ports)
    }

    /// A client of each address of loopback that it listens on, in order.
    pub(crate) fn connect_to_all(&self) -> Vec<WireClient> {
        let clients = self.addresses().into_iter().map(WireClient::connect_tcp);
        clients.map(|client| client.expect("the server accepts")).collect()
    }

    /// A client of its first address.
    pub(crate) fn connect(&self) -> WireClient {
        WireClient::connect_tcp(self.addresses()[0]).expect("the server accepts")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The value of a name in `/proc/<pid>/status`.
    pub(crate) fn status(&self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the kernel tells of a running process");
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
        value.unwrap_or_else(|| panic!("no {name}")).to_owned()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the server's log file")
    }

    /// Asks it to end, and returns its exit status and output.
    pub(crate) fn stop(mut self) -> (ExitStatus, String) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it takes a signal");
        let status = wait_for("its end", || self.child.try_wait().expect("the server is a child"));
        (status, self.log())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // If it has ended already, both calls return an error.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server wrote:\n{}", self.log());
        }
    }
}

/// The loopback addresses in a file of ports. Empty while the file does not exist.
pub(crate) fn addresses(ports: &Path) -> Vec<SocketAddr> {
    let text = fs::read_to_string(ports).unwrap_or_default();
    let addresses = text.lines().filter_map(|line| {
        let (family, port) = line.strip_prefix("TCP ")?.split_once(": ")?;
        let host = if family == "INET6" { "[::1]" } else { "127.0.0.1" };
        format!("{host}:{port}").parse().ok()
    });
    addresses.collect()
}
