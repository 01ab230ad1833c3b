//! The segments of the LRU as `stats items` shows them.

use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::wire_client::WireClient;

on_both! {
    a_flat_lru_is_cold,
    a_short_ttl_makes_an_item_temporary,
    a_setting_is_for_the_next_request,
    what_segments_count_sums_up,
}

/// A bound for failure.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

/// The sum over the slab classes of a column of `stats items`.
fn sum(client: &mut WireClient, name: &str) -> u64 {
    let lines = client.stats("items");
    let of_classes = lines.iter().filter(|(line, _)| line.split(':').nth(2) == Some(name));
    of_classes.map(|(_, value)| value.parse::<u64>().expect("a number")).sum()
}

fn sums(client: &mut WireClient, prefix: &str) -> [u64; 4] {
    ["hot", "warm", "cold", "temp"].map(|segment| sum(client, &format!("{prefix}_{segment}")))
}

fn set(client: &mut WireClient, key: &str, ttl: u32) {
    client.expect(format!("set {key} 0 {ttl} 1\r\n5\r\n"), "STORED\r\n");
}

fn get(client: &mut WireClient, key: &str) {
    client.expect(format!("get {key}\r\n"), format!("VALUE {key} 0 1\r\n5\r\nEND\r\n"));
}

fn a_flat_lru_is_cold(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).start();
    let mut client = server.connect();
    client.expect("lru mode flat\r\n", "OK\r\n");
    for key in ["a", "b", "c"] {
        set(&mut client, key, 0);
    }
    (0..4).for_each(|_| get(&mut client, "b"));
    assert_eq!(sums(&mut client, "number"), [0, 0, 3, 0]);
    assert_eq!(sums(&mut client, "hits_to"), [0, 0, 4, 0]);
    assert_eq!(sum(&mut client, "moves_to_warm"), 0);
}

fn a_short_ttl_makes_an_item_temporary(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).start();
    let mut client = server.connect();
    set(&mut client, "before", 50);
    client.expect("lru temp_ttl 600\r\n", "OK\r\n");
    set(&mut client, "short", 500);
    set(&mut client, "long", 700);
    set(&mut client, "never", 0);
    assert_eq!(sum(&mut client, "number_temp"), 1);
    // The setting is for new items, and an item stays in TEMP however often it is read.
    client.expect("lru temp_ttl 100\r\n", "OK\r\n");
    (0..3).for_each(|_| get(&mut client, "short"));
    client.expect("touch long 50\r\n", "TOUCHED\r\n");
    assert_eq!(sum(&mut client, "number_temp"), 1);
    assert_eq!(sum(&mut client, "hits_to_temp"), 3);
    set(&mut client, "short", 500);
    assert_eq!(sum(&mut client, "number_temp"), 0);
    set(&mut client, "short", 50);
    assert_eq!(sum(&mut client, "number_temp"), 1);
    client.expect("delete short\r\n", "DELETED\r\n");
    assert_eq!(sum(&mut client, "number_temp"), 0);
}

/// Each setting comes in one write with the sets that it is for, which are for all shards.
fn a_setting_is_for_the_next_request(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).start();
    let mut client = server.connect();
    for (prefix, ttl_max) in [("short", 600), ("long", 100), ("shorter", 550)] {
        let sets: Vec<_> =
            (0..20).map(|number| format!("set {prefix}{number} 0 500 1\r\n5\r\n")).collect();
        let replies = format!("OK\r\n{}", "STORED\r\n".repeat(20));
        client.expect(format!("lru temp_ttl {ttl_max}\r\n{}", sets.concat()), replies);
    }
    assert_eq!(sum(&mut client, "number_temp"), 40);
}

/// Memory fills several times, and some items are read often.
fn what_segments_count_sums_up(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-m", "16"]).start();
    let mut client = server.connect();
    let value = "x".repeat(2_000);
    let mut reads = 0;
    for first in (0..40_000).step_by(100) {
        let sets: Vec<_> = (first..first + 100)
            .map(|number| format!("set key{number} 0 0 2000\r\n{value}\r\n"))
            .collect();
        client.send(sets.concat().as_bytes());
        let replies = "STORED\r\n".repeat(100);
        assert_eq!(client.read_exact(replies.len()), replies.as_bytes());
        set(&mut client, "often", 0);
        (0..3).for_each(|_| get(&mut client, "often"));
        reads += 3;
    }
    assert_eq!(sums(&mut client, "hits_to").iter().sum::<u64>(), reads);
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        // memcached moves items while it counts.
        let (segments, all) = (sums(&mut client, "number"), sum(&mut client, "number"));
        let [hot, _, cold, temporary] = segments;
        if segments.iter().sum::<u64>() == all {
            assert!(hot < all / 2 && cold > all / 4 && temporary == 0, "{segments:?}");
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{segments:?} of {all}");
    }
    let moved = client.stats("").into_iter().find(|(name, _)| name == "moves_to_cold");
    let moved: u64 = moved.expect("a line").1.parse().expect("a number");
    assert!(moved > 10_000, "{moved} moves to COLD");
}
