//! Daemons (`-d`) and PID files (`-P`).

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process, test_kill_process};
use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::wire_client::WireClient;

use crate::test_directory::TestDirectory;

on_both! {
    a_daemon_writes_its_pid_file_and_removes_it,
    a_daemon_may_dump_its_core_where_it_was_started,
    a_verbose_daemon_keeps_its_standard_error,
    in_the_foreground_the_pid_file_stays,
}

/// Longest wait for a start or an end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that left its parent. Dropping this kills it.
struct Daemon {
    pid: Pid,
    address: SocketAddr,
    directory: TestDirectory,
}

impl Daemon {
    fn start(kind: ServerKind, words: &[&str]) -> Self {
        let directory = TestDirectory::new();
        let pid = launch(kind, &directory, words);
        let ports = directory.file("ports");
        let port = wait_for("its port file", || number_in(&ports, "TCP INET: "));
        Self { pid, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port as u16)), directory }
    }

    /// The target of a link below `/proc/<pid>`.
    fn link(&self, name: &str) -> PathBuf {
        fs::read_link(format!("/proc/{}/{name}", self.pid.as_raw_nonzero())).expect("its link")
    }

    fn connect(&self) -> WireClient {
        WireClient::connect_tcp(self.address).expect("the daemon accepts a connection")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The call fails if it has ended already.
        let _ = kill_process(self.pid, Signal::KILL);
    }
}

/// Starts a daemon in this directory, and returns its process id when its pid file is there.
fn launch(kind: ServerKind, directory: &TestDirectory, words: &[&str]) -> Pid {
    let pid_file = directory.file("pid");
    let binary = match kind {
        ServerKind::Slabcore => binaries::slabcore(),
        ServerKind::Stock => binaries::stock(),
    };
    let mut command = Command::new(binary);
    command.args(["-d", "-P"]).arg(&pid_file).args(["-l", "127.0.0.1", "-p", "-1", "-U", "0"]);
    command.args(["-t", "1"]).args(words);
    if geteuid().is_root() {
        command.args(["-u", "root"]);
    }
    if kind == ServerKind::Slabcore && binaries::slabcore_is_itself() {
        command.args(["--metrics-listen", "off"]);
    }
    let log = fs::File::create(directory.file("log")).expect("a log");
    command.env("MEMCACHED_PORT_FILENAME", directory.file("ports")).current_dir(directory.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let status = command.status().expect("the server starts");
    assert_eq!(status.code(), Some(0), "the process that was started ends at once");
    let pid = wait_for("its pid file", || number_in(&pid_file, ""));
    Pid::from_raw(pid).expect("the id of a process")
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "no sign of {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn number_in(file: &Path, before: &str) -> Option<i32> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().next()?.strip_prefix(before)?.parse().ok()
}

fn a_daemon_writes_its_pid_file_and_removes_it(kind: ServerKind) {
    let daemon = Daemon::start(kind, &[]);
    let pid = daemon.connect().stat("pid");
    assert_eq!(pid, Some(daemon.pid.as_raw_nonzero().to_string()));
    assert_eq!(daemon.link("cwd"), Path::new("/"));
    for stream in ["fd/0", "fd/1", "fd/2"] {
        assert_eq!(daemon.link(stream), Path::new("/dev/null"), "{stream}");
    }
    kill_process(daemon.pid, Signal::TERM).expect("the daemon takes a signal");
    wait_for("its end", || (!daemon.directory.file("pid").exists()).then_some(()));
    wait_for("its end", || ended(daemon.pid).then_some(()));
}

/// Whether the process is gone, or is a zombie if nothing waits for orphans.
fn ended(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    test_kill_process(pid).is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
}

fn a_daemon_may_dump_its_core_where_it_was_started(kind: ServerKind) {
    let daemon = Daemon::start(kind, &["-r"]);
    assert_eq!(daemon.link("cwd"), daemon.directory.path());
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid.as_raw_nonzero()));
    let limits = limits.expect("its limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("one");
    let words: Vec<&str> = core.split_whitespace().collect();
    assert_eq!(words[4], words[5], "the soft limit is the hard one: {core}");
    daemon.connect().round_trip();
}

fn a_verbose_daemon_keeps_its_standard_error(kind: ServerKind) {
    let daemon = Daemon::start(kind, &["-v"]);
    assert_eq!(daemon.link("fd/2"), daemon.directory.file("log"));
}

fn in_the_foreground_the_pid_file_stays(kind: ServerKind) {
    let directory = TestDirectory::new();
    let pid_file = directory.file("pid");
    let words = ["-P", pid_file.to_str().expect("a path of text")];
    let server = ServerOptions::new(kind, 1).arguments(&words).start();
    let pid = wait_for("its pid file", || number_in(&pid_file, ""));
    assert_eq!(u32::try_from(pid), Ok(server.pid()));
    assert_eq!(server.stop().code(), Some(0));
    assert!(pid_file.exists());
}

/// Slabcore only: memcached writes its pid file at the end of its start.
#[test]
fn a_daemon_that_is_stopped_while_it_starts_removes_its_pid_file() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let directory = TestDirectory::new();
    // The server waits for a reader of its port file.
    let unfinished = directory.file("ports.lck");
    assert!(Command::new("mkfifo").arg(unfinished).status().expect("mkfifo runs").success());
    let pid = launch(ServerKind::Slabcore, &directory, &[]);
    kill_process(pid, Signal::TERM).expect("the daemon takes a signal");
    wait_for("its end", || ended(pid).then_some(()));
    assert!(!directory.file("pid").exists());
}
