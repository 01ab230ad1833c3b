//! Debian's memcached package: its file of options and the script that its unit starts, with only
//! paths and the port replaced.

use std::fs;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, geteuid, kill_process};
use slabcore_testkit::binaries;
use slabcore_testkit::server_process::ServerKind;
use slabcore_testkit::test_directory::TestDirectory;
use slabcore_testkit::wire_client::WireClient;

use crate::patience::wait_for;
use crate::program::{package_file, run};
use crate::service::{Service, User, addresses, binary, directory_of};

on_both! {
    the_script_starts_what_the_file_says,
    the_script_obeys_lines_that_administrators_add,
    the_script_of_other_init_systems_starts_a_daemon,
}

/// The package's file of options.
const OPTIONS: &str = "usr/share/memcached/memcached.conf.default";

/// The package's user, or another user without rights if the package is not installed.
pub(crate) fn user() -> (&'static str, User) {
    let mut named =
        ["memcache", "nobody"].into_iter().filter_map(|it| Some((it, User::named(it)?)));
    named.next().expect("one of them exists")
}

/// Copies of the package's files, for one kind of server.
pub(crate) struct Package {
    kind: ServerKind,
    /// Owned by the user that the server becomes.
    pub(crate) directory: TestDirectory,
}

impl Package {
    /// Adds lines to the file of options.
    pub(crate) fn new(kind: ServerKind, user_name: &str, more: &str) -> Self {
        let package = Self { kind, directory: directory_of(user().1) };
        let options = fs::read_to_string(package_file(OPTIONS)).expect("the file of options");
        let lines = options.lines().map(|line| match line.split(' ').next() {
            Some("-p") => "-p -1".to_owned(),
            Some("-P") => format!("-P {}", package.pid_file().display()),
            Some("-u") => format!("-u {user_name}"),
            Some("logfile") => format!("logfile {}", package.directory.file("init.log").display()),
            _ => line.to_owned(),
        });
        let lines: Vec<String> = lines.collect();
        fs::write(package.options(), lines.join("\n") + "\n" + more).expect("the copy");
        package
    }

    /// The script that the unit starts.
    pub(crate) fn script(&self) -> PathBuf {
        self.copied("systemd-memcached-wrapper")
    }

    pub(crate) fn options(&self) -> PathBuf {
        self.directory.file("memcached.conf")
    }

    /// A script with the path of the server replaced.
    fn copied(&self, name: &str) -> PathBuf {
        let script = package_file(&format!("usr/share/memcached/scripts/{name}"));
        let text = fs::read_to_string(&script).expect("the script");
        let path = "\"/usr/bin/memcached\"";
        assert_eq!(text.matches(path).count(), 1, "{name} names the binary once");
        let copy = self.directory.file(name);
        // Copied first, so that it stays executable.
        fs::copy(&script, &copy).expect("a copy of the script");
        let text = text.replace(path, &format!("\"{}\"", binary(self.kind).display()));
        fs::write(&copy, text).expect("the copy");
        copy
    }

    fn pid_file(&self) -> PathBuf {
        self.directory.file("memcached.pid")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("perl");
        command.arg(self.script()).arg(self.options());
        command
    }

    fn start(&self) -> Service {
        Service::start(&mut self.command(), &self.directory)
    }

    /// Checks the effects of the file of options.
    pub(crate) fn check(&self, service: &Service) {
        let mut client = service.connect();
        let settings = client.stats("settings");
        for (name, value) in
            [("maxbytes", "67108864"), ("evictions", "on"), ("domain_socket", "NULL")]
        {
            assert!(settings.contains(&(name.into(), value.into())), "{name}: {settings:?}");
        }
        let ids = |id: u32| format!("{id}\t{id}\t{id}\t{id}");
        let user = user().1;
        assert_eq!(service.status("Uid"), ids(user.uid));
        assert_eq!(service.status("Gid"), ids(user.gid));
        let pid = wait_for("a pid", || {
            fs::read_to_string(self.pid_file()).ok().filter(|it| it.ends_with('\n'))
        });
        assert_eq!(pid.trim(), service.pid().to_string());
        assert_eq!(client.stat("pid"), Some(service.pid().to_string()));
        client.expect("set k 0 0 1\r\nv\r\nget k\r\n", "STORED\r\nVALUE k 0 1\r\nv\r\nEND\r\n");
    }
}

/// The script checks the user itself and then starts nothing.
pub(crate) fn is_root() -> bool {
    let root = geteuid().is_root();
    if !root {
        eprintln!("not root: Debian's script would not start anything");
    }
    root
}

