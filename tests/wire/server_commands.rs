//! Server commands: memory, pages, settings, shutdown.

use std::time::{Duration, Instant};

use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

on_both! {
    memory_grows,
    settings_are_read_back,
    temporary_items_outlive_others,
    memory_stays_malloced,
    shutdown_ends_the_server,
    shutdown_may_be_graceful,
    a_delay_that_is_no_number_counts;
    since_45: noreply_hides_most_errors,
    stats_detail_may_be_cut_short,
}

/// A bound for failure.
const PATIENCE: Duration = Duration::from_mins(1);

const VALUE_BYTES: usize = 4_000;

fn fill(client: &mut WireClient, keys: std::ops::Range<usize>) {
    let value = "x".repeat(VALUE_BYTES);
    for first in keys.step_by(100) {
        let sets: Vec<_> = (first..first + 100)
            .map(|n| format!("set key{n} 0 0 {VALUE_BYTES}\r\n{value}\r\n"))
            .collect();
        client.send(sets.concat().as_bytes());
        let replies = "STORED\r\n".repeat(100);
        assert_eq!(client.read_exact(replies.len()), replies.as_bytes());
    }
}

/// Whether the server has a key.
fn is_there(client: &mut WireClient, key: &str) -> bool {
    client.send(format!("mg {key}\r\n").as_bytes());
    client.read_line() == b"HD\r\n"
}

fn memory_grows(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-m", "16"]).start();
    let mut client = server.connect();
    fill(&mut client, 0..8_000);
    let held = server.stat("curr_items");
    assert!(held as usize * VALUE_BYTES <= 16 << 20, "{held} items");
    client.expect("cache_memlimit 32\r\n", "OK\r\n");
    assert_eq!(server.stat("limit_maxbytes"), 32 << 20);
    fill(&mut client, 8_000..16_000);
    let more = server.stat("curr_items");
    assert!(more * 2 > held * 3, "{held} items, then {more}");
}

/// Items are evicted until the rest fits, and the system gets the memory back.
#[test]
fn memory_shrinks() {
    let server = ServerOptions::new(ServerKind::Slabcore, 2).arguments(&["-m", "256"]).start();
    let mut client = server.connect();
    let at_start = server.status_kib("VmRSS");
    fill(&mut client, 0..60_000);
    let full = server.status_kib("VmRSS");
    assert!(full > at_start + (200 << 10), "{full} KiB are resident");
    client.expect("cache_memlimit 32\r\n", "OK\r\n");
    let deadline = Instant::now() + PATIENCE;
    let held = loop {
        // Other requests are answered meanwhile.
        let held = client.stat("curr_items").expect("a number").parse::<usize>().expect("a number");
        let resident = server.status_kib("VmRSS");
        if resident <= at_start + (64 << 10) && held * VALUE_BYTES <= 32 << 20 {
            break held;
        }
        assert!(Instant::now() < deadline, "{held} items, {resident} KiB, {at_start} at the start");
    };
    assert!(held > 2_000, "{held} items");
    // The remaining items are intact, and there is room for more.
    client.expect("cache_memlimit 64\r\n", "OK\r\n");
    fill(&mut client, 60_000..80_000);
    assert!(server.stat("curr_items") as usize > held);
}

/// The upper limit of the memory.
#[test]
fn memory_has_bounds() {
    let server = ServerProcess::new(ServerKind::Slabcore, 2);
    let mut client = server.connect();
    let refusal = "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n";
    client.expect("cache_memlimit 1000000000\r\n", refusal);
    assert_eq!(server.stat("limit_maxbytes"), 64 << 20);
}

fn settings_are_read_back(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    let orders = [
        ("lru_crawler sleep 5", "lru_crawler_sleep", "5"),
        ("lru_crawler tocrawl 6", "lru_crawler_tocrawl", "6"),
        ("slabs automove 2", "slab_automove", "2"),
        ("slabs automove ratio 0.5", "slab_automove_ratio", "0.50"),
        ("slabs automove window 20", "slab_automove_window", "20"),
        ("slabs automove freeratio 0.02", "slab_automove_freeratio", "0.020"),
        ("lru tune 11 22 0.3 1.5", "hot_lru_pct", "11"),
        ("lru tune 11 22 0.3 1.5", "warm_lru_pct", "22"),
        ("lru tune 11 22 0.3 1.5", "hot_max_factor", "0.30"),
        ("lru tune 11 22 0.3 1.5", "warm_max_factor", "1.50"),
        ("lru mode segmented", "lru_segmented", "yes"),
        ("lru mode flat", "lru_segmented", "no"),
        ("lru temp_ttl 7", "temporary_ttl", "7"),
        ("lru temp_ttl 7", "temp_lru", "yes"),
        ("lru temp_ttl -1", "temp_lru", "no"),
        ("cache_memlimit 65", "maxbytes", "68157440"),
        ("verbosity 1", "verbosity", "1"),
    ];
    for (order, name, expected) in orders {
        client.expect(format!("{order}\r\n"), "OK\r\n");
        let settings = client.stats("settings");
        let value = settings.iter().find(|(found, _)| found == name).map(|(_, value)| &**value);
        assert_eq!(value, Some(expected), "{name} after {order}");
    }
    if kind == ServerKind::Slabcore {
        // A setting without effect in slabcore is logged once.
        let log = server.log();
        for word in ["lru_crawler sleep", "slabs automove"] {
            let warnings = log.lines().filter(|line| line.contains("kept without effect"));
            assert_eq!(warnings.filter(|line| line.contains(word)).count(), 1, "{word}: {log}");
        }
    }
}

