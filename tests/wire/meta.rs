//! Meta commands as clients use them: of many readers of a missing, stale or ageing value, one is
//! asked to fetch it again.

use std::sync::Barrier;
use std::thread;

use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};

on_both! {
    of_many_readers_of_a_miss_one_wins,
    of_many_readers_of_a_stale_value_one_wins,
    of_many_readers_of_an_ageing_value_one_wins,
    quiet_commands_end_at_a_fence,
    without_memory_nothing_is_created,
    every_outcome_has_its_counter;
    since_45: a_quiet_ma_that_creates_says_nothing,
    wrong_flags_are_named,
    words_that_cannot_be_flags_spoil_the_line,
}

const CLIENTS: usize = 16;
const KEYS: usize = 50;

/// All clients send `read` at once, for one key after the other. One reply for each key has a `W`,
/// and the others are `loser`.
fn one_wins(server: &ServerProcess, read: &str, loser: &str) {
    let together = Barrier::new(CLIENTS);
    let replies: Vec<Vec<String>> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let mut client = server.connect();
                let together = &together;
                scope.spawn(move || {
                    let ask = |number| {
                        together.wait();
                        client.send(read.replace("KEY", &format!("k{number}")).as_bytes());
                        let line = String::from_utf8(client.read_line()).expect("an ASCII line");
                        let value_bytes = line
                            .strip_prefix("VA ")
                            .and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
                        client.read_exact(value_bytes.map_or(0, |bytes| bytes + 2));
                        line
                    };
                    (0..KEYS).map(ask).collect()
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    });
    for key in 0..KEYS {
        let lines: Vec<&str> = replies.iter().map(|of_client| of_client[key].as_str()).collect();
        let winners = lines.iter().filter(|line| line.trim_end().ends_with(" W")).count();
        let losers = lines.iter().filter(|line| **line == loser).count();
        assert_eq!((winners, losers), (1, CLIENTS - 1), "k{key}: {lines:?}");
    }
}

/// Number of threads with which exactly one reader wins. memcached marks the winner of a present
/// value without the item's lock, so two of its threads sometimes name one each.
fn threads_that_agree(kind: ServerKind) -> usize {
    match kind {
        ServerKind::Slabcore => 2,
        ServerKind::Stock => 1,
    }
}

fn of_many_readers_of_a_miss_one_wins(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    one_wins(&server, "mg KEY N60 v\r\n", "VA 0 Z\r\n");
    // The winner's value ends the competition.
    let mut client = server.connect();
    client.expect("ms k0 2 T60\r\nhi\r\nmg k0 N60 v\r\n", "HD\r\nVA 2\r\nhi\r\n");
}

fn of_many_readers_of_a_stale_value_one_wins(kind: ServerKind) {
    let server = ServerProcess::new(kind, threads_that_agree(kind));
    let mut client = server.connect();
    for key in 0..KEYS {
        client.expect(format!("ms k{key} 2\r\nhi\r\nmd k{key} I T30\r\n"), "HD\r\nHD\r\n");
    }
    one_wins(&server, "mg KEY v\r\n", "VA 2 Z X\r\n");
    client.expect("ms k0 2\r\nyo\r\nmg k0 v\r\n", "HD\r\nVA 2\r\nyo\r\n");
}

fn of_many_readers_of_an_ageing_value_one_wins(kind: ServerKind) {
    let server = ServerProcess::new(kind, threads_that_agree(kind));
    let mut client = server.connect();
    for key in 0..KEYS {
        client.expect(format!("ms k{key} 2 T1000\r\nhi\r\n"), "HD\r\n");
    }
    client.expect("mg k0 v R500\r\n", "VA 2\r\nhi\r\n");
    one_wins(&server, "mg KEY v R2000\r\n", "VA 2 Z\r\n");
}

