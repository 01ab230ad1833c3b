//! Slabcore as a service: shutdown under load, notices to a service manager, inherited sockets.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{Shutdown, shutdown};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use slabcore_testkit::binaries;
use slabcore_testkit::limits::{POLL_PAUSE_MAX, START_MAX};
use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::wire_client::WireClient;

use crate::notices;
use crate::test_directory::TestDirectory;

/// At shutdown, clients without outstanding replies are closed, and the others get their replies.
#[test]
fn replies_under_way_leave_before_the_end() {
    let mut server = ServerOptions::new(ServerKind::Slabcore, 2).arguments(&["-I", "8m"]).start();
    let (mut reader, idle) = (server.connect(), server.connect());
    let value = vec![b'v'; 6 << 20];
    reader.expect([b"set k 0 0 6291456\r\n", &value[..], b"\r\n"].concat(), "STORED\r\n");
    // The reply is larger than the socket's buffer, so most of it is unsent when the signal comes.
    reader.send(b"get k\r\n");
    assert_eq!(reader.read_exact(19), b"VALUE k 0 6291456\r\n");
    server.signal(Signal::TERM);
    assert!(reader.read_exact(value.len()) == value, "the value is whole");
    assert_eq!(reader.read_to_close(), b"\r\nEND\r\n");
    drop(idle);
    assert_eq!(server.wait().code(), Some(0));
}

/// A client that does not read, or does not send an announced value, cannot prevent the shutdown.
#[test]
fn stalled_clients_do_not_delay_the_shutdown() {
    let mut server = ServerOptions::new(ServerKind::Slabcore, 2).arguments(&["-I", "8m"]).start();
    let (mut deaf, mut storing, mut asking) =
        (server.connect(), server.connect(), server.connect());
    let value = vec![b'v'; 6 << 20];
    deaf.expect([b"set k 0 0 6291456\r\n", &value[..], b"\r\n"].concat(), "STORED\r\n");
    deaf.send(b"get k\r\nget k\r\n");
    storing.send(b"set a 0 0 10\r\n01234");
    asking.send(b"get ");
    assert_eq!(deaf.read_exact(19), b"VALUE k 0 6291456\r\n");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(storing.read_to_close(), b"");
    assert_eq!(asking.read_to_close(), b"");
}

/// A draining server accepts connections and reads the rest of requests. A second signal ends it.
#[test]
fn a_draining_server_keeps_serving() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let words = ["--drain", "600", "-v"];
    let server = ServerOptions::new(ServerKind::Slabcore, 1).arguments(&words).start();
    let (mut storing, mut asking) = (server.connect(), server.connect());
    storing.send(b"set k 0 0 10\r\n01234");
    asking.send(b"get ");
    server.signal(Signal::TERM);
    while !server.log().contains("Serving on for 600 s") {
        std::thread::sleep(Duration::from_millis(2));
    }
    server.connect().round_trip();
    storing.expect("56789\r\n", "STORED\r\n");
    asking.expect("k\r\n", "VALUE k 0 10\r\n0123456789\r\nEND\r\n");
    assert_eq!(server.stop().code(), Some(0));
}

/// Each line is one JSON object, no matter which bytes are in the command.
#[test]
fn log_lines_may_be_json() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let words = ["--log-format", "json", "-vv", "-N", "1"];
    let server = ServerOptions::new(ServerKind::Slabcore, 1).arguments(&words).start();
    server.connect().expect("get \"a\"\\\r\n", "END\r\n");
    let log = server.log();
    let lines: Vec<&str> = log.lines().collect();
    assert!(
        lines.iter().all(|it| it.starts_with("{\"timestamp\":\"") && it.ends_with('}')),
        "{log}"
    );
    let has = |parts: &[&str]| lines.iter().any(|it| parts.iter().all(|part| it.contains(part)));
    assert!(has(&["\"level\":\"WARN\"", "\"message\":\"-N has no effect"]), "{log}");
    // The escapes of the plain line are escaped again.
    let command = r#" get \\\"a\\\"\\\\""#;
    assert!(has(&["\"level\":\"INFO\"", "\"connection\":", command]), "{command} in {log}");
}

