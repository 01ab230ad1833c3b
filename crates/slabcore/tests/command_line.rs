//! The program as a process: its output, its exit statuses, its stop.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use rustix::process::{Pid, Signal, geteuid, kill_process};

/// The longest time that a stop may take.
const STOP_MAX: Duration = Duration::from_secs(1);
/// The longest time that a start may take, on a busy machine.
const START_MAX: Duration = Duration::from_secs(30);

fn slabcore(options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slabcore")).args(options).output().unwrap()
}

fn check(options: &[&str], exit_code: i32, stdout: &str, stderr: &str) {
    let output = slabcore(options);
    assert_eq!(String::from_utf8_lossy(&output.stderr), stderr, "{options:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout, "{options:?}");
    assert_eq!(output.status.code(), Some(exit_code), "{options:?}");
}

#[test]
fn version_is_two_lines_on_stdout() {
    let expected = format!("memcached 1.6.45\nslabcore {}\n", env!("CARGO_PKG_VERSION"));
    check(&["-V"], 0, &expected, "");
    check(&["--version"], 0, &expected, "");
    check(&["-m", "64", "-V", "--nosuch"], 0, &expected, "");
}

#[test]
fn help_and_licence_go_to_stdout() {
    for option in ["-h", "--help", "-i", "--license"] {
        let output = slabcore(&[option]);
        assert_eq!(output.status.code(), Some(0), "{option}");
        assert!(output.stderr.is_empty() && !output.stdout.is_empty(), "{option}");
    }
    let help = String::from_utf8(slabcore(&["-h"]).stdout).unwrap();
    assert!(help.contains("--memory-limit") && help.contains("--backend"), "{help}");
    assert!(help.contains("  -v, --verbose  ") && help.contains("mtls:"), "{help}");
    assert!(help.lines().all(|line| line.len() <= 100), "{help}");
}

#[test]
fn bad_options_exit_as_memcacheds() {
    let program = env!("CARGO_BIN_EXE_slabcore");
    let getopt = |why: &str| format!("{program}: {why}\nIllegal argument \"?\"\n");
    check(&["-Q"], 1, "", &getopt("invalid option -- 'Q'"));
    check(&["--nosuch"], 1, "", &getopt("unrecognized option '--nosuch'"));
    check(&["-m"], 1, "", &getopt("option requires an argument -- 'm'"));
    check(&["-c", "0"], 1, "", "Maximum connections must be greater than 0\n");
    check(&["-p", "65536"], 64, "", "ERROR: Invalid port number 65536.\n");
    let json = "Invalid format of the log: x\n -- should be one of plain or json\n";
    check(&["--log-format", "x"], 64, "", json);
    let absent = "Could not read the options in /nonexistent/conf: \
                  No such file or directory (os error 2)\n";
    check(&["--config", "/nonexistent/conf"], 1, "", absent);
}

/// A datagram cannot log in.
#[test]
fn udp_is_refused_where_logins_are_due() {
    let name = format!("slabcore-command-line-{}-users", process::id());
    let users = env::temp_dir().join(name);
    fs::write(&users, "ann:secret\n").unwrap();
    let path = users.to_str().unwrap();
    let text = "Cannot use UDP with ascii authentication enabled (-U 0 to disable)\n";
    check(&["-U", "-1", "-Y", path], 64, "", text);
    let sasl = "ERROR: Cannot enable UDP while using binary SASL authentication.\n";
    check(&["-U", "-1", "-S", "-Y", path], 64, "", sasl);
    fs::remove_file(&users).unwrap();
}

#[test]
fn root_must_name_a_user_and_others_need_not() {
    let unbindable = ["-s", "/nonexistent/slabcore.sock", "--metrics-listen", "off"];
    if geteuid().is_root() {
        check(&unbindable, 64, "", "must add '-u root' to start as root\n");
        let unknown = "can't find the user no-such-user to switch to\n";
        check(&["-u", "no-such-user"], 67, "", unknown);
    } else {
        assert_eq!(slabcore(&unbindable).status.code(), Some(71), "the socket is what fails");
    }
}

#[test]
fn options_without_effect_are_said() {
    // The start then fails at the socket or, as root, before it.
    let unbindable = ["-s", "/nonexistent/slabcore.sock", "--metrics-listen", "off"];
    let output = slabcore(&[&["-N", "1"][..], &unbindable].concat());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.starts_with("warning: -N has no effect: "), "{stderr}");
}

