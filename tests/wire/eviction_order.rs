//! The order of eviction, which follows the load, as operators see it.

use std::collections::HashSet;

use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::wire_client::WireClient;

/// Keys of the loop: their items take more than twice the memory.
const KEYS: usize = 24_000;
const VALUE_BYTES: usize = 400;
/// Keys of one get.
const KEYS_AT_ONCE: usize = 100;
/// A bound for failure.
const LOOPS_MAX: usize = 50;

/// The number of shards that evict by recency, by worth, and read items first.
fn orders(client: &mut WireClient) -> [String; 3] {
    let stats = client.stats("slabcore");
    ["recency", "worth", "read_first"].map(|order| {
        let name = format!("eviction_order_{order}");
        stats.iter().find(|it| it.0 == name).expect("a line").1.clone()
    })
}

/// Gets these keys, and stores those that are absent.
fn fetch(client: &mut WireClient, keys: &[String]) {
    client.send(format!("get {}\r\n", keys.join(" ")).as_bytes());
    let mut found = HashSet::new();
    loop {
        let line = String::from_utf8(client.read_line()).expect("text");
        if line == "END\r\n" {
            break;
        }
        found.insert(line.split(' ').nth(1).expect("a key").to_owned());
        client.read_exact(VALUE_BYTES + 2);
    }
    let absent = keys.iter().filter(|key| !found.contains(*key));
    let sets =
        absent.map(|key| format!("set {key} 0 0 {VALUE_BYTES} noreply\r\n{key:VALUE_BYTES$}\r\n"));
    client.send(sets.collect::<String>().as_bytes());
}

/// A loop over more than the memory holds hits nothing in an order by age.
#[test]
fn a_loop_is_answered_by_another_order() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let server = ServerOptions::new(ServerKind::Slabcore, 1).arguments(&["-m", "4"]).start();
    let mut client = server.connect();
    assert_eq!(orders(&mut client), ["1", "0", "0"]);
    let keys: Vec<String> = (0..KEYS).map(|number| format!("key{number}")).collect();
    for _ in 0..LOOPS_MAX {
        keys.chunks(KEYS_AT_ONCE).for_each(|keys| fetch(&mut client, keys));
        if orders(&mut client) == ["0", "0", "1"] {
            let shards = client.stats("shards");
            let line = ("shard:0:eviction_order_read_first".to_owned(), "1".to_owned());
            assert!(shards.contains(&line), "{shards:?}");
            return;
        }
    }
    panic!("after {LOOPS_MAX} loops the orders are {:?}", orders(&mut client));
}
