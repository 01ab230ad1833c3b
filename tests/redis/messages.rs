//! Messages between clients: the same sessions with slabcore and with redis-server; and what
//! slabcore does when a subscriber does not read.

use std::thread;

use slabcore_testkit::redis_client::{RedisClient, RedisReply, encoded};
use slabcore_testkit::redis_process::RedisProcess;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};

fn start(threads: usize) -> ServerProcess {
    ServerOptions::new(ServerKind::Slabcore, threads).arguments(&["--redis-port", "-1"]).start()
}

/// Plays a session with both servers. `play` is called with a function that connects.
fn with_both(play: impl Fn(&dyn Fn() -> RedisClient)) {
    for threads in [1, 3] {
        let server = start(threads);
        play(&|| server.connect_redis());
    }
    let server = RedisProcess::start();
    play(&|| server.connect());
}

/// Reads replies, in the form of `Debug`.
fn expect(client: &mut RedisClient, replies: &[&str]) {
    for reply in replies {
        assert_eq!(format!("{:?}", client.reply()), *reply);
    }
}

fn say(client: &mut RedisClient, session: &[(&str, &str)]) {
    for (line, expected) in session {
        assert_eq!(client.line(line), *expected, "{line}");
    }
}

#[test]
fn messages_go_to_channels_and_patterns() {
    with_both(|connect| {
        let mut reader = connect();
        say(&mut reader, &[("subscribe a b", "*[\"subscribe\", \"a\", :1]")]);
        expect(&mut reader, &["*[\"subscribe\", \"b\", :2]"]);
        say(&mut reader, &[("subscribe a", "*[\"subscribe\", \"a\", :2]")]);
        say(&mut reader, &[("psubscribe n?ws", "*[\"psubscribe\", \"n?ws\", :3]")]);
        let mut writers: Vec<RedisClient> = (0..4).map(|_| connect()).collect();
        for (number, writer) in writers.iter_mut().enumerate() {
            let message = format!("m{number}");
            assert_eq!(writer.line(&format!("publish a {message}")), ":1");
            expect(&mut reader, &[&format!("*[\"message\", \"a\", \"{message}\"]")]);
            assert_eq!(writer.line(&format!("publish news {message}")), ":1");
            let expected = format!("*[\"pmessage\", \"n?ws\", \"news\", \"{message}\"]");
            expect(&mut reader, &[&expected]);
            assert_eq!(writer.line("publish none x"), ":0");
        }
        let writer = &mut writers[0];
        say(writer, &[("pubsub numpat", ":1"), ("pubsub channels b*", "*[\"b\"]")]);
        say(writer, &[("pubsub numsub a x", "*[\"a\", :1, \"x\", :0]")]);
        say(&mut reader, &[("unsubscribe a x", "*[\"unsubscribe\", \"a\", :2]")]);
        expect(&mut reader, &["*[\"unsubscribe\", \"x\", :2]"]);
        say(writer, &[("publish a x", ":0"), ("publish b x", ":1")]);
        expect(&mut reader, &["*[\"message\", \"b\", \"x\"]"]);
        say(&mut reader, &[("unsubscribe", "*[\"unsubscribe\", \"b\", :1]")]);
        say(&mut reader, &[("unsubscribe", "*[\"unsubscribe\", $-1, :1]")]);
        say(&mut reader, &[("punsubscribe", "*[\"punsubscribe\", \"n?ws\", :0]")]);
        say(&mut reader, &[("punsubscribe", "*[\"punsubscribe\", $-1, :0]"), ("get k", "$-1")]);
        say(writer, &[("publish news x", ":0"), ("pubsub channels", "*[]")]);
    });
}

#[test]
fn resp2_subscribers_send_few_commands() {
    with_both(|connect| {
        let mut reader = connect();
        say(&mut reader, &[("subscribe a", "*[\"subscribe\", \"a\", :1]")]);
        let refusal = |name: &str| {
            let end = "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
                       this context";
            format!("-ERR Can't execute '{name}': {end}")
        };
        for (line, name) in [("get k", "get"), ("SET k v", "set"), ("client id", "client|id")] {
            assert_eq!(reader.line(line), refusal(name));
        }
        let wrong = "-ERR wrong number of arguments for 'get' command";
        say(&mut reader, &[("get", wrong), ("ping", "*[\"pong\", \"\"]")]);
        say(
            &mut reader,
            &[("ping x", "*[\"pong\", \"x\"]"), ("reset", "+RESET"), ("get k", "$-1")],
        );
        let mut other = connect();
        say(&mut other, &[("publish a x", ":0")]);
        say(&mut reader, &[("subscribe a", "*[\"subscribe\", \"a\", :1]"), ("quit", "+OK")]);
        assert!(reader.rest().is_empty());
        // The end of a connection ends what it has subscribed to.
        let mut last = connect();
        say(&mut last, &[("psubscribe *", "*[\"psubscribe\", \"*\", :1]")]);
        drop(last);
        while other.line("publish a x") != ":0" {}
        while other.line("pubsub numpat") != ":0" {}
    });
}

