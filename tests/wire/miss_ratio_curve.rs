//! The predicted hit ratios for other sizes of the memory, as operators see them.

use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::wire_client::WireClient;

const FACTORS: [&str; 5] = ["0.25", "0.5", "1", "2", "4"];
const VALUE_BYTES: usize = 400;
const MEBIBYTES: usize = 4;
/// Their items take about 6 MiB.
const KEYS: usize = 12_000;
const KEYS_AT_ONCE: usize = 100;

fn number(stats: &[(String, String)], name: &str) -> f64 {
    let line = stats.iter().find(|(found, _)| found == name);
    let (_, value) = line.unwrap_or_else(|| panic!("no {name}: {stats:?}"));
    value.parse().expect("a number")
}

/// Gets some keys and stores those that are absent.
fn fetch(client: &mut WireClient, keys: impl Iterator<Item = usize>) {
    let keys: Vec<String> = keys.map(|key| format!("key{key}")).collect();
    client.send(format!("get {}\r\n", keys.join(" ")).as_bytes());
    let mut absent = keys.clone();
    loop {
        let line = String::from_utf8(client.read_line()).expect("text");
        if line == "END\r\n" {
            break;
        }
        let key = line.split(' ').nth(1).expect("a key");
        absent.retain(|other| other != key);
        client.read_exact(VALUE_BYTES + 2);
    }
    let sets = absent
        .iter()
        .map(|key| format!("set {key} 0 0 {VALUE_BYTES} noreply\r\n{key:VALUE_BYTES$}\r\n"));
    client.send(sets.collect::<Vec<_>>().concat().as_bytes());
}

/// The keys are asked for in another order each time, so that more memory always hits more.
#[test]
fn more_memory_is_predicted_to_hit_more() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    for shards in [1, 2] {
        let memory = MEBIBYTES.to_string();
        let options = ServerOptions::new(ServerKind::Slabcore, shards).arguments(&["-m", &memory]);
        let server = options.start();
        let mut client = server.connect();
        for round in 0..25 {
            // A step that has no divisor in common with the number of keys.
            let step = [1, 7, 11, 13, 17][round % 5];
            for first in (0..KEYS).step_by(KEYS_AT_ONCE) {
                fetch(&mut client, (first..first + KEYS_AT_ONCE).map(|key| key * step % KEYS));
            }
        }
        let stats = client.stats("mrc");
        let ratios = FACTORS.map(|factor| number(&stats, &format!("{factor}:hit_ratio")));
        assert!(ratios[0] < ratios[1] && ratios[1] < ratios[2], "{stats:?}");
        // All items fit.
        assert!(ratios[2] < ratios[3] && ratios[3] > 0.9 && ratios[4] > 0.9, "{stats:?}");
        let measured = number(&stats, "measured:hit_ratio");
        assert!((ratios[2] - measured).abs() < 0.15, "{stats:?}");
        let [hits, misses] = ["get_hits", "get_misses"]
            .map(|name| client.stat(name).expect("a line").parse::<f64>().expect("a number"));
        assert!((number(&stats, "requests") - hits - misses).abs() < 0.1, "{stats:?}");
        assert!((number(&stats, "measured:misses") - misses).abs() < 0.1, "{stats:?}");
        assert!(number(&stats, "sampled_requests") > 1_000.0, "{stats:?}");
        assert!(number(&stats, "sampled_items") > 100.0 && number(&stats, "sample_rate") <= 1.0);
        for (factor, quarters) in FACTORS.into_iter().zip([1, 2, 4, 8, 16]) {
            let bytes = number(&stats, &format!("{factor}:memory_bytes"));
            assert!((bytes - (MEBIBYTES * quarters * (1 << 18)) as f64).abs() < 0.1, "{stats:?}");
        }
        client.expect("flush_all\r\n", "OK\r\n");
    }
}

#[test]
fn the_predictions_may_be_switched_off() {
    if !binaries::slabcore_is_itself() {
        return;
    }
    for option in ["--disable-miss-ratio-curve", "-M"] {
        let server = ServerOptions::new(ServerKind::Slabcore, 2).arguments(&[option]).start();
        server.connect().expect("get a\r\nstats mrc\r\n", "END\r\nEND\r\n");
    }
}
