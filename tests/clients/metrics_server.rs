//! A slabcore server with its metrics on a free port.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};

/// A server and the address of its metrics.
pub(crate) struct MetricsServer {
    pub(crate) server: ServerProcess,
    pub(crate) address: SocketAddr,
}

impl MetricsServer {
    /// Starts one with this many shards and these options.
    pub(crate) fn start(shards: usize, words: &[&str]) -> Self {
        let options = ServerOptions::new(ServerKind::Slabcore, shards).arguments(words);
        let (server, address) = options.start_with_metrics();
        Self { server, address }
    }

    /// The body of a page; the server must have it.
    pub(crate) fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("the server accepts");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers in UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
        body.to_owned()
    }

    /// Stores some items and reads some keys, so that most series exist.
    pub(crate) fn use_cache(&self) {
        let mut client = self.server.connect();
        for key in 0..20 {
            client.send(format!("set k{key} 0 0 1\r\nx\r\nget k{key} none{key}\r\n").as_bytes());
        }
        client.send(b"version\r\n");
        client.read_to_version();
    }
}
