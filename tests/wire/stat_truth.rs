//! What each request counts in `stats` and its subtables. The test predicts every counter that
//! changes; all others must stay.

use slabcore_testkit::binary_packet::Packet;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

on_both! {
    every_request_moves_its_counters_and_no_others,
    binary_requests_count_as_well,
    shards_add_up,
    a_reset_takes_off_what_no_shard_counts,
    sizes_are_counted_if_wanted,
    prefixes_are_counted_if_wanted,
    connections_are_described,
}

/// Lines of `stats` that are not checked: times, counts of the system, and lines that `stats`
/// itself changes.
const NOT_CHECKED: [&str; 11] = [
    "pid",
    "uptime",
    "time",
    "rusage_user",
    "rusage_system",
    "bytes_read",
    "bytes_written",
    // It falls when the server sees that an earlier client has gone.
    "curr_connections",
    // LRU segments and their thread, which slabcore does not have.
    "lru_maintainer_juggles",
    "lrutail_reflocked",
    "hash_is_expanding",
];

/// Counters by slab class. The two servers have different classes, so the test compares sums over
/// classes.
const CLASS_COUNTERS: [&str; 8] = [
    "get_hits",
    "cmd_set",
    "delete_hits",
    "incr_hits",
    "decr_hits",
    "cas_hits",
    "cas_badval",
    "touch_hits",
];

/// Lines that slabcore counts differently from memcached: bytes of its own, smaller items; expired
/// items, which are reclaimed at other times; moves between segments, which it does not have;
/// pages, which are counted in the pool; buffers for replies and reads, which are not pooled
/// objects.
const COUNTED_DIFFERENTLY: [&str; 19] = [
    "get_flushed",
    "bytes",
    "curr_items",
    "moves_to_cold",
    "moves_to_warm",
    "moves_within_lru",
    "slab_global_page_pool",
    "response_obj_count",
    "response_obj_bytes",
    "read_buf_count",
    "read_buf_bytes",
    "read_buf_bytes_free",
    "reclaimed",
    "crawler_reclaimed",
    "crawler_items_checked",
    "lru_crawler_starts",
    "expired_unfetched",
    "lru_crawler_running",
    "connection_structures",
];

/// All numbers of `stats`, and as `slabs:<name>` the sums over slab classes.
fn numbers(client: &mut WireClient) -> Vec<(String, u64)> {
    let general = client.stats("").into_iter().filter_map(|(name, value)| {
        let left_out =
            NOT_CHECKED.contains(&name.as_str()) || COUNTED_DIFFERENTLY.contains(&name.as_str());
        Some((name, value.parse().ok()?)).filter(|_| !left_out)
    });
    let mut found: Vec<_> = general.collect();
    let slabs = client.stats("slabs");
    for name in CLASS_COUNTERS {
        let of_classes =
            slabs.iter().filter(|(it, _)| it.split_once(':').is_some_and(|it| it.1 == name));
        let sum = of_classes.map(|(_, value)| value.parse::<u64>().expect("a number")).sum();
        found.push((format!("slabs:{name}"), sum));
    }
    found
}

/// The names of changed counters, repeated as often as the counter grew, in alphabetical order.
fn changes(before: &[(String, u64)], after: &[(String, u64)]) -> Vec<String> {
    let mut names = Vec::new();
    for ((name, before), (_, after)) in before.iter().zip(after) {
        assert!(after >= before, "{name} fell from {before} to {after}");
        names.extend((*before..*after).map(|_| name.clone()));
    }
    names.sort();
    names
}

/// The counters that must change: a counter that slab classes also have is followed by its `slabs:`
/// sum.
fn expected_changes(counters: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in counters.split_whitespace() {
        names.push(name.to_owned());
        if CLASS_COUNTERS.contains(&name) {
            names.push(format!("slabs:{name}"));
        }
    }
    names.sort();
    names
}

