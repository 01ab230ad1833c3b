//! What slabcore's Redis dialect does beside the replies of single commands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use slabcore_testkit::redis_client::{RedisClient, RedisReply, encoded};
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::test_directory::TestDirectory;

fn options(threads: usize) -> ServerOptions {
    ServerOptions::new(ServerKind::Slabcore, threads).arguments(&["--redis-port", "-1"])
}

/// Sends each line as an inline command. The replies are in the form of `Debug`.
fn check(client: &mut RedisClient, session: &[(&str, &str)]) {
    for (line, expected) in session {
        assert_eq!(client.line(line), *expected, "{line}");
    }
}

/// redis-py, go-redis, hiredis and others write a whole pipeline before they read the first reply.
/// A server that stops reading while its output is full waits for ever.
#[test]
fn a_pipeline_is_read_while_nobody_reads_the_replies() {
    for threads in [1, 2] {
        let server = options(threads).start();
        let mut client = server.connect_redis();
        let value = "v".repeat(10_000);
        for key in ["a", "b", "c", "d"] {
            assert_eq!(format!("{:?}", client.command(&["SET", key, &value])), "+OK");
        }
        // 200 MB of replies to 9 MB of requests.
        let input = ["a", "b", "c", "d"].map(|key| encoded(&["GET", key])).concat();
        let input = input.repeat(5_000);
        let long = encoded(&["ECHO", &"e".repeat(1_000)]).repeat(8_000);
        client.send(&input);
        client.send(&long);
        for _ in 0..20_000 {
            assert!(client.reply().bulk() == Some(value.as_bytes()));
        }
        for _ in 0..8_000 {
            assert_eq!(client.reply().bulk().map(<[u8]>::len), Some(1_000));
        }
    }
}

/// Long values are not copied into replies. Then the item may be gone before its value is sent, or
/// only a part of it is.
#[test]
fn long_values_are_sent_whole_although_their_items_are_gone() {
    let value: String =
        (0..100_000).map(|at| char::from(b'a' + (at ^ at >> 8) as u8 % 26)).collect();
    for threads in [1, 2] {
        let server = options(threads).start();
        let mut client = server.connect_redis();
        let keys: Vec<String> = (0..8).map(|number| format!("key{number}")).collect();
        for key in &keys {
            let commands: [&[&str]; 12] = [
                &["SET", key, &value],
                &["GETRANGE", key, "10", "90000"],
                &["GETSET", key, "short"],
                &["GET", key],
                &["SET", key, &value, "GET"],
                &["GETDEL", key],
                &["GET", key],
                &["SET", key, &value],
                &["GETEX", key, "PXAT", "1"],
                &["SET", key, &value],
                // Nobody reads this one, nor its value.
                &["CLIENT", "REPLY", "SKIP"],
                &["GETDEL", key],
            ];
            client.send(&commands.map(encoded).concat());
            client.send(&encoded(&["EXISTS", key]));
            let whole = Some(value.as_bytes());
            let ok = |client: &mut RedisClient| assert_eq!(format!("{:?}", client.reply()), "+OK");
            ok(&mut client);
            assert!(client.reply().bulk() == Some(&value.as_bytes()[10..=90_000]));
            assert!(client.reply().bulk() == whole);
            assert_eq!(client.reply().bulk(), Some(&b"short"[..]));
            assert_eq!(client.reply().bulk(), Some(&b"short"[..]));
            assert!(client.reply().bulk() == whole);
            assert_eq!(client.reply().bulk(), None);
            ok(&mut client);
            assert!(client.reply().bulk() == whole);
            ok(&mut client);
            assert_eq!(format!("{:?}", client.reply()), ":0");
        }
    }
}