/// A server on a free port, killed if a test fails.
struct Started {
    child: Child,
    port_file: PathBuf,
}

impl Started {
    fn new(name: &str) -> Self {
        let port_file = env::temp_dir().join(format!("slabcore-{}-{name}", process::id()));
        let child = Command::new(env!("CARGO_BIN_EXE_slabcore"))
            .args(["-u", "nobody", "-p", "-1", "-l", "127.0.0.1", "-t", "1", "-v"])
            .args(["--metrics-listen", "off"])
            .env("MEMCACHED_PORT_FILENAME", &port_file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut started = Self { child, port_file };
        let begun = Instant::now();
        while !started.port_file.exists() {
            assert!(started.child.try_wait().unwrap().is_none(), "{name}: ended early");
            assert!(begun.elapsed() < START_MAX, "{name}: no port file");
            thread::yield_now();
        }
        started
    }

    /// Sends a signal. Returns the exit code and stderr of the server, which must end in time.
    fn stop(mut self, signal: Signal) -> (Option<i32>, String) {
        let sent = Instant::now();
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        while self.child.try_wait().unwrap().is_none() {
            assert!(sent.elapsed() < STOP_MAX, "{signal:?}: still running");
            thread::yield_now();
        }
        let code = self.child.wait().unwrap().code();
        let stderr = std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap();
        (code, stderr)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.port_file);
    }
}

#[test]
fn signals_stop_it_within_a_second() {
    let signals = [
        (Signal::TERM, "Exiting normally"),
        (Signal::INT, "Exiting normally"),
        (Signal::USR1, "Gracefully stopping"),
    ];
    for (signal, last_words) in signals {
        let (code, stderr) = Started::new(last_words.split(' ').next().unwrap()).stop(signal);
        assert_eq!(code, Some(0), "{signal:?}: {stderr}");
        assert!(stderr.lines().any(|line| line == last_words), "{signal:?}: {stderr}");
    }
}

/// A port file that cannot be written is reported, and the server serves, as in memcached.
#[test]
fn it_serves_without_its_port_file() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_slabcore"))
        .args(["-u", "nobody", "-p", "-1", "-l", "127.0.0.1", "-t", "1"])
        .args(["--metrics-listen", "off"])
        .env("MEMCACHED_PORT_FILENAME", "/nonexistent/x")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("Failed") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it says so");
    }
    assert_eq!(line, "Failed to open \"/nonexistent/x.lck\": No such file or directory\n");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_pid_file_is_there_before_the_first_client_is_served() {
    let directory = env::temp_dir().join(format!("slabcore-command-line-{}-pid", process::id()));
    fs::create_dir_all(&directory).unwrap();
    // Writable for the user that the server becomes.
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
    let path = directory.join("pid");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut child = Command::new(env!("CARGO_BIN_EXE_slabcore"))
        .args(["-u", "nobody", "-p", &port.to_string(), "-l", "127.0.0.1", "-t", "1"])
        .args(["--metrics-listen", "off", "-P", path.to_str().unwrap()])
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let mut client = loop {
        if let Ok(client) = TcpStream::connect(("127.0.0.1", port)) {
            break client;
        }
        assert!(begun.elapsed() < START_MAX, "it does not listen");
        thread::yield_now();
    };
    client.write_all(b"version\r\n").unwrap();
    client.read_exact(&mut [0]).unwrap();
    let pid = fs::read_to_string(&path).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let code = child.wait().unwrap().code();
    fs::remove_dir_all(&directory).unwrap();
    assert_eq!((pid, code), (format!("{}\n", child.id()), Some(0)));
}

#[test]
fn hangup_does_not_stop_it() {
    let mut server = Started::new("hangup");
    kill_process(Pid::from_child(&server.child), Signal::HUP).unwrap();
    // Pending signals arrive in any order.
    let mut stderr = BufReader::new(server.child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("SIGHUP ignored") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it says so");
    }
    server.child.stderr = Some(stderr.into_inner());
    let (code, stderr) = server.stop(Signal::TERM);
    assert_eq!(code, Some(0), "{stderr}");
}