/// Each line has a request, its reply, and the counters that it increments by one.
#[rustfmt::skip]
const TEXT: &[(&str, &str, &str)] = &[
    ("get k", "END", "cmd_get get_misses"),
    ("set k 0 0 1\r\n5", "STORED", "cmd_set total_items"),
    ("get k", "VALUE k 0 1\r\n5\r\nEND", "cmd_get get_hits"),
    ("get k absent", "VALUE k 0 1\r\n5\r\nEND", "cmd_get cmd_get get_hits get_misses"),
    ("gat 100 k", "VALUE k 0 1\r\n5\r\nEND", "cmd_touch touch_hits"),
    ("gat 100 j", "END", "cmd_touch touch_misses"),
    ("add k 0 0 1\r\n5", "NOT_STORED", "cmd_set"),
    ("add a 0 0 1\r\n5", "STORED", "cmd_set total_items"),
    ("replace k 0 0 1\r\n5", "STORED", "cmd_set total_items"),
    ("replace j 0 0 1\r\n5", "NOT_STORED", "cmd_set"),
    ("append k 0 0 1\r\n5", "STORED", "cmd_set total_items"),
    ("append j 0 0 1\r\n5", "NOT_STORED", "cmd_set"),
    ("prepend k 0 0 1\r\n5", "STORED", "cmd_set total_items"),
    ("prepend j 0 0 1\r\n5", "NOT_STORED", "cmd_set"),
    ("cas k 0 0 1 1\r\n5", "EXISTS", "cmd_set cas_badval"),
    ("cas j 0 0 1 1\r\n5", "NOT_FOUND", "cmd_set cas_misses"),
    ("set k 0 0 1\r\n5xxfoobar", "CLIENT_ERROR bad data chunk\r\nERROR", "cmd_set"),
    ("set k 0 0 1\r\n9", "STORED", "cmd_set total_items"),
    ("incr k 1", "10", "incr_hits total_items"),
    ("incr k 1", "11", "incr_hits"),
    ("decr k 1", "10", "decr_hits"),
    ("incr j 1", "NOT_FOUND", "incr_misses"),
    ("decr j 1", "NOT_FOUND", "decr_misses"),
    ("touch k 100", "TOUCHED", "cmd_touch touch_hits"),
    ("touch j 100", "NOT_FOUND", "cmd_touch touch_misses"),
    ("delete k", "DELETED", "delete_hits"),
    ("delete k", "NOT_FOUND", "delete_misses"),
    // Sent in one write, since an expired item may be reclaimed at any time.
    ("set d 0 -1 1\r\n5\r\nget d", "STORED\r\nEND",
        "cmd_set total_items cmd_get get_misses get_expired"),
    ("set d 0 -1 1\r\n5\r\ndelete d", "STORED\r\nNOT_FOUND",
        "cmd_set total_items delete_misses get_expired"),
    ("set d 0 -1 1\r\n5\r\ntouch d 0", "STORED\r\nNOT_FOUND",
        "cmd_set total_items cmd_touch touch_misses get_expired"),
    ("set d 0 -1 1\r\n5\r\nincr d 1", "STORED\r\nNOT_FOUND",
        "cmd_set total_items incr_misses get_expired"),
    ("set d 0 -1 1\r\n5\r\nadd d 0 -1 1\r\n5\r\nget d", "STORED\r\nSTORED\r\nEND",
        "cmd_set cmd_set total_items total_items cmd_get get_misses get_expired get_expired"),
    ("set d 0 -1 1\r\n5\r\nme d", "STORED\r\nEN", "cmd_set total_items cmd_meta get_expired"),
    ("mg a", "HD", "cmd_get get_hits"),
    ("mg a v", "VA 1\r\n5", "cmd_get get_hits"),
    ("mg a T30", "HD", "cmd_touch touch_hits"),
    ("mg j v", "EN", "cmd_get get_misses"),
    ("mg j N30 v", "VA 0 W\r\n", "cmd_get get_hits total_items"),
    ("mg a k u v", "VA 1 ka\r\n5", "cmd_get get_hits"),
    ("ms m 1\r\nx", "HD", "cmd_set total_items"),
    ("ms m 1 ME\r\nx", "NS", "cmd_set"),
    ("ms m 1 C1\r\nx", "EX", "cmd_set cas_badval"),
    ("ms m 1 E1000\r\nx", "HD", "cmd_set total_items"),
    ("ms m 1 C999 I\r\nx", "HD", "cmd_set cas_hits total_items"),
    ("ms n 1 MA\r\nx", "NS", "cmd_set"),
    ("ms n 1 MA N0\r\nx", "HD", "cmd_set total_items"),
    ("md n", "HD", "delete_hits"),
    ("md n", "NF", "delete_misses"),
    ("md m I", "HD", ""),
    ("md m x", "HD", "delete_hits total_items"),
    ("md m x I", "HD", "total_items"),
    // An item that no get has read. memcached replaces one that was read, as long as its LRU
    // maintainer holds it.
    ("ma c N0 J5", "HD", "total_items"),
    ("ma c", "HD", "incr_hits"),
    ("ma zz", "NF", "incr_misses"),
    ("ma c MD", "HD", "decr_hits"),
    ("ma zz MD", "NF", "decr_misses"),
    ("me zz", "EN", "cmd_meta"),
    ("mn", "MN", ""),
    ("verbosity 0", "OK", ""),
    ("foo", "ERROR", ""),
    // Sent in one write, as above.
    ("flush_all\r\nget a\r\ntouch c 0", "OK\r\nEND\r\nNOT_FOUND",
        "cmd_flush cmd_get get_misses cmd_touch touch_misses"),
];