/// One store, two dialects: what one writes the other reads.
#[test]
fn both_dialects_have_the_same_items() {
    let server = options(2).start();
    let (mut redis, mut text) = (server.connect_redis(), server.connect());
    text.expect("set a 7 0 2\r\n10\r\n", "STORED\r\n");
    check(&mut redis, &[("get a", "\"10\""), ("incr a", ":11"), ("ttl a", ":-1")]);
    // A change keeps the flags, a new value has none.
    text.expect("get a\r\n", "VALUE a 7 2\r\n11\r\nEND\r\n");
    check(&mut redis, &[("set a x", "+OK"), ("set b 5 ex 100", "+OK"), ("append a y", ":2")]);
    text.expect("get a\r\n", "VALUE a 0 2\r\nxy\r\nEND\r\n");
    text.expect("incr b 3\r\n", "8\r\n");
    check(&mut redis, &[("get b", "\"8\""), ("ttl b", ":100")]);
    // A change by one dialect is a change to the other: the cas unique is another one.
    for change in ["set a z", "append a z", "expire a 100", "persist a", "incrby a 0"] {
        check(&mut redis, &[("set a 1", "+OK"), ("expire a 50", ":1")]);
        text.send(b"gets a\r\n");
        let line = String::from_utf8(text.read_line()).expect("ASCII");
        let unique = line.trim().rsplit(' ').next().expect("a unique").to_owned();
        text.expect_reply("1\r\nEND\r\n");
        redis.line(change);
        text.expect(format!("cas a 0 0 1 {unique}\r\n2\r\n"), "EXISTS\r\n");
    }
    // memcached has database 0.
    check(&mut redis, &[("select 3", "+OK"), ("set only3 1", "+OK"), ("get a", "$-1")]);
    text.expect("get only3\r\n", "END\r\n");
}

#[test]
fn the_first_byte_tells_on_a_shared_port() {
    let server = ServerProcess::new(ServerKind::Slabcore, 2);
    let mut client = RedisClient::tcp(server.port()).expect("it accepts");
    assert_eq!(format!("{:?}", client.command(&["SET", "k", "v"])), "+OK");
    check(&mut client, &[("get k", "\"v\"")]);
    let mut text = server.connect();
    text.expect("get k\r\n", "VALUE k 0 1\r\nv\r\nEND\r\n");
    let unix = ServerOptions::new(ServerKind::Slabcore, 1).on_unix_socket().start();
    let mut client = RedisClient::unix(unix.socket_path()).expect("it accepts");
    assert_eq!(format!("{:?}", client.command(&["PING"])), "+PONG");
}

#[test]
fn logins() {
    let directory = TestDirectory::new();
    let file = directory.file("users");
    std::fs::write(&file, "default:word\nother:secret\n").expect("the file of users");
    let server = options(1).arguments(&["-Y", file.to_str().expect("UTF-8")]).start();
    let mut client = RedisClient::tcp(server.redis_port()).expect("it accepts");
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.";
    let due = "-NOAUTH Authentication required.";
    check(&mut client, &[("get k", due), ("auth nope", wrong), ("auth other word", wrong)]);
    check(&mut client, &[("ping", due), ("auth word", "+OK"), ("set k v", "+OK")]);
    check(&mut client, &[("reset", "+RESET"), ("get k", due), ("auth other secret", "+OK")]);
    let mut client = RedisClient::tcp(server.redis_port()).expect("it accepts");
    client.send(b"hello 3 auth other secret setname me\r\n");
    assert!(matches!(client.reply(), RedisReply::List(b'%', fields) if fields.len() == 14));
    check(&mut client, &[("client getname", "\"me\""), ("get k", "\"v\""), ("get x", "_")]);
    // More than a login needs is refused before it.
    let mut client = RedisClient::tcp(server.redis_port()).expect("it accepts");
    client.send(b"*1000\r\n");
    let error = "-ERR Protocol error: unauthenticated multibulk length";
    assert_eq!(format!("{:?}", client.reply()), error);
    assert!(client.rest().is_empty());
}

