//! `--keep-memory`: the items outlive the process in memory that a service manager keeps.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::cmsg_space;
use rustix::io::retry_on_intr;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use slabcore_testkit::binaries;
use slabcore_testkit::wire_client::WireClient;

use crate::test_directory::TestDirectory;

/// What a service manager does: it takes notices, and passes what it keeps to the next process.
struct MemoryKeeper {
    directory: TestDirectory,
    socket: UnixDatagram,
    kept: Option<OwnedFd>,
}

impl MemoryKeeper {
    fn new() -> Self {
        let directory = TestDirectory::new();
        let socket = UnixDatagram::bind(directory.file("notify")).expect("a socket for notices");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        Self { directory, socket, kept: None }
    }

    /// Starts a server, and waits until it says that it is ready.
    fn start(&mut self, arguments: &[&str]) -> Child {
        let mut command = Command::new("sh");
        let passed = if self.kept.is_some() {
            "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=slabcore-items"
        } else {
            ""
        };
        let script = format!("exec 3<&0 </dev/null; {passed} exec \"$@\"");
        command.args(["-c", &script, "sh"]).arg(binaries::slabcore());
        if geteuid().is_root() {
            command.args(["-u", "root"]);
        }
        command.args(["--metrics-listen", "off", "-m", "64", "-s"]);
        command.arg(self.directory.file("socket"));
        command.args(arguments).env("NOTIFY_SOCKET", self.directory.file("notify"));
        let kept = self.kept.as_ref().map(|file| file.try_clone().expect("a descriptor"));
        let child = command.stdin(kept.map_or_else(Stdio::null, Stdio::from)).spawn();
        while self.next_notice() != "READY=1" {}
        child.expect("the server starts")
    }

    /// The first line of the next notice. The item memory is kept, or kept no longer.
    fn next_notice(&mut self) -> String {
        let mut bytes = [0; 200];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = retry_on_intr(|| recvmsg(&self.socket, &mut parts, &mut ancillary, flags));
        let length = received.expect("a notice").bytes;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                self.kept = files.last();
            }
        }
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        if first.starts_with("FDSTORE") {
            assert!(lines.any(|line| line == "FDNAME=slabcore-items"), "{text}");
        }
        if first == "FDSTOREREMOVE=1" {
            self.kept = None;
        }
        first.to_owned()
    }

    fn connect(&self) -> WireClient {
        WireClient::connect_unix(&self.directory.file("socket")).expect("a connection")
    }
}

fn end(mut server: Child, signal: Signal) {
    kill_process(Pid::from_child(&server), signal).expect("it takes a signal");
    server.wait().expect("it ends");
}

#[test]
fn a_service_manager_keeps_the_items() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let mut manager = MemoryKeeper::new();
    let server = manager.start(&["--keep-memory", "-t", "2"]);
    let value = "long".repeat(100_000);
    manager.connect().expect("set a 7 0 1\r\n1\r\n", "STORED\r\n");
    manager.connect().expect(format!("set long 0 0 400000\r\n{value}\r\n"), "STORED\r\n");
    end(server, Signal::KILL);
    for signal in [Signal::TERM, Signal::KILL] {
        let server = manager.start(&["--keep-memory", "-t", "2"]);
        manager.connect().expect("get a\r\n", "VALUE a 7 1\r\n1\r\nEND\r\n");
        let expected = format!("VALUE long 0 400000\r\n{value}\r\nEND\r\n");
        manager.connect().expect("get long\r\n", expected);
        end(server, signal);
    }
    // A server that does not keep its items gives up those of the last one.
    let server = manager.start(&["-t", "2"]);
    manager.connect().expect("get a\r\n", "END\r\n");
    assert!(manager.kept.is_none());
    end(server, Signal::TERM);
}

#[test]
fn one_place_for_the_items_only() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let arguments = ["-e", "/dev/shm/slabcore-never", "--keep-memory"];
    let output = Command::new(binaries::slabcore()).args(arguments).output().expect("it runs");
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("--keep-memory and -e are two places for the items"), "{text}");
}