fn every_request_moves_its_counters_and_no_others(kind: ServerKind) {
    let server = ServerProcess::new(kind, 1);
    let (mut client, mut watcher) = (server.connect(), server.connect());
    client.round_trip();
    let mut before = numbers(&mut watcher);
    for (request, reply, counters) in TEXT {
        client.expect(format!("{request}\r\n"), format!("{reply}\r\n"));
        let after = numbers(&mut watcher);
        assert_eq!(changes(&before, &after), expected_changes(counters), "after {request:?}");
        before = after;
    }
    let value = "x".repeat(2 << 20);
    client.expect(
        format!("set k 0 0 {}\r\n{value}\r\n", value.len()),
        "SERVER_ERROR object too large for cache\r\n",
    );
    let after = numbers(&mut watcher);
    assert_eq!(changes(&before, &after), expected_changes("store_too_large"));
}

const GET: u8 = 0x00;
const SET: u8 = 0x01;
const ADD: u8 = 0x02;
const DELETE: u8 = 0x04;
const INCREMENT: u8 = 0x05;
const FLUSH: u8 = 0x08;
const STAT: u8 = 0x10;
const TOUCH: u8 = 0x1c;

fn ask(client: &mut WireClient, packet: &Packet) -> Packet {
    client.send(&packet.bytes());
    read(client)
}

fn read(client: &mut WireClient) -> Packet {
    let bytes = client.read_until(|received| Some(Packet::read(received)?.1));
    Packet::read(&bytes).expect("it was whole").0
}

fn binary_requests_count_as_well(kind: ServerKind) {
    let server = ServerProcess::new(kind, 1);
    let (mut client, mut watcher) = (server.connect(), server.connect());
    ask(&mut client, &Packet::request(GET).key("k"));
    let mut before = numbers(&mut watcher);
    let change = [&1_u64.to_be_bytes()[..], &5_u64.to_be_bytes(), &[0xff; 4]].concat();
    let create = [&1_u64.to_be_bytes()[..], &5_u64.to_be_bytes(), &[0; 4]].concat();
    let store = |opcode| Packet::request(opcode).key("k").value("7").extra(&[0; 8]);
    let table = [
        (Packet::request(GET).key("k"), "cmd_get get_misses"),
        (store(SET), "cmd_set total_items"),
        // Sent before reads, which may hold the item.
        (Packet::request(INCREMENT).key("k").extra(&change), "incr_hits"),
        (store(ADD), "cmd_set"),
        (store(SET).cas(1), "cmd_set cas_badval"),
        (Packet::request(GET).key("k"), "cmd_get get_hits"),
        (Packet::request(TOUCH).key("k").extra(&[0, 0, 0, 9]), "cmd_touch touch_hits"),
        (Packet::request(TOUCH).key("j").extra(&[0, 0, 0, 9]), "cmd_touch touch_misses"),
        (Packet::request(INCREMENT).key("j").extra(&change), "incr_misses"),
        (Packet::request(INCREMENT).key("j").extra(&create), "total_items"),
        (Packet::request(DELETE).key("k"), "delete_hits"),
        (Packet::request(DELETE).key("k"), "delete_misses"),
        (Packet::request(FLUSH), "cmd_flush"),
    ];
    for (packet, counters) in table {
        ask(&mut client, &packet);
        let after = numbers(&mut watcher);
        assert_eq!(changes(&before, &after), expected_changes(counters), "after {packet:?}");
        before = after;
    }
}