#[test]
fn long_keys_and_values_over_the_limit() {
    for threads in [1, 3] {
        let server = options(threads).start();
        let mut client = server.connect_redis();
        let keys: Vec<String> =
            [251, 1_024, 16_384].iter().map(|length| "k".repeat(*length)).collect();
        for key in &keys {
            assert_eq!(format!("{:?}", client.command(&["SET", key, key])), "+OK");
            assert!(client.command(&["GET", key]).bulk() == Some(key.as_bytes()));
        }
        let words: Vec<&str> = std::iter::once("MGET").chain(keys.iter().map(|it| &**it)).collect();
        let RedisReply::List(_, values) = client.command(&words) else { panic!("it is a list") };
        assert!(values.iter().zip(&keys).all(|(it, key)| it.bulk() == Some(key.as_bytes())));
        let long = "k".repeat(16_385);
        let error = "-ERR key is longer than 16384 bytes";
        assert_eq!(format!("{:?}", client.command(&["GET", &long])), error);
        let error = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
        assert_eq!(format!("{:?}", client.command(&["SET", "v", "old"])), "+OK");
        for length in [1_048_560, 1_048_576, 1_100_000, 3_000_000] {
            let value = "x".repeat(length);
            assert_eq!(format!("{:?}", client.command(&["SET", "v", &value])), error);
        }
        let most = "x".repeat(1_000_000);
        assert_eq!(format!("{:?}", client.command(&["APPEND", "v", &most])), ":1000003");
        assert_eq!(format!("{:?}", client.command(&["APPEND", "v", &most])), error);
        assert_eq!(format!("{:?}", client.command(&["SETRANGE", "v", "99999999", "x"])), error);
        assert_eq!(client.command(&["STRLEN", "v"]).integer(), Some(1_000_003));
    }
}

#[test]
fn without_evictions_memory_runs_out() {
    let server = options(1).arguments(&["-M", "-m", "8"]).start();
    let mut client = server.connect_redis();
    let value = "v".repeat(50_000);
    let full = "-OOM command not allowed when used memory > 'maxmemory'.";
    let refused = (0..1_000).find(|number| {
        let reply = client.command(&["SET", &format!("k{number}"), &value]);
        format!("{reply:?}") == full
    });
    let refused = refused.expect("8 MiB do not hold 50 MB");
    assert!(
        client.command(&["GET", &format!("k{}", refused - 1)]).bulk() == Some(value.as_bytes())
    );
    check(&mut client, &[("del k0", ":1"), ("expire k1 100", ":1")]);
}

/// Money is moved between two accounts of different shards. Nobody may see a part of a move, and no
/// money may be lost.
#[test]
fn transactions_are_isolated_over_shards() {
    const ACCOUNTS: usize = 8;
    let server = options(4).start();
    let mut client = server.connect_redis();
    for number in 0..ACCOUNTS {
        client.command(&["SET", &format!("account{number}"), "1000"]);
    }
    let ends = Arc::new(AtomicBool::new(false));
    let port = server.redis_port();
    let movers = (0..3).map(|mover: usize| {
        let ends = Arc::clone(&ends);
        thread::spawn(move || {
            let mut client = RedisClient::tcp(port).expect("it accepts");
            let mut step = mover;
            while !ends.load(Ordering::Relaxed) {
                let from = format!("account{}", step % ACCOUNTS);
                let to = format!("account{}", (step * 5 + 3) % ACCOUNTS);
                let words = [
                    encoded(&["MULTI"]),
                    encoded(&["DECRBY", &from, "7"]),
                    encoded(&["INCRBY", &to, "7"]),
                    encoded(&["EXEC"]),
                ];
                client.send(&words.concat());
                (0..4).for_each(|_| drop(client.reply()));
                step += 1;
            }
        })
    });
    let movers: Vec<_> = movers.collect();
    let gets: Vec<Vec<u8>> =
        (0..ACCOUNTS).map(|number| encoded(&["GET", &format!("account{number}")])).collect();
    let input = [encoded(&["MULTI"]), gets.concat(), encoded(&["EXEC"])].concat();
    for _ in 0..300 {
        client.send(&input);
        (0..=ACCOUNTS).for_each(|_| drop(client.reply()));
        let RedisReply::List(_, balances) = client.reply() else { panic!("EXEC has a list") };
        let number = |it: &RedisReply| -> i64 {
            let text = std::str::from_utf8(it.bulk().expect("a balance")).expect("digits");
            text.parse().expect("a number")
        };
        assert_eq!(balances.iter().map(number).sum::<i64>(), 1_000 * ACCOUNTS as i64);
    }
    ends.store(true, Ordering::Relaxed);
    for mover in movers {
        mover.join().expect("it ends");
    }
}