/// A flood of refused connections does not flood the log.
#[test]
fn a_flood_of_refusals_leaves_ten_lines_a_second() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let words = ["-v", "-c", "1"];
    let begun = Instant::now();
    let server = ServerOptions::new(ServerKind::Slabcore, 1).arguments(&words).start();
    // The test kit's own connection may still be counted.
    let _admitted = loop {
        let mut client = server.connect();
        client.send(b"version\r\n");
        if client.read_line().starts_with(b"VERSION") {
            break client;
        }
    };
    for _ in 0..2_000 {
        let refused = server.connect().read_to_close();
        assert!(refused.is_empty() || refused.starts_with(b"ERROR Too many open"), "{refused:?}");
    }
    let log = server.log();
    let lines = log.lines().count() as u64;
    // Ten lines in each second, and one line that says how many were left out.
    let seconds = begun.elapsed().as_secs() + 2;
    assert!((1..=11 * seconds).contains(&lines), "{lines} lines in {seconds} s: {log}");
}

/// The server logs variables of the environment that memcached reads and slabcore does not.
#[test]
fn variables_without_effect_are_logged() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let names = ["SASL_CONF_PATH", "MEMCACHED_HASH_BULK_MOVE", "T_MEMD_INITIAL_MALLOC"];
    let options = ServerOptions::new(ServerKind::Slabcore, 1);
    let server = names.iter().fold(options, |it, name| it.environment(name, "1")).start();
    let log = server.log();
    for (line, name) in log.lines().zip(names) {
        let expected = format!("warning: the environment variable {name} has no effect: ");
        assert!(line.starts_with(&expected), "{log}");
    }
    assert_eq!(log.lines().count(), names.len(), "{log}");
}

/// Notices to a service manager.
#[test]
fn a_service_manager_gets_notices() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let directory = TestDirectory::new();
    let manager = UnixDatagram::bind(directory.file("notify")).expect("a socket for notices");
    manager.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let mut command = slabcore();
    command.args(["-t", "2", "-l", "127.0.0.1", "-p", "-1"]);
    command.env("NOTIFY_SOCKET", directory.file("notify")).env("WATCHDOG_USEC", "100000");
    let mut server = command.spawn().expect("the server starts");
    let next = || {
        let mut bytes = [0; 100];
        let length = notices::receive(&manager, &mut bytes).expect("a notice");
        String::from_utf8_lossy(&bytes[..length]).lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(next(), "READY=1");
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1");
    }
    let next_besides_the_watchdog = || loop {
        let notice = next();
        if notice != "WATCHDOG=1" {
            return notice;
        }
    };
    let pid = Pid::from_child(&server);
    kill_process(pid, Signal::HUP).expect("it takes a signal");
    assert_eq!(next_besides_the_watchdog(), "RELOADING=1");
    assert_eq!(next_besides_the_watchdog(), "READY=1");
    kill_process(pid, Signal::TERM).expect("it takes a signal");
    assert_eq!(next_besides_the_watchdog(), "STOPPING=1");
    assert_eq!(server.wait().expect("it ends").code(), Some(0));
}

/// The server takes over listening sockets of a service manager, and then does not bind `-l` and
/// `-p`.
#[test]
fn listening_sockets_are_inherited() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let directory = TestDirectory::new();
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a TCP socket");
    let address = tcp.local_addr().expect("its address");
    let unix = UnixListener::bind(directory.file("socket")).expect("a Unix socket");
    // The sockets are passed as standard input and output. The shell makes them 3 and 4, and sets
    // LISTEN_PID.
    let script = "exec 3<&0 4>&1 </dev/null >&2; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$@\"";
    let server = slabcore();
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(server.get_program()).args(server.get_args());
    command.args(["-t", "1", "-p", "1"]).stdin(OwnedFd::from(tcp)).stdout(OwnedFd::from(unix));
    let mut child = command.spawn().expect("the server starts");
    let mut client = WireClient::connect_tcp(address).expect("a connection by TCP");
    client.round_trip();
    WireClient::connect_unix(&directory.file("socket")).expect("one by Unix socket").round_trip();
    let port = ("tcpport".to_owned(), address.port().to_string());
    assert!(client.stats("settings").contains(&port), "it names the port that it listens on");
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it takes a signal");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

/// Another process with the same listening socket shut it down. From then on accepting failed in a
/// loop, and the server neither accepted clients on its other socket nor ended.
#[test]
fn a_listening_socket_that_fails_harms_no_other() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let directory = TestDirectory::new();
    let failing = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a TCP socket");
    let passed = failing.try_clone().expect("another descriptor");
    let unix = UnixListener::bind(directory.file("socket")).expect("a Unix socket");
    let script = "exec 3<&0 4>&1 </dev/null >&2; LISTEN_PID=$$ LISTEN_FDS=2 exec \"$@\"";
    let server = slabcore();
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(server.get_program()).args(server.get_args());
    command.args(["-t", "1"]).stdin(OwnedFd::from(passed)).stdout(OwnedFd::from(unix));
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the server starts");
    let address = failing.local_addr().expect("its address");
    let mut client = WireClient::connect_tcp(address).expect("a connection by TCP");
    client.round_trip();
    shutdown(&failing, Shutdown::Both).expect("a socket can be shut down");
    let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    log.read_line(&mut line).expect("the server's log");
    assert_eq!(line, "accept4(): Invalid argument\n");
    WireClient::connect_unix(&directory.file("socket")).expect("one by Unix socket").round_trip();
    client.round_trip();
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it takes a signal");
    assert_eq!(end_of(&mut child).code(), Some(0));
}