/// Counters are sums over all shards, on every connection.
fn shards_add_up(kind: ServerKind) {
    for threads in [1, 4] {
        let server = ServerProcess::new(kind, threads);
        let mut clients: Vec<WireClient> = (0..5).map(|_| server.connect()).collect();
        for number in 0..500 {
            let client = &mut clients[number % 5];
            client.expect(format!("set k{number} 0 0 1\r\nx\r\n"), "STORED\r\n");
            let hit = format!("VALUE k{number} 0 1\r\nx\r\nEND\r\n");
            client.expect(format!("get k{number} absent{number}\r\n"), hit);
        }
        for number in 0..100 {
            clients[0].expect(format!("delete k{number}\r\n"), "DELETED\r\n");
        }
        let stat = |name| server.stat(name);
        assert_eq!((stat("cmd_set"), stat("total_items"), stat("curr_items")), (500, 500, 400));
        assert_eq!((stat("cmd_get"), stat("get_hits"), stat("get_misses")), (1000, 500, 500));
        assert_eq!(stat("delete_hits"), 100);
        let connections = stat("total_connections");
        assert_eq!(stat("total_connections"), connections + 1);
        let client = &mut clients[0];
        let (slabs, items) = (client.stats("slabs"), client.stats("items"));
        let sum = |stats: &[(String, String)], name: &str| -> u64 {
            let of_classes = stats.iter().filter(|(it, _)| it.rsplit(':').next() == Some(name));
            of_classes.map(|(_, value)| value.parse::<u64>().expect("a number")).sum()
        };
        assert_eq!(sum(&slabs, "used_chunks"), 400);
        assert_eq!(sum(&slabs, "total_chunks") - sum(&slabs, "free_chunks"), 400);
        assert_eq!((sum(&slabs, "cmd_set"), sum(&slabs, "get_hits")), (500, 500));
        assert_eq!((sum(&slabs, "delete_hits"), sum(&items, "number")), (100, 400));
        assert_eq!(sum(&items, "mem_requested"), stat("bytes"));
        client.expect("stats reset\r\n", "RESET\r\n");
        let slabs = client.stats("slabs");
        assert_eq!((sum(&slabs, "cmd_set"), sum(&slabs, "used_chunks")), (0, 400));
    }
}

/// Lines to watchers are counted for the whole server.
fn a_reset_takes_off_what_no_shard_counts(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let (mut client, mut watcher) = (server.connect(), server.connect());
    watcher.expect("watch fetchers\r\n", "OK\r\n");
    client.expect("get a\r\n", "END\r\n");
    watcher.read_line();
    let lines = ["log_worker_written", "log_watcher_sent"];
    let counts = |client: &mut WireClient| -> Vec<u64> {
        let counts = lines.map(|name| client.stat(name).expect("a number"));
        counts.iter().map(|count| count.parse().expect("a number")).collect()
    };
    while counts(&mut client).contains(&0) {}
    client.expect("stats reset\r\n", "RESET\r\n");
    assert_eq!(counts(&mut client), [0, 0]);
    client.expect("get a\r\n", "END\r\n");
    watcher.read_line();
    while counts(&mut client) != [1, 1] {}
}

fn sizes_are_counted_if_wanted(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-o", "track_sizes"]).start();
    let mut client = server.connect();
    assert_eq!(client.stats("sizes"), []);
    for (key, bytes) in [("a", 1), ("b", 1), ("c", 1), ("d", 1000), ("a", 700)] {
        let value = "x".repeat(bytes);
        client.expect(format!("set {key} 0 0 {bytes}\r\n{value}\r\n"), "STORED\r\n");
    }
    client.expect("touch b 100\r\n", "TOUCHED\r\n");
    client.expect("delete c\r\n", "DELETED\r\n");
    client.expect("append d 0 0 1\r\nx\r\n", "STORED\r\n");
    let sizes = client.stats("sizes");
    let counts: Vec<u64> =
        sizes.iter().map(|(_, items)| items.parse().expect("a number")).collect();
    assert_eq!(counts, [1, 1, 1], "{sizes:?}");
    let bytes: Vec<u64> = sizes.iter().map(|(bytes, _)| bytes.parse().expect("a size")).collect();
    assert!(bytes.iter().all(|bytes| bytes % 32 == 0), "{sizes:?}");
    let all: u64 = bytes.iter().sum();
    assert!((0..96).contains(&(all - server.stat("bytes"))), "{sizes:?}");
    client.expect("flush_all\r\nget a b d\r\n", "OK\r\nEND\r\n");
}