#[test]
fn resp3_subscribers_send_any_command() {
    with_both(|connect| {
        let (mut reader, mut other) = (connect(), connect());
        reader.send(b"hello 3\r\n");
        reader.reply();
        say(&mut reader, &[("subscribe a", ">[\"subscribe\", \"a\", :1]"), ("set k v", "+OK")]);
        say(&mut other, &[("publish a x", ":1")]);
        expect(&mut reader, &[">[\"message\", \"a\", \"x\"]"]);
        say(&mut reader, &[("get k", "\"v\""), ("ping", "+PONG"), ("mget k k", "*[\"v\", \"v\"]")]);
        // A client may write to itself. Redis sends the message first.
        reader.send(b"publish a y\r\n");
        let mut both = [format!("{:?}", reader.reply()), format!("{:?}", reader.reply())];
        both.sort_unstable();
        assert_eq!(both, [":1", ">[\"message\", \"a\", \"y\"]"]);
        say(
            &mut reader,
            &[("client reply off", ">[\"message\", \"a\", \"z\"]")].map(|it| {
                other.send(b"publish a z\r\n");
                other.reply();
                it
            }),
        );
        say(
            &mut reader,
            &[("client reply on", "+OK"), ("unsubscribe", ">[\"unsubscribe\", \"a\", :0]")],
        );
        say(
            &mut other,
            &[("multi", "+OK"), ("publish a x", "+QUEUED"), ("subscribe a", "+QUEUED")],
        );
        say(&mut other, &[("exec", "*[:0, *[\"subscribe\", \"a\", :1]]")]);
        say(&mut reader, &[("eval \"return redis.call('publish', 'a', 'm')\" 0", ":1")]);
        expect(&mut other, &["*[\"message\", \"a\", \"m\"]"]);
    });
}

/// What is published arrives once and in order, while many clients publish and read.
#[test]
fn each_subscriber_reads_all_messages_in_order() {
    const MESSAGES: usize = 3_000;
    let server = start(3);
    let port = server.redis_port();
    let readers: Vec<_> = (0..6)
        .map(|number| {
            let mut reader = RedisClient::tcp(port).expect("it accepts");
            let word = if number % 2 == 0 { "subscribe channel" } else { "psubscribe ch*" };
            reader.line(word);
            thread::spawn(move || {
                let mut next = [0; 3];
                for _ in 0..3 * MESSAGES {
                    let RedisReply::List(_, parts) = reader.reply() else { panic!("a message") };
                    let text = parts.last().and_then(RedisReply::bulk).expect("a text").to_vec();
                    let text = String::from_utf8(text).expect("ASCII");
                    let (writer, number) = text.split_once(' ').expect("two numbers");
                    let writer: usize = writer.parse().expect("a number");
                    assert_eq!(number.trim_end_matches('.'), next[writer].to_string());
                    next[writer] += 1;
                }
            })
        })
        .collect();
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let mut client = RedisClient::tcp(port).expect("it accepts");
            thread::spawn(move || {
                for first in (0..MESSAGES).step_by(50) {
                    let messages = (first..first + 50).map(|number| {
                        let text = format!("{writer} {number}{}", ".".repeat(number % 2_000));
                        encoded(&["PUBLISH", "channel", &text])
                    });
                    client.send(&messages.collect::<Vec<_>>().concat());
                    for _ in 0..50 {
                        assert_eq!(client.reply().integer(), Some(6));
                    }
                }
            })
        })
        .collect();
    for thread in readers.into_iter().chain(writers) {
        thread.join().expect("it ends");
    }
}

/// A subscriber that does not read is closed, and nobody else.
#[test]
fn a_subscriber_that_does_not_read_is_closed() {
    let server = start(2);
    let mut idle = server.connect_redis();
    let (mut reader, mut writer) = (server.connect_redis(), server.connect_redis());
    idle.line("subscribe a");
    reader.line("subscribe a");
    let message = "m".repeat(900_000);
    let mut receivers = 2;
    for _ in 0..200 {
        if receivers == 2 {
            let count = writer.command(&["PUBLISH", "a", &message]).integer();
            receivers = count.expect("a count");
            let RedisReply::List(_, parts) = reader.reply() else { panic!("a message") };
            assert!(parts.last().and_then(RedisReply::bulk) == Some(message.as_bytes()));
        }
    }
    assert_eq!(receivers, 1, "it was not closed");
    assert_eq!(writer.line("publish a x"), ":1");
    expect(&mut reader, &["*[\"message\", \"a\", \"x\"]"]);
}

#[test]
fn subscriptions_survive_a_take_over() {
    let options = ServerOptions::new(ServerKind::Slabcore, 2);
    let mut server = options.arguments(&["--redis-port", "-1", "--keep-memory"]).start();
    let (mut reader, mut writer) = (server.connect_redis(), server.connect_redis());
    reader.line("subscribe a");
    reader.line("psubscribe b*");
    server.take_over();
    say(&mut writer, &[("publish a x", ":1"), ("publish bb y", ":1")]);
    expect(&mut reader, &["*[\"message\", \"a\", \"x\"]"]);
    expect(&mut reader, &["*[\"pmessage\", \"b*\", \"bb\", \"y\"]"]);
    let list = writer.command(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    let list = String::from_utf8_lossy(list.bulk().expect("a text")).into_owned();
    assert!(list.contains(" sub=1 psub=1 ") && list.lines().count() == 1, "{list}");
    let info = writer.command(&["INFO", "stats"]);
    let info = String::from_utf8_lossy(info.bulk().expect("a text")).into_owned();
    assert!(info.contains("pubsub_channels:1\r\npubsub_patterns:1\r\n"), "{info}");
}