/// The exit status of a server after a signal. If it runs on, this kills it and panics.
fn end_of(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + START_MAX;
    loop {
        if let Some(status) = child.try_wait().expect("it is a child") {
            return status;
        }
        if Instant::now() >= deadline {
            child.kill().expect("it can be killed");
            panic!("the server goes on after a signal");
        }
        std::thread::sleep(POLL_PAUSE_MAX);
    }
}

/// Only SIGKILL stopped a server during a long start.
#[test]
fn a_signal_stops_a_server_that_starts() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    for signal in [Signal::TERM, Signal::INT, Signal::USR1] {
        let directory = TestDirectory::new();
        let (pid_file, ports) = (directory.file("pid"), directory.file("ports"));
        // The server waits for a reader of its port file.
        let unfinished = directory.file("ports.lck");
        assert!(Command::new("mkfifo").arg(unfinished).status().expect("mkfifo runs").success());
        let mut command = slabcore();
        command.args(["-t", "2", "-p", "-1", "-l", "127.0.0.1", "-P"]).arg(&pid_file);
        command.env("MEMCACHED_PORT_FILENAME", &ports).stderr(Stdio::null());
        let mut child = command.spawn().expect("the server starts");
        while !pid_file.exists() {
            assert!(child.try_wait().expect("a child").is_none(), "the server ended");
            std::thread::yield_now();
        }
        kill_process(Pid::from_child(&child), signal).expect("it takes a signal");
        assert_eq!(end_of(&mut child).code(), Some(0));
        assert!(pid_file.exists(), "in the foreground the pid file stays");
    }
}

/// The server refuses a socket that does not listen, instead of trying to accept for ever.
#[test]
fn a_socket_that_does_not_listen_is_refused() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let (connected, _other_end) = UnixStream::pair().expect("a pair of sockets");
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"";
    let server = slabcore();
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(server.get_program()).args(server.get_args());
    let output = command.stdin(OwnedFd::from(connected)).output().expect("the shell runs");
    assert_eq!(output.status.code(), Some(71));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("does not listen"), "{said}");
}

/// Debian's file of options for memcached, with other paths and without comments.
#[test]
fn a_file_of_options_as_debian_has_it() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let directory = TestDirectory::new();
    let (file, pid_file) = (directory.file("memcached.conf"), directory.file("pid"));
    let text = format!(
        "# comment\nlogfile /var/log/memcached.log\n\n# -v\n-m 32\n-p 11211 # port\n\
         -l 127.0.0.1\n# -c 1024\n-P {}\n",
        pid_file.display()
    );
    fs::write(&file, text).expect("a file of options");
    let mut command = slabcore();
    command.arg("--config").arg(&file).args(["-p", "-1", "-t", "1"]);
    command.env("MEMCACHED_PORT_FILENAME", directory.file("ports"));
    command.stderr(Stdio::piped());
    let mut server = command.spawn().expect("the server starts");
    let mut lines = BufReader::new(server.stderr.take().expect("a pipe"));
    let mut warning = String::new();
    lines.read_line(&mut warning).expect("a line");
    assert!(warning.starts_with("warning: logfile in "), "{warning}");
    while !directory.file("ports").exists() {
        assert!(server.try_wait().expect("a child").is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(pid_file.exists(), "it is there before the ports are");
    let ports = fs::read_to_string(directory.file("ports")).expect("the command line's port");
    let port = ports.trim().strip_prefix("TCP INET: ").expect("one").parse::<u16>().expect("one");
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let client = WireClient::connect_tcp(address);
    let settings = client.expect("a connection").stats("settings");
    assert!(settings.contains(&("maxbytes".into(), (32 << 20).to_string())), "{settings:?}");
    server.kill().expect("it is there");
    server.wait().expect("it ends");
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("the rest of its words");
}

fn slabcore() -> Command {
    let mut command = Command::new(binaries::slabcore());
    command.args(["--metrics-listen", "off"]);
    if geteuid().is_root() {
        command.args(["-u", "root"]);
    }
    command
}
