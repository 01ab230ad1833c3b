//! The keys that are asked for most often, as operators see them.

use slabcore_testkit::binaries;
use slabcore_testkit::binary_packet::Packet;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::wire_client::WireClient;

const GET: u8 = 0x00;
const STAT: u8 = 0x10;

/// Rounds of requests. Enough that the hottest keys are sampled in any order of draws.
const ROUNDS: usize = 400;

fn value<'a>(stats: &'a [(String, String)], name: &str) -> &'a str {
    let line = stats.iter().find(|(found, _)| found == name);
    &line.unwrap_or_else(|| panic!("no {name}: {stats:?}")).1
}

/// One key has most of the requests, another one some, and a thousand have few.
fn ask(client: &mut WireClient) {
    for round in 0..ROUNDS {
        let others: Vec<String> =
            (0..100).map(|key| format!("get cold{}\r\n", key * round % 997)).collect();
        client.send(others.concat().as_bytes());
        client.send("get hot\r\n".repeat(300).as_bytes());
        client.send("mg warm:1 v\r\n".repeat(100).as_bytes());
        client.send(b"version\r\n");
        client.read_to_version();
    }
}

/// The statistics of a binary request.
fn binary_stats(client: &mut WireClient) -> Vec<(String, String)> {
    client.send(&Packet::request(STAT).key("hotkeys").bytes());
    let mut stats = Vec::new();
    loop {
        let bytes = client.read_until(|received| Some(Packet::read(received)?.1));
        let packet = Packet::read(&bytes).expect("it was whole").0;
        if packet.key.is_empty() {
            return stats;
        }
        let text = |bytes| String::from_utf8(bytes).expect("text");
        stats.push((text(packet.key), text(packet.value)));
    }
}

#[test]
fn the_hottest_keys_come_first() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    for shards in [1, 2] {
        let server = ServerOptions::new(ServerKind::Slabcore, shards).start();
        let mut client = server.connect();
        ask(&mut client);
        let stats = client.stats("hotkeys");
        assert_eq!((value(&stats, "1:key"), value(&stats, "2:key")), ("hot", "warm:1"));
        let number = |name: &str| value(&stats, name).parse::<f64>().expect("a number");
        let asked = (ROUNDS * 300) as f64;
        assert!((number("1:requests") / asked - 1.0).abs() < 0.3, "{stats:?}");
        assert!((number("1:share") - 0.6).abs() < 0.1 && number("1:error") == 0.0, "{stats:?}");
        assert!(number("requests") > asked && number("window_seconds") >= 1.0, "{stats:?}");
        assert!(!stats.iter().any(|(name, _)| name.starts_with("21:")), "{stats:?}");
        // A key that is no text.
        let mut binary = server.connect();
        for _ in 0..3 * ROUNDS {
            let get = Packet::request(GET).key(b"\xff blank".to_vec()).bytes();
            binary.send(&get.repeat(100));
            (0..100).for_each(|_| drop(binary.read_until(|it| Some(Packet::read(it)?.1))));
        }
        let stats = binary_stats(&mut binary);
        let rank = ["1", "2"]
            .into_iter()
            .find(|rank| value(&stats, &format!("{rank}:key")) == "/yBibGFuaw==");
        let rank = rank.unwrap_or_else(|| panic!("{stats:?}"));
        assert_eq!(value(&stats, &format!("{rank}:encoding")), "base64");
        client.expect("stats reset\r\n", "RESET\r\n");
        assert_eq!(value(&client.stats("hotkeys"), "requests"), "0");
    }
}

#[test]
fn the_search_may_be_switched_off() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    let options = ServerOptions::new(ServerKind::Slabcore, 2).arguments(&["--disable-hot-keys"]);
    let server = options.start();
    let mut client = server.connect();
    client.expect("get a\r\nstats hotkeys\r\n", "END\r\nEND\r\n");
}
