//! The ports of single shards, over TCP.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::launch::running::listen;
use crate::settings::{BackendChoice, Settings};
use crate::whole_server::{WholeServer, connect, settings};

fn port_of(server: &WholeServer, shard: usize) -> SocketAddr {
    let port = server.stat("stats slabcore", &format!("shard:{shard}:port"));
    SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap()))
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut client = connect(address);
    client.write_all(format!("{request}quit\r\n").as_bytes()).unwrap();
    let mut reply = String::new();
    client.read_to_string(&mut reply).unwrap();
    reply
}

/// A client that sends each key to its owner causes no request between shards.
fn keys_at_their_owners_port(backend: BackendChoice) {
    let shards = 3;
    let settings = Settings { shards, shard_ports: Some(0), ..settings(backend) };
    let server = WholeServer::start(settings);
    let ports: Vec<_> = (0..shards).map(|shard| port_of(&server, shard)).collect();
    let before = server.stat("stats slabcore", "foreign_requests");
    for number in 0..60 {
        let key = format!("key{number}");
        let owner = ports[server.owner(&key)];
        let request = format!("set {key} 0 0 1\r\nx\r\nget {key}\r\n");
        assert_eq!(ask(owner, &request), format!("STORED\r\nVALUE {key} 0 1\r\nx\r\nEND\r\n"));
    }
    // The first of the two `stats` asked the other shards itself.
    let foreign = server.stat("stats slabcore", "foreign_requests") - before;
    assert_eq!(foreign, shards as u64 - 1);
    assert_eq!(server.stat("stats slabcore", "shards_borrowed"), 0);
    // Each port serves all keys.
    for &port in &ports {
        for number in 0..60 {
            let reply = format!("VALUE key{number} 0 1\r\nx\r\nEND\r\n");
            assert_eq!(ask(port, &format!("get key{number}\r\n")), reply);
        }
    }
    server.running.stop();
}

#[test]
fn keys_at_their_owners_port_on_io_uring() {
    keys_at_their_owners_port(BackendChoice::Auto);
}

#[test]
fn keys_at_their_owners_port_on_epoll() {
    keys_at_their_owners_port(BackendChoice::Epoll);
}

#[test]
fn owners_of_many_keys_in_one_line() {
    let server = WholeServer::start(settings(BackendChoice::Epoll));
    let stats = server.stats("stats slabcore owner a  b c a");
    let keys: Vec<_> = stats.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(keys, ["a", "b", "c", "a"]);
    assert!(stats[0].1 == stats[3].1 && stats.iter().all(|it| it.1 == "0" || it.1 == "1"));
    assert_eq!(ask(server.address, "stats slabcore owner\r\n"), "ERROR\r\n");
    assert_eq!(server.stat("stats slabcore", "shard_ports_base"), 0);
    assert!(server.stats("stats slabcore").iter().all(|it| !it.0.starts_with("shard:")));
    server.running.stop();
}

/// A port that is in use is an error at the start, as with `-p`.
#[test]
fn a_port_in_use_is_refused() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let settings =
        Settings { shards: 1, shard_ports: Some(port), ..settings(BackendChoice::Epoll) };
    let error = listen(settings, Vec::new()).err().expect("the port is taken");
    assert_eq!(error.exit_code(), 71);
}