/// A client that fetches many keys gets replies for hits only, and the fence's reply after them.
fn quiet_commands_end_at_a_fence(kind: ServerKind) {
    const BATCH: usize = 2_000;
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    let (mut request, mut reply) = (Vec::new(), Vec::new());
    for number in 0..BATCH {
        let (hit, absent) = (format!("q{number}"), format!("absent{number}"));
        let commands = [
            format!("ms {hit} 2 q\r\nhi\r\n"),
            format!("mg {hit} q v k O{number}\r\n"),
            format!("mg {absent} q v k\r\n"),
            format!("md {hit} q\r\n"),
            format!("md {hit} q O{number}\r\n"),
        ];
        request.push(commands.concat());
        reply.push(format!("VA 2 k{hit} O{number}\r\nhi\r\nNF O{number}\r\n"));
    }
    request.push("mn\r\n".to_owned());
    reply.push("MN\r\n".to_owned());
    let (request, reply) = (request.concat(), reply.concat());
    let got = thread::scope(|scope| {
        let sender = client.sender();
        scope.spawn(move || sender.send(request.as_bytes()));
        client.read_exact(reply.len())
    });
    assert!(got == reply.as_bytes());
}

fn a_quiet_ma_that_creates_says_nothing(kind: ServerKind) {
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    client.expect("ma a N0 q\r\nma b N0 J5 q v k O1 c t\r\nmn\r\n", "MN\r\n");
    client.expect("ma b q\r\nma c q\r\nma c N0 J7\r\n", "NF\r\nHD\r\n");
    client.expect(
        "get a b c\r\n",
        "VALUE a 0 1\r\n0\r\nVALUE b 0 1\r\n6\r\nVALUE c 0 1\r\n7\r\nEND\r\n",
    );
}

/// `mg` and `md` say which flag is wrong, `ms` also discards its value, `ma` has one message for
/// all.
fn wrong_flags_are_named(kind: ServerKind) {
    const FORMAT: &str = "CLIENT_ERROR bad command line format\r\n";
    const TOKEN: &str = "CLIENT_ERROR bad token in command line format\r\n";
    const INVALID: &str = "CLIENT_ERROR invalid flag\r\n";
    const DUPLICATE: &str = "CLIENT_ERROR duplicate flag\r\n";
    const DECODING: &str = "CLIENT_ERROR error decoding key\r\n";
    const DELTA: &str = "CLIENT_ERROR invalid numeric delta value\r\n";
    const INITIAL: &str = "CLIENT_ERROR invalid numeric initial value\r\n";
    const MANY: &str = "CLIENT_ERROR options flags are too long\r\n";
    let wrong = [
        ("z", INVALID),
        ("0", INVALID),
        ("^", INVALID),
        ("noreply", INVALID),
        ("S2", INVALID),
        ("v v", DUPLICATE),
        ("T1 T1", DUPLICATE),
        ("Tx z", INVALID),
        ("Tx v v", DUPLICATE),
        ("T", TOKEN),
        ("Tx", TOKEN),
        ("N2147483648", TOKEN),
        ("R+1", TOKEN),
        ("C-1", TOKEN),
        ("E18446744073709551616", TOKEN),
        ("Fx", FORMAT),
        ("F4294967296", FORMAT),
        ("F000000000005", FORMAT),
        ("Fx Tx", TOKEN),
        ("Tx Fx", TOKEN),
        ("Dx", DELTA),
        ("J", INITIAL),
        ("Dx Jx", INITIAL),
        ("b", DECODING),
        ("b Tx", TOKEN),
        ("Tx b", DECODING),
        ("b k O q c E1 N1 R1 s t f h l u v F1 I x D1", MANY),
        ("b k O q c E1 N1 R1 s t f h l u v F1 I x z", MANY),
    ];
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    for (flags, error) in wrong {
        client.expect(format!("mg !! {flags}\r\n"), error);
        client.expect(format!("md !! {flags}\r\n"), error);
        client.expect(format!("ms !! 9 {flags}\r\nflush_all\r\n"), error);
        client.expect(format!("ma !! {flags}\r\n"), "CLIENT_ERROR invalid or duplicate flag\r\n");
    }
    let (fits, long) = ("o".repeat(31), "o".repeat(32));
    for (command, value, status) in
        [("mg k", "", "EN"), ("md k", "", "NF"), ("ma k", "", "NF"), ("ms k 1", "1\r\n", "HD")]
    {
        let reply = format!("{status} O{fits}\r\n");
        client.expect(format!("{command} O{fits}\r\n{value}"), reply);
        let error = "CLIENT_ERROR opaque token too long\r\n";
        client.expect(format!("{command} O{long}\r\n{value}"), error);
    }
    for mode in ["MZ", "M", "Me"] {
        client.expect(
            format!("ma k {mode}\r\nms k 1 {mode}\r\n1\r\n"),
            "CLIENT_ERROR invalid mode for ma M token\r\n\
             CLIENT_ERROR invalid mode for ms M token\r\n",
        );
    }
    client.expect("ms k 1 M\0\r\n5\r\nma k M\0 v\r\n", "HD\r\nVA 1\r\n6\r\n");
}