/// Items with a short ttl were evicted among items that never expire.
fn temporary_items_outlive_others(kind: ServerKind) {
    let by_option: &[&str] = &["-o", "temporary_ttl=61"];
    for (option, order) in [(by_option, "version"), (&[], "lru temp_ttl 61")] {
        let server = ServerOptions::new(kind, 2).arguments(&["-m", "16"]).arguments(option).start();
        let mut client = server.connect();
        client.send(format!("{order}\r\n").as_bytes());
        client.read_line();
        let value = "x".repeat(VALUE_BYTES);
        for number in 0..20 {
            for (name, ttl) in [("short", 60), ("long", 600)] {
                let set = format!("set {name}{number} 0 {ttl} {VALUE_BYTES}\r\n{value}\r\n");
                client.expect(set, "STORED\r\n");
            }
        }
        fill(&mut client, 0..10_000);
        let mut left = |name: &str| {
            let keys = (0..20).map(|number| format!("{name}{number}"));
            keys.filter(|key| is_there(&mut client, key)).count()
        };
        assert_eq!((left("short"), left("long")), (20, 0), "{order} {option:?}");
    }
}

/// Memory allocated for items stays allocated when they are gone.
fn memory_stays_malloced(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    let malloced = |client: &mut WireClient| {
        let slabs = client.stats("slabs");
        let line = slabs.into_iter().find(|(name, _)| name == "total_malloced");
        line.and_then(|(_, bytes)| bytes.parse::<u64>().ok()).expect("a number")
    };
    fill(&mut client, 0..1_000);
    let full = malloced(&mut client);
    assert!(full as usize > 1_000 * VALUE_BYTES, "{full} bytes");
    client.expect("flush_all\r\n", "OK\r\n");
    for number in 0..1_000 {
        client.expect(format!("get key{number}\r\n"), "END\r\n");
    }
    assert_eq!((server.stat("curr_items"), malloced(&mut client)), (0, full));
}

/// A page is taken from a class with several pages, and its items stay if they fit elsewhere.
#[test]
fn pages_are_reassigned() {
    let server = ServerOptions::new(ServerKind::Slabcore, 1).start();
    let mut client = server.connect();
    fill(&mut client, 0..400);
    for number in (0..400).step_by(10) {
        client.expect(format!("delete key{number}\r\n"), "DELETED\r\n");
    }
    let mut watcher = server.connect();
    watcher.expect("watch sysevents\r\n", "OK\r\n");
    let class = client.stats("items")[0].0.split(':').nth(1).expect("a class").to_owned();
    client.expect(format!("slabs reassign {class} 1\r\n"), "OK\r\n");
    let line = String::from_utf8(watcher.read_line()).expect("a text");
    let expected = format!(" type=slab_move src={class} dst=1 state=ok\n");
    assert!(line.ends_with(&expected), "{line}");
    assert_eq!(server.stat("slabs_moved"), 1);
    assert_eq!(server.stat("curr_items"), 360);
    let pages = |client: &mut WireClient, class: &str| {
        let slabs = client.stats("slabs");
        let name = format!("{class}:total_pages");
        slabs.into_iter().find(|(it, _)| *it == name).map(|(_, pages)| pages)
    };
    assert_eq!(pages(&mut client, "1").as_deref(), Some("1"));
    client.expect("slabs reassign 0 2\r\n", "OK\r\n");
    assert_eq!(pages(&mut client, "2").as_deref(), Some("1"));
    client.expect("slabs reassign 1 2\r\n", "NOSPARE source class has no spare pages\r\n");
}

