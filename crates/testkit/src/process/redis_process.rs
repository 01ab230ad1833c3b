//! A real `redis-server` as a child process, on a Unix socket, without persistence.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use crate::files::test_directory::TestDirectory;
use crate::limits::{POLL_PAUSE_MAX, START_MAX};
use crate::wire::redis_client::RedisClient;

/// A running `redis-server`. Dropping it kills the process.
#[derive(Debug)]
pub struct RedisProcess {
    child: Child,
    directory: TestDirectory,
}

impl RedisProcess {
    /// Starts the program that `REDIS_SERVER` names, or `redis-server`. Panics if there is none.
    pub fn start() -> Self {
        let program = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let directory = TestDirectory::new();
        let socket = directory.file("socket");
        let child = Command::new(&program)
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            // On a busy machine any command may be slow: `SLOWLOG LEN` is to be 0.
            .args(["--slowlog-log-slower-than", "-1", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(directory.file("."))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{program} does not start ({error}): install Debian's redis-server")
            });
        let mut server = Self { child, directory };
        let deadline = Instant::now() + START_MAX;
        while server.try_connect().is_err() {
            let ended = server.child.try_wait().expect("it is a child");
            assert!(ended.is_none() && Instant::now() < deadline, "{program} does not serve");
            thread::sleep(POLL_PAUSE_MAX);
        }
        server
    }

    /// The path of its Unix socket.
    pub fn socket_path(&self) -> PathBuf {
        self.directory.file("socket")
    }

    /// A new connection. Panics if it is refused.
    pub fn connect(&self) -> RedisClient {
        self.try_connect().expect("the server accepts a connection")
    }

    fn try_connect(&self) -> std::io::Result<RedisClient> {
        RedisClient::unix(&self.socket_path())
    }
}

impl Drop for RedisProcess {
    fn drop(&mut self) {
        // If it has ended already, both calls return an error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