fn the_script_starts_what_the_file_says(kind: ServerKind) {
    if !is_root() {
        return;
    }
    let package = Package::new(kind, user().0, "");
    let service = package.start();
    package.check(&service);
    // The server listens on loopback only, as in the file.
    let inter = service.connect().stats("settings").into_iter().find(|(name, _)| name == "inter");
    let inter = inter.expect("there is such a line").1;
    assert!(inter.starts_with("127.0.0.1"), "{inter}");
    let (status, log) = service.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    // Tests run in parallel, and slabcore's metrics have a fixed default port.
    let unexpected = log.lines().find(|line| !line.contains("/metrics is not served on"));
    assert_eq!(unexpected, None, "{log}");
}

fn the_script_obeys_lines_that_administrators_add(kind: ServerKind) {
    if !is_root() {
        return;
    }
    let ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let address = if ipv6 { "-l ::1\n" } else { "" };
    let more = format!("{address}-c 200 # more than that: ask first\n-t 2\n-v\n-o idle_timeout=77");
    let package = Package::new(kind, user().0, &more);
    let service = package.start();
    package.check(&service);
    let mut clients = service.connect_to_all();
    assert_eq!(clients.len(), if ipv6 { 2 } else { 1 });
    let settings = clients[0].stats("settings");
    let expected = [("maxconns", "200"), ("num_threads", "2"), ("idle_timeout", "77")];
    for (name, value) in expected {
        assert!(settings.contains(&(name.into(), value.into())), "{name}: {settings:?}");
    }
    clients.iter_mut().for_each(WireClient::round_trip);
    let (status, log) = service.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("Exiting normally"), "{log}");
}

/// If the package's user is missing, both servers end with the same message and status.
#[test]
fn a_missing_user_is_refused_as_by_stock() {
    if !is_root() {
        return;
    }
    let [ours, stock] = [ServerKind::Slabcore, ServerKind::Stock].map(|kind| {
        let package = Package::new(kind, "no-such-user", "");
        let output = package.command().output().expect("the script runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    });
    assert_eq!(ours, stock);
    assert_ne!(ours.0, Some(0));
}

/// The unchanged file with `--config`: it makes a daemon, and its line for the log file is reported
/// as ignored. The command line takes precedence.
#[test]
fn the_file_of_options_is_read_without_the_script() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let (name, user) = user();
    let directory = if geteuid().is_root() { directory_of(user) } else { TestDirectory::new() };
    let (ports, pid_file) = (directory.file("ports"), directory.file("pid"));
    let mut command = Command::new(binary(ServerKind::Slabcore));
    command.arg("--config").arg(package_file(OPTIONS)).args(["-p", "-1", "-u", name, "-P"]);
    // The -d of the file is skipped, as by the script.
    command.arg(&pid_file).args(["-d", "--metrics-listen", "off"]);
    let output = command.env("MEMCACHED_PORT_FILENAME", &ports).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("logfile"), "{said}");
    let daemon = Daemon::of(&ports, &pid_file);
    assert_eq!(daemon.connect().stat("limit_maxbytes").as_deref(), Some("67108864"));
    daemon.stop();
    wait_for("its end", || (!pid_file.exists()).then_some(()));
}

/// Without systemd another script starts the daemon, and writes a PID file of its own.
fn the_script_of_other_init_systems_starts_a_daemon(kind: ServerKind) {
    if !is_root() {
        return;
    }
    let package = Package::new(kind, user().0, "-v");
    let [ports, pid_file] = ["ports", "init.pid"].map(|name| package.directory.file(name));
    let mut command = Command::new("perl");
    command.arg(package.copied("start-memcached")).arg(package.options()).arg(&pid_file);
    run(command.env("MEMCACHED_PORT_FILENAME", &ports));
    let daemon = Daemon::of(&ports, &pid_file);
    daemon.stop();
    wait_for("last words in the log file that the options name", || {
        let log = fs::read_to_string(package.directory.file("init.log")).ok()?;
        log.contains("Exiting normally").then_some(())
    });
}

/// A server that is not a child of the test. It is killed if the test fails.
struct Daemon {
    pid: Pid,
    address: SocketAddr,
}

impl Daemon {
    /// The server that these files name.
    fn of(ports: &Path, pid_file: &Path) -> Self {
        let address = wait_for("ports", || addresses(ports).first().copied());
        let pid: i32 = wait_for("a pid", || fs::read_to_string(pid_file).ok()?.trim().parse().ok());
        let daemon = Self { pid: Pid::from_raw(pid).expect("the id of a process"), address };
        assert_eq!(daemon.connect().stat("pid"), Some(pid.to_string()));
        daemon
    }

    fn connect(&self) -> WireClient {
        WireClient::connect_tcp(self.address).expect("it accepts")
    }

    /// Asks it to end, and waits until it closes its connections.
    fn stop(&self) {
        let mut client = self.connect();
        client.round_trip();
        kill_process(self.pid, Signal::TERM).expect("the daemon takes a signal");
        assert_eq!(client.read_to_close(), b"");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The call fails if it has ended already.
        let _ = kill_process(self.pid, Signal::KILL);
    }
}
