//! nutcracker (twemproxy), which spreads keys over two servers.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

use slabcore_testkit::server_process::{ServerKind, ServerProcess};
use slabcore_testkit::test_directory::TestDirectory;
use slabcore_testkit::wire_client::WireClient;

use crate::patience::wait_for;
use crate::program::tool;

on_both! {
    keys_land_on_both_servers,
    replies_come_from_both_in_order,
}

const KEYS: usize = 200;

/// The proxy in front of two servers. Dropping it ends the proxy.
struct Proxy {
    servers: [ServerProcess; 2],
    child: Child,
    directory: TestDirectory,
}

impl Proxy {
    fn new(kind: ServerKind) -> Self {
        let servers = [1, 2].map(|threads| ServerProcess::new(kind, threads));
        let directory = TestDirectory::new();
        let socket = directory.file("socket");
        let lines = servers.iter().zip(["server0", "server1"]);
        let lines =
            lines.map(|(server, name)| format!("   - 127.0.0.1:{}:1 {name}\n", server.port()));
        let pool = format!(
            "pool:\n  listen: {} 0600\n  hash: fnv1a_64\n  distribution: ketama\n  \
             auto_eject_hosts: false\n  preconnect: true\n  servers:\n{}",
            socket.display(),
            lines.collect::<String>(),
        );
        fs::write(directory.file("pool.yml"), pool).expect("the proxy's settings");
        let child = start(&directory);
        let mut proxy = Self { servers, child, directory };
        wait_for("a listening proxy", || {
            // Another process may have taken the port for its statistics meanwhile.
            if proxy.child.try_wait().expect("the proxy is a child").is_some() {
                proxy.child = start(&proxy.directory);
            }
            WireClient::connect_unix(&socket).ok()
        });
        proxy
    }

    fn connect(&self) -> WireClient {
        WireClient::connect_unix(&self.directory.file("socket")).expect("the proxy accepts")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.file("log")).unwrap_or_default()
    }

    /// One number of `stats` of each server.
    fn stats(&self, name: &str) -> [u64; 2] {
        self.servers.each_ref().map(|server| server.stat(name))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // If it has ended already, both calls return an error.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("nutcracker wrote:\n{}", self.log());
        }
    }
}

fn start(directory: &TestDirectory) -> Child {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = free.local_addr().expect("its address").port();
    drop(free);
    Command::new(tool("nutcracker"))
        .args(["--stats-addr=127.0.0.1", &format!("--stats-port={port}")])
        .arg("--conf-file")
        .arg(directory.file("pool.yml"))
        .arg("--output")
        .arg(directory.file("log"))
        .arg("--pid-file")
        .arg(directory.file("pid"))
        .stdin(Stdio::null())
        .spawn()
        .expect("nutcracker starts")
}

fn value(number: usize) -> String {
    format!("value of {number} ").repeat(number)
}

fn fill(client: &mut WireClient) {
    for number in 0..KEYS {
        let value = value(number);
        let line = format!("set key{number} {number} 0 {}\r\n{value}\r\n", value.len());
        client.expect(line, "STORED\r\n");
    }
}

fn keys_land_on_both_servers(kind: ServerKind) {
    let proxy = Proxy::new(kind);
    let mut client = proxy.connect();
    fill(&mut client);
    let items = proxy.stats("curr_items");
    assert_eq!(items.iter().sum::<u64>(), KEYS as u64, "{items:?}");
    // The names of the servers decide which keys are whose: always the same.
    assert!(items.iter().all(|&items| items > KEYS as u64 / 10), "{items:?}");
    for number in 0..KEYS {
        let value = value(number);
        let reply = format!("VALUE key{number} {number} {}\r\n{value}\r\nEND\r\n", value.len());
        client.expect(format!("get key{number}\r\n"), reply);
        client.expect(format!("delete key{number}\r\n"), "DELETED\r\n");
        client.expect(format!("delete key{number}\r\n"), "NOT_FOUND\r\n");
        client.expect(format!("get key{number}\r\n"), "END\r\n");
    }
    assert_eq!(proxy.stats("curr_items"), [0, 0]);
}

/// The requests for a key, and the replies.
fn requests_and_replies(number: usize) -> (String, String) {
    let requests = format!(
        "set n{number} 0 0 1\r\n5\r\nincr n{number} {number}\r\ndecr n{number} 1\r\n\
         get n{number}\r\nappend n{number} 0 0 1\r\n!\r\ntouch n{number} 100\r\n\
         gets absent{number}\r\nadd n{number} 0 0 1\r\nx\r\n",
    );
    let (more, less) = (number + 5, number + 4);
    // A decremented number keeps its length and is padded with blanks.
    let shown = format!("{less:<width$}", width = more.to_string().len());
    let replies = format!(
        "STORED\r\n{more}\r\n{less}\r\nVALUE n{number} 0 {}\r\n{shown}\r\nEND\r\nSTORED\r\n\
         TOUCHED\r\nEND\r\nNOT_STORED\r\n",
        shown.len(),
    );
    (requests, replies)
}

/// The proxy splits a get of many keys, and returns the replies of two servers in the order of the
/// requests.
fn replies_come_from_both_in_order(kind: ServerKind) {
    let proxy = Proxy::new(kind);
    let mut client = proxy.connect();
    fill(&mut client);
    let (requests, replies): (String, String) = (0..KEYS).map(requests_and_replies).unzip();
    client.expect(requests, replies);
    let keys: Vec<String> = (0..KEYS).map(|number| format!("key{number}")).collect();
    client.send(format!("get {} absent\r\n", keys.join(" ")).as_bytes());
    let mut found = vec![false; KEYS];
    loop {
        let line = String::from_utf8(client.read_line()).expect("a line of text");
        let Some(rest) = line.strip_prefix("VALUE key") else {
            assert_eq!(line, "END\r\n");
            break;
        };
        let number = rest.split(' ').next().and_then(|number| number.parse().ok());
        let number: usize = number.unwrap_or_else(|| panic!("{line:?}"));
        let value = value(number);
        assert_eq!(line, format!("VALUE key{number} {number} {}\r\n", value.len()));
        client.expect_reply(format!("{value}\r\n"));
        assert!(!std::mem::replace(&mut found[number], true), "key{number} comes twice");
    }
    assert!(found.iter().all(|&found| found), "{found:?}");
    for hits in proxy.stats("get_hits") {
        assert_ne!(hits, 0, "each server was asked for its keys");
    }
}