/// memcached refuses them before it knows the command's length, so it reads the value of `ms` as a
/// command.
fn words_that_cannot_be_flags_spoil_the_line(kind: ServerKind) {
    const FORMAT: &str = "CLIENT_ERROR bad command line format\r\n";
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    for flags in ["-", "\t", "\0", "\u{7f}", "\u{e9}", "v v +", "z !"] {
        for command in ["mg", "md", "ma", "me"] {
            client.expect(format!("{command} k {flags}\r\n"), FORMAT);
        }
        client.expect(format!("ms k 2 {flags}\r\nmn\r\n"), format!("{FORMAT}MN\r\n"));
    }
    // Only the first 23 words of a longer line are checked.
    let many = "v ".repeat(20);
    client.expect(format!("mg k {many}-\r\n"), FORMAT);
    client.expect(format!("mg k v {many}-\r\n"), "CLIENT_ERROR options flags are too long\r\n");
    client.expect("me k x y\r\nme !! b\r\nme !! b x\r\n", format!("EN\r\nEN\r\n{FORMAT}"));
}

/// The server is full and may not evict. Its items are as large as the requested ones.
fn without_memory_nothing_is_created(kind: ServerKind) {
    let server = ServerOptions::new(kind, 1).arguments(&["-M", "-m", "4"]).start();
    let mut client = server.connect();
    let is_full = (0..1000).any(|round| {
        let sets = (0..100).map(|number| format!("ms {:0>200} 0\r\n\r\n", round * 100 + number));
        client.send((sets.collect::<String>() + "mn\r\n").as_bytes());
        let replies = client.read_until(|it| it.ends_with(b"MN\r\n").then_some(it.len()));
        replies.windows(6).any(|bytes| bytes == b"SERVER")
    });
    assert!(is_full);
    let [refused, misses] = ["store_no_memory", "get_misses"].map(|name| server.stat(name));
    let key = |letter: &str| letter.repeat(200);
    client.expect(format!("mg {} N0 v\r\n", key("a")), "EN\r\n");
    client.expect(format!("mg {} N0 k O1\r\n", key("a")), format!("EN k{} O1\r\n", key("a")));
    client.expect(format!("mg {} N0 T0 q\r\nmn\r\n", key("a")), "MN\r\n");
    assert_eq!(server.stat("get_misses"), misses + 3);
    let error = "SERVER_ERROR Out of memory allocating new item\r\n";
    client.expect(format!("ma {} N0 q\r\n", key("b")), error);
    assert_eq!(server.stat("store_no_memory"), refused);
    let error = "SERVER_ERROR out of memory storing object\r\n";
    client.expect(format!("ms {} 0 q\r\n\r\n", key("c")), error);
}