fn prefixes_are_counted_if_wanted(kind: ServerKind) {
    let server = ServerOptions::new(kind, 2).arguments(&["-D", "/"]).start();
    let mut client = server.connect();
    let mut dump = |requests: &[(&str, &str)]| {
        for (request, reply) in requests {
            client.expect(format!("{request}\r\n"), format!("{reply}\r\n"));
        }
        client.send(b"stats detail dump\r\n");
        let mut lines = Vec::new();
        loop {
            let line = String::from_utf8(client.read_line()).expect("text");
            if line == "END\r\n" {
                lines.sort();
                return lines.concat();
            }
            lines.push(line);
        }
    };
    let requests = [
        ("set a/b 0 0 1\r\nx", "STORED"),
        ("add a/b 0 0 1\r\nx", "NOT_STORED"),
        ("get a/b", "VALUE a/b 0 1\r\nx\r\nEND"),
        ("get a/x a/b none", "VALUE a/b 0 1\r\nx\r\nEND"),
        ("gat 0 a/b", "VALUE a/b 0 1\r\nx\r\nEND"),
        ("gets /x b/c/d", "END"),
        ("mg a/b v", "VA 1\r\nx"),
        ("ms a/m 1\r\nx", "HD"),
        ("md a/m", "HD"),
        ("touch a/b 0", "TOUCHED"),
        ("incr a/c 1", "NOT_FOUND"),
        ("delete a/b", "DELETED"),
        ("delete a/b", "NOT_FOUND"),
    ];
    let counted = "PREFIX  get 1 hit 0 set 0 del 0\r\nPREFIX a get 4 hit 3 set 2 del 2\r\n\
                   PREFIX b get 1 hit 0 set 0 del 0\r\n";
    assert_eq!(dump(&requests), counted);
    assert_eq!(dump(&[("stats detail off", "OK"), ("get a/b", "END")]), counted);
    assert_eq!(dump(&[("stats reset", "RESET")]), "");
    assert_eq!(dump(&[("get a/b", "END")]), "");
    let again = [("stats detail on", "OK"), ("get a/b", "END")];
    let line = "PREFIX a get 1 hit 0 set 0 del 0\r\n";
    assert_eq!(dump(&again), line);
    let mut client = server.connect();
    let dumped = ask(&mut client, &Packet::request(STAT).key("detail dump"));
    assert_eq!(
        (&dumped.key[..], &dumped.value[..]),
        (&b"detailed"[..], format!("{line}END\r\n").as_bytes())
    );
    assert_eq!(read(&mut client).key, b"");
    assert_eq!(ask(&mut client, &Packet::request(STAT).key("detail foo")).status, 1);
}

fn connections_are_described(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut clients: Vec<WireClient> = (0..4).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(WireClient::round_trip);
    // An incomplete value.
    clients[1].send(b"set k 0 0 100\r\nhalf");
    let port = server.port();
    for _ in 0..200 {
        let stats = clients[0].stats("conns");
        let values = |name: &str| {
            let found = stats.iter().filter(|(it, _)| it.rsplit(':').next() == Some(name));
            found.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let here = format!("tcp:127.0.0.1:{port}");
        assert_eq!(values("listen_addr"), vec![here.clone(); values("listen_addr").len()]);
        assert_eq!(values("addr").iter().filter(|it| **it == here).count(), 1, "the listener");
        assert_eq!(values("addr").len(), values("state").len());
        let count = |state: &str| values("state").iter().filter(|it| *it == state).count();
        if values("listen_addr").len() == 4 && count("conn_nread") == 1 {
            assert_eq!((count("conn_listening"), count("conn_parse_cmd")), (1, 1), "{stats:?}");
            assert_eq!(count("conn_read"), 2, "{stats:?}");
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("four connections are not all there");
}