/// Without the crawler expired items stay until a request finds them or their memory is needed.
#[test]
fn the_crawler_can_be_switched_off() {
    let server = ServerProcess::new(ServerKind::Slabcore, 2);
    let mut client = server.connect();
    client.expect("lru_crawler disable\r\n", "OK\r\n");
    for number in 0..20 {
        client.expect(format!("set key{number} 0 -1 1\r\nx\r\n"), "STORED\r\n");
    }
    for _ in 0..100 {
        client.round_trip();
    }
    assert_eq!(server.stat("curr_items"), 20);
    assert_eq!(client.stat("lru_crawler_starts"), None);
    client.expect("get key0 key1\r\n", "END\r\n");
    assert_eq!((server.stat("curr_items"), server.stat("get_expired")), (18, 2));
    client.expect("lru_crawler enable\r\n", "OK\r\n");
    let deadline = Instant::now() + PATIENCE;
    while server.stat("curr_items") > 0 {
        assert!(Instant::now() < deadline, "dead items stay");
    }
    assert_eq!(server.stat("crawler_reclaimed"), 18);
}

/// Two clients switch the crawler at the same time. Afterwards all shards have the same setting.
#[test]
fn shards_agree_on_whether_the_crawler_is_on() {
    let server = ServerOptions::new(ServerKind::Slabcore, 2).arguments(&["-m", "8"]).start();
    let mut clients = [server.connect(), server.connect()];
    for round in 0..100 {
        clients[round % 2].send(b"lru_crawler disable\r\n");
        clients[1 - round % 2].send(b"lru_crawler enable\r\n");
        let replies = clients.each_mut().map(WireClient::read_line);
        let [client, _] = &mut clients;
        let on = client.stats("settings").contains(&("lru_crawler".to_owned(), "yes".to_owned()));
        if on {
            for key in 0..20 {
                client.expect(format!("set key{key} 0 0 1\r\nx\r\n"), "STORED\r\n");
            }
            client.expect("flush_all\r\n", "OK\r\n");
            let deadline = Instant::now() + PATIENCE;
            while server.stat("curr_items") > 0 {
                assert!(Instant::now() < deadline, "round {round}: dead items stay: {replies:?}");
            }
        } else {
            client.expect("lru_crawler enable\r\n", "OK\r\n");
        }
    }
}

fn shutdown_ends_the_server(kind: ServerKind) {
    let mut server = ServerOptions::new(kind, 2).arguments(&["-A"]).start();
    let mut client = server.connect();
    client.expect("shutdown x\r\n", "CLIENT_ERROR invalid shutdown mode\r\n");
    let mut other = server.connect();
    client.send(b"shutdown\r\n");
    assert_eq!(client.read_to_close(), b"");
    assert_eq!(other.read_to_close(), b"");
    let status = server.wait();
    assert!(status.success(), "it ended with {status}");
}

fn shutdown_may_be_graceful(kind: ServerKind) {
    let mut server = ServerOptions::new(kind, 2).arguments(&["-A"]).start();
    let mut client = server.connect();
    client.send(b"shutdown graceful\r\n");
    assert_eq!(client.read_to_close(), b"");
    let status = server.wait();
    assert!(status.success(), "it ended with {status}");
}

/// A command follows each, to check that there was no reply.
fn noreply_hides_most_errors(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    for silent in ["shutdown", "shutdown foo", "flush_all x", "slabs foo", "lru foo", "foo"] {
        client.expect(format!("{silent} noreply\r\nmn\r\n"), "MN\r\n");
    }
    client.expect("refresh_certs noreply\r\nmn\r\n", "Error TLS not enabled\r\nMN\r\n");
    // The only word is also the key.
    client.expect("set noreply 0 0 1\r\nx\r\ndelete noreply\r\nmn\r\n", "STORED\r\nMN\r\n");
    client.expect("get noreply\r\n", "END\r\n");
}

fn a_delay_that_is_no_number_counts(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    client.expect("flush_all x\r\n", "CLIENT_ERROR invalid exptime argument\r\n");
    client.expect("flush_all x noreply\r\nmn\r\n", "MN\r\n");
    assert_eq!(client.stat("cmd_flush").as_deref(), Some("2"));
}

fn stats_detail_may_be_cut_short(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    client.expect("stats d o\r\n", "OK\r\n");
    client.expect("set a:b 0 0 1\r\nx\r\n", "STORED\r\n");
    client.expect("stats detail du x\r\n", "PREFIX a get 0 hit 0 set 1 del 0\r\nEND\r\n");
    client.expect("stats detail  of\r\n", "OK\r\n");
    client.expect("stats detail onx\r\n", "CLIENT_ERROR usage: stats detail on|off|dump\r\n");
}
