//! Connections of Redis' dialect have what those of other dialects have: TLS, limits, idle times,
//! watchers.

use std::time::{Duration, Instant};

use slabcore_testkit::redis_client::RedisClient;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::tls_files::TlsFiles;

fn options(words: &[&str]) -> ServerOptions {
    let words = [&["--redis-port", "-1"], words].concat();
    ServerOptions::new(ServerKind::Slabcore, 2).arguments(&words)
}

#[test]
fn under_tls() {
    let files = TlsFiles::new();
    let server = options(&[]).tls(&files, files.certified_client()).start();
    for config in [files.client(), files.old_client()] {
        let mut client = RedisClient::tls(server.redis_port(), &config).expect("a session");
        for length in [3, 20_000, 900_000] {
            let value = "v".repeat(length);
            assert_eq!(format!("{:?}", client.command(&["SET", "k", &value])), "+OK");
            assert!(client.command(&["GET", "k"]).bulk() == Some(value.as_bytes()));
        }
        assert_eq!(client.line("subscribe a"), "*[\"subscribe\", \"a\", :1]");
        let mut other = RedisClient::tls(server.redis_port(), &config).expect("a session");
        assert_eq!(other.line("publish a x"), ":1");
        assert_eq!(format!("{:?}", client.reply()), "*[\"message\", \"a\", \"x\"]");
    }
}

#[test]
fn too_many_clients_are_refused_in_their_dialect() {
    const CLIENTS: usize = 20;
    let server = options(&["-c", &CLIENTS.to_string()]).start();
    let mut clients: Vec<RedisClient> = Vec::new();
    let mut refused = loop {
        assert!(clients.len() <= CLIENTS, "the limit does not hold");
        let mut client = server.connect_redis();
        // One that is refused reads why, whatever it sends.
        client.send(b"ping\r\n");
        match format!("{:?}", client.reply()).as_str() {
            "+PONG" => clients.push(client),
            reply => {
                assert_eq!(reply, "-ERR max number of clients reached");
                break client;
            }
        }
    };
    assert!(refused.rest().is_empty());
    let info = clients[0].command(&["INFO", "stats"]);
    let info = String::from_utf8_lossy(info.bulk().expect("a text")).into_owned();
    assert!(info.contains("rejected_connections:1\r\n"), "{info}");
}

/// A client that reads messages waits for them as long as it takes.
#[test]
fn idle_clients_are_closed_but_not_subscribers() {
    let server = options(&["-o", "idle_timeout=2"]).start();
    let [mut busy, mut idle, mut reader] = [(); 3].map(|()| server.connect_redis());
    assert_eq!(idle.line("ping"), "+PONG");
    assert_eq!(reader.line("psubscribe *"), "*[\"psubscribe\", \"*\", :1]");
    let mut text = server.connect();
    let deadline = Instant::now() + Duration::from_secs(30);
    while text.stat("idle_kicks").as_deref() == Some("0") {
        assert!(Instant::now() < deadline, "an idle client is not closed");
        assert_eq!(busy.line("ping"), "+PONG");
    }
    assert!(idle.rest().is_empty());
    let subscribed = Instant::now();
    while subscribed.elapsed() < Duration::from_millis(2_500) {
        assert_eq!(busy.line("get k"), "$-1");
    }
    assert_eq!(busy.line("publish a x"), ":1");
    assert_eq!(format!("{:?}", reader.reply()), "*[\"pmessage\", \"*\", \"a\", \"x\"]");
}

#[test]
fn watchers_and_metrics_see_them() {
    let server = options(&[]).start();
    let (mut watcher, mut client) = (server.connect(), server.connect_redis());
    watcher.expect("watch fetchers mutations\r\n", "OK\r\n");
    assert_eq!(client.line("set watched v"), "+OK");
    assert_eq!(client.line("get watched"), "\"v\"");
    // A set looks for the item first.
    for expected in [
        "type=item_get key=watched status=not_found ",
        "type=item_store key=watched status=stored ",
        "type=item_get key=watched status=found ",
    ] {
        let line = String::from_utf8(watcher.read_line()).expect("ASCII");
        assert!(line.contains(expected), "{line}");
    }
    let mut text = server.connect();
    let stats = text.stats("");
    let value = |name: &str| {
        stats.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone()).expect("it exists")
    };
    assert_eq!(
        (value("cmd_get"), value("cmd_set"), value("get_hits")),
        ("1".into(), "1".into(), "1".into())
    );
}
