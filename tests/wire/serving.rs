//! The executors that serve connections, which follow the load.

use std::time::{Duration, Instant};

use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

/// A bound for failure.
const PATIENCE: Duration = Duration::from_mins(1);
const THREADS: usize = 4;
const CLIENTS: usize = 9;

fn start(arguments: &[&str]) -> ServerProcess {
    ServerOptions::new(ServerKind::Slabcore, THREADS).arguments(arguments).start()
}

fn serving(client: &mut WireClient) -> usize {
    let stats = client.stats("slabcore");
    let number = stats.iter().find(|it| it.0 == "serving_executors").expect("a line");
    number.1.parse().expect("a number")
}

/// Each client stores a value and reads it, and those of all others.
fn use_all(clients: &mut [WireClient]) {
    for number in 0..clients.len() {
        clients[number].send(format!("set key{number} 0 0 1\r\n{number}\r\n").as_bytes());
        assert_eq!(clients[number].read_line(), b"STORED\r\n");
        for client in clients.iter_mut() {
            client.send(format!("get key{number}\r\n").as_bytes());
            let expected = format!("VALUE key{number} 0 1\r\n{number}\r\nEND\r\n");
            assert_eq!(client.read_exact(expected.len()), expected.as_bytes());
        }
    }
}

/// Nine clients that ask one after another have nothing to do for four threads.
#[test]
fn a_low_load_is_served_by_one_executor() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let server = start(&[]);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| server.connect()).collect();
    let begin = Instant::now();
    while serving(&mut clients[0]) > 1 {
        assert!(begin.elapsed() < PATIENCE, "{} serve", serving(&mut clients[0]));
        use_all(&mut clients);
    }
    use_all(&mut clients);
    use_all(&mut clients);
    let stats = clients[0].stats("shards");
    let of_first = ("shard:0:curr_connections".to_owned(), CLIENTS.to_string());
    assert!(stats.contains(&of_first), "{stats:?}");
}

/// What operators see who want all threads to serve.
#[test]
fn spread_connections_stay_spread() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let server = start(&["--spread-connections"]);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| server.connect()).collect();
    use_all(&mut clients);
    assert_eq!(serving(&mut clients[0]), THREADS);
}