/// Each line has a request and the counters that it increments by one. All others must stay.
// long: a table
fn every_outcome_has_its_counter(kind: ServerKind) {
    const NAMES: [&str; 18] = [
        "cmd_get",
        "get_hits",
        "get_misses",
        "cmd_set",
        "cmd_touch",
        "cmd_meta",
        "touch_hits",
        "touch_misses",
        "delete_hits",
        "delete_misses",
        "incr_hits",
        "incr_misses",
        "decr_hits",
        "decr_misses",
        "cas_hits",
        "cas_misses",
        "cas_badval",
        "total_items",
    ];
    let table: &[(&str, &str, &[&str])] = &[
        ("mg a\r\n", "EN\r\n", &["cmd_get", "get_misses"]),
        ("mg a T5\r\n", "EN\r\n", &["cmd_get", "get_misses"]),
        ("ms a 2\r\nhi\r\n", "HD\r\n", &["cmd_set", "total_items"]),
        ("mg a s\r\n", "HD s2\r\n", &["cmd_get", "get_hits"]),
        ("mg a T0\r\n", "HD\r\n", &["cmd_touch", "touch_hits"]),
        ("mg n N0\r\n", "HD W\r\n", &["cmd_get", "get_hits", "total_items"]),
        ("mg m N0 T0\r\n", "HD W\r\n", &["cmd_touch", "touch_hits", "total_items"]),
        ("ms a 2 ME\r\nhi\r\n", "NS\r\n", &["cmd_set"]),
        ("ms b 2 MA N0\r\n10\r\n", "HD\r\n", &["cmd_set", "total_items"]),
        ("ms a 2 C0\r\nhi\r\n", "EX\r\n", &["cmd_set", "cas_badval"]),
        ("ms c 2 C5\r\nhi\r\n", "NF\r\n", &["cmd_set", "cas_misses"]),
        ("ms a 2 E70000\r\nhi\r\n", "HD\r\n", &["cmd_set", "total_items"]),
        ("ms a 2 C70000\r\nhi\r\n", "HD\r\n", &["cmd_set", "cas_hits", "total_items"]),
        ("ms a 2 MA C70000\r\nhi\r\n", "EX\r\n", &["cmd_set"]),
        ("ma b\r\n", "HD\r\n", &["incr_hits"]),
        ("ma b MD\r\n", "HD\r\n", &["decr_hits"]),
        ("ma b C70000\r\n", "EX\r\n", &[]),
        ("ma c\r\n", "NF\r\n", &["incr_misses"]),
        ("ma c MD\r\n", "NF\r\n", &["decr_misses"]),
        ("ma c N0\r\n", "HD\r\n", &["total_items"]),
        ("md a C70000\r\n", "EX\r\n", &["delete_misses"]),
        ("md a I\r\n", "HD\r\n", &[]),
        ("md a x\r\n", "HD\r\n", &["delete_hits", "total_items"]),
        ("md a\r\n", "HD\r\n", &["delete_hits"]),
        ("md a I\r\n", "NF\r\n", &["delete_misses"]),
        ("me a\r\n", "EN\r\n", &["cmd_meta"]),
        ("mn\r\n", "MN\r\n", &[]),
        ("ms a 2 z\r\nhi\r\n", "CLIENT_ERROR invalid flag\r\n", &[]),
    ];
    let server = ServerProcess::new(kind, 1);
    let mut client = server.connect();
    let read = || {
        let stats = server.connect().stats("");
        NAMES.map(|name| {
            let found = stats.iter().find(|(found, _)| found == name);
            let (_, value) = found.unwrap_or_else(|| panic!("stats has no {name}"));
            value.parse::<u64>().expect("a number")
        })
    };
    let mut before = read();
    for (request, reply, changes) in table {
        client.expect(request, reply);
        let after = read();
        for (at, name) in NAMES.iter().enumerate() {
            let steps = after[at] - before[at];
            assert_eq!(steps, u64::from(changes.contains(name)), "{name} after {request:?}");
        }
        before = after;
    }
}