#[test]
fn a_watched_key_stops_a_transaction() {
    let server = options(2).start();
    let (mut client, mut other) = (server.connect_redis(), server.connect_redis());
    let changes = [
        "set w 2",
        "append w x",
        "del w",
        "expire w 100",
        "flushall",
        "getex w ex 5",
        "rename w v",
    ];
    for change in changes {
        check(&mut client, &[("set w 1", "+OK"), ("watch w nothing", "+OK")]);
        other.line(change);
        check(&mut client, &[("multi", "+OK"), ("set w 3", "+QUEUED"), ("exec", "*-1")]);
        check(&mut client, &[("set w 1", "+OK"), ("watch w", "+OK"), ("unwatch", "+OK")]);
        other.line(change);
        check(&mut client, &[("multi", "+OK"), ("set w 3", "+QUEUED"), ("exec", "*[+OK]")]);
    }
    check(&mut client, &[("watch w", "+OK"), ("multi", "+OK"), ("get w", "+QUEUED")]);
    other.line("get w");
    check(&mut client, &[("exec", "*[\"3\"]")]);
}

/// Each key that is there from begin to end is returned at least once, whatever comes and goes.
#[test]
fn scans_miss_nothing() {
    let server = options(3).start();
    let (mut client, mut other) = (server.connect_redis(), server.connect_redis());
    for number in 0..3_000 {
        client.command(&["SET", &format!("stays{number}"), "v"]);
    }
    let (mut cursor, mut seen, mut step) = ("0".to_owned(), BTreeMap::<Vec<u8>, u32>::new(), 0);
    loop {
        let reply = client.command(&["SCAN", &cursor, "MATCH", "stays*", "COUNT", "50"]);
        let RedisReply::List(_, parts) = reply else { panic!("{reply:?}") };
        let [next, RedisReply::List(_, keys)] = &parts[..] else { panic!("two parts") };
        cursor = String::from_utf8(next.bulk().expect("a cursor").to_vec()).expect("digits");
        for key in keys {
            *seen.entry(key.bulk().expect("a key").to_vec()).or_default() += 1;
        }
        for _ in 0..40 {
            other.command(&["SET", &format!("passes{step}"), "v"]);
            other.command(&["DEL", &format!("passes{}", step / 2)]);
            step += 1;
        }
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 3_000);
}

/// A take-over keeps what the client chose, a transaction under way, and watched keys.
#[test]
fn a_session_survives_a_take_over() {
    let mut server = options(2).arguments(&["--keep-memory"]).start();
    let mut client = server.connect_redis();
    client.send(b"hello 3 setname me\r\n");
    client.reply();
    check(&mut client, &[("select 2", "+OK"), ("set k 1 px 100000", "+OK"), ("watch k", "+OK")]);
    check(&mut client, &[("multi", "+OK"), ("incr k", "+QUEUED"), ("get k", "+QUEUED")]);
    server.take_over();
    check(&mut client, &[("ping", "+QUEUED"), ("exec", "*[:2, \"2\", +PONG]")]);
    check(&mut client, &[("get x", "_"), ("client getname", "\"me\""), ("dbsize", ":1")]);
    let RedisReply::Line(line) = client.command(&["PTTL", "k"]) else { panic!("an integer") };
    assert!(line.len() == 6 && line.starts_with(b":9"), "{}", line.escape_ascii());
}

#[test]
fn clients_and_statistics() {
    let server = options(2).start();
    let (mut client, mut other) = (server.connect_redis(), server.connect_redis());
    check(&mut client, &[("client setname first", "+OK"), ("client setinfo lib-name x", "+OK")]);
    check(&mut other, &[("client setname second", "+OK"), ("get k", "$-1"), ("set k v", "+OK")]);
    let list = client.command(&["CLIENT", "LIST"]);
    let list = String::from_utf8_lossy(list.bulk().expect("a text")).into_owned();
    assert!(list.contains("name=first") && list.contains("name=second"), "{list}");
    let info = client.command(&["INFO", "everything"]);
    let info = String::from_utf8_lossy(info.bulk().expect("a text")).into_owned();
    for field in [
        "redis_version:7.",
        "loading:0",
        "connected_clients:2",
        "role:master",
        "db0:keys=1,",
        "keyspace_misses:1",
        "cmdstat_set:calls=1,",
        "cluster_enabled:0",
        "maxmemory:67108864",
    ] {
        assert!(info.contains(field), "{field} is missing:\n{info}");
    }
    assert_eq!(client.line("info nonsense"), "\"\"");
}

