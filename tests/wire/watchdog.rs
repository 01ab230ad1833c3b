//! The server notifies a service manager's watchdog only while all shards execute turns.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::stopped_thread::StoppedThread;

use crate::notices;
use crate::test_directory::TestDirectory;

/// Longest wait for a notice.
const PATIENCE: Duration = Duration::from_secs(30);
/// Six times the interval that the manager requires.
const SILENCE: Duration = Duration::from_millis(300);

/// The socket of a service manager.
struct Manager(UnixDatagram);

impl Manager {
    /// The next notice, or `None` if none comes within the timeout.
    fn next(&self, patience: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(patience)).expect("a timeout");
        let mut bytes = [0; 100];
        match notices::receive(&self.0, &mut bytes) {
            Ok(length) => Some(String::from_utf8_lossy(&bytes[..length]).into_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("no notice: {error}"),
        }
    }
}

fn check(backend: &str) {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let directory = TestDirectory::new();
    let socket = directory.file("notify");
    let manager = Manager(UnixDatagram::bind(&socket).expect("a socket for notices"));
    let server = ServerOptions::new(ServerKind::Slabcore, 2)
        .arguments(&["--backend", backend])
        .environment("NOTIFY_SOCKET", socket.to_string_lossy())
        .environment("WATCHDOG_USEC", "50000")
        .start();
    assert_eq!(manager.next(PATIENCE).as_deref(), Some("READY=1"));
    assert_eq!(manager.next(PATIENCE).as_deref(), Some("WATCHDOG=1"));
    for shard in ["slabcore-0", "slabcore-1"] {
        let stopped = StoppedThread::stop(server.pid(), shard);
        // Two notices may have been due before, and some wait in the socket.
        let mut silent = false;
        for _ in 0..100 {
            silent = manager.next(SILENCE).is_none();
            if silent {
                break;
            }
        }
        assert!(silent, "{shard} stands still, and the watchdog is fed");
        drop(stopped);
        assert_eq!(manager.next(PATIENCE).as_deref(), Some("WATCHDOG=1"), "{shard} turns again");
    }
    server.connect().round_trip();
}

#[test]
fn a_stuck_ring_starves_the_watchdog() {
    check("auto");
}

#[test]
fn a_stuck_epoll_starves_the_watchdog() {
    check("epoll");
}