/// Clients send arrays, and commands for one key in them are executed in groups: these were not
/// counted. Of a few items among many buckets, none was seen to expire.
#[test]
fn info_counts_grouped_commands_and_expiring_items() {
    for threads in [1, 3] {
        let server = options(threads).start();
        let mut client = server.connect_redis();
        client.line("select 3");
        for number in 0..20 {
            let key = format!("k{number}");
            let set = ["SET", &key, "v", "EX", "100"];
            let words = if number < 15 { &set[..] } else { &set[..3] };
            assert_eq!(format!("{:?}", client.command(words)), "+OK");
        }
        client.command(&["GET", "k1"]);
        client.command(&["GET", "none"]);
        client.command(&["SETEX", "k1", "100", "v"]);
        client.command(&["INCR", "k1"]);
        let info = client.command(&["INFO", "everything"]);
        let info = String::from_utf8_lossy(info.bulk().expect("a text")).into_owned();
        for field in [
            "cmdstat_set:calls=20,",
            "cmdstat_get:calls=2,",
            "cmdstat_setex:calls=1,",
            "cmdstat_incr:calls=1,",
            "db3:keys=20,expires=15,avg_ttl=",
        ] {
            assert!(info.contains(field), "{field} is missing:\n{info}");
        }
        // Up to the milliseconds that the test takes.
        let left = info.split("avg_ttl=").nth(1).and_then(|left| left.lines().next());
        let left: u64 = left.and_then(|left| left.parse().ok()).expect("a number");
        assert!((90_000..=100_000).contains(&left), "{left} ms are left");
    }
}

/// A script without keys, as that by which a plugin for blogs flushes its prefix: it walks over the
/// items of all shards, and deletes some on the way.
#[test]
fn a_script_flushes_a_prefix() {
    let flush = "local cursor, count = 0, 0 \
        repeat \
            local page = redis.call('SCAN', cursor, 'MATCH', ARGV[1] .. '*') \
            cursor = tonumber(page[1]) \
            for _, key in pairs(page[2]) do count = count + redis.call('del', key) end \
        until cursor == 0 \
        return count";
    for threads in [1, 3] {
        let server = options(threads).start();
        let mut client = server.connect_redis();
        for number in 0..500 {
            client.command(&["SET", &format!("site:{number}"), "v"]);
            client.command(&["SET", &format!("other:{number}"), "v"]);
        }
        let reply = client.command(&["EVAL", flush, "0", "site:"]);
        assert_eq!(reply.integer(), Some(500), "{reply:?}");
        check(&mut client, &[("dbsize", ":500"), ("get site:7", "$-1"), ("get other:7", "\"v\"")]);
    }
}

/// The scripts by which redis-py, Laravel and others release and extend locks.
#[test]
fn scripts_release_locks() {
    let release = "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) \
        else return 0 end";
    for threads in [1, 3] {
        let server = options(threads).start();
        let (mut client, mut other) = (server.connect_redis(), server.connect_redis());
        for key in ["lock", "another", "third"] {
            let set = ["SET", key, "token", "NX", "PX", "10000"];
            assert_eq!(format!("{:?}", client.command(&set)), "+OK");
            assert_eq!(format!("{:?}", other.command(&set)), "$-1");
            let foreign = other.command(&["EVAL", release, "1", key, "other"]);
            assert_eq!(foreign.integer(), Some(0));
            let RedisReply::Bulk(sha) = client.command(&["SCRIPT", "LOAD", release]) else {
                panic!("it has a SHA-1")
            };
            // What one executor was sent, all know.
            let words = [&b"EVALSHA"[..], &sha, b"1", key.as_bytes(), b"token"];
            assert_eq!(other.command(&words).integer(), Some(1));
            assert_eq!(other.command(&words).integer(), Some(0));
        }
        let none = "-NOSCRIPT No matching script. Please use EVAL.";
        check(&mut client, &[("evalsha 0123 0", none), ("script flush", "+OK")]);
        check(
            &mut client,
            &[("eval 'return 1' 0", ":1"), ("eval 'return {1,{2}}' 0", "*[:1, *[:2]]")],
        );
        let long = "v".repeat(100_000);
        client.command(&["SET", "long", &long]);
        let text = "return redis.call('get', KEYS[1])";
        assert!(client.command(&["EVAL", text, "1", "long"]).bulk() == Some(long.as_bytes()));
        check(
            &mut client,
            &[("multi", "+OK"), ("eval \"return 5\" 0", "+QUEUED"), ("exec", "*[:5]")],
        );
    }
}
