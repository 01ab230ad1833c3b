//! What memcached's own suite asks of `-e`: items outlive a server that SIGUSR1 has stopped.

use std::time::SystemTime;

use rustix::process::Signal;
use slabcore_testkit::limits::POLL_PAUSE_MAX;
use slabcore_testkit::on_both;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::wire_client::WireClient;

use crate::memory_file::MemoryFile;

on_both! {
    items_of_all_sizes_outlive_a_stop,
    what_was_removed_stays_away,
    times_to_live_run_on,
    a_restarted_server_is_as_a_new_one,
    other_sizes_give_no_wrong_item
}

fn start(kind: ServerKind, file: &MemoryFile, arguments: &[&str]) -> ServerProcess {
    let options = ServerOptions::new(kind, 2).arguments(&["-m", "128", "-e", file.path()]);
    options.arguments(arguments).start()
}

/// Stops a server as memcached wants to be stopped, and waits: memcached takes its items for those
/// of a file that changed if it starts in the same second.
fn stop(server: ServerProcess) {
    assert_eq!(server.stop_by(Signal::USR1).code(), Some(0));
    let second = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let stopped = second();
    while second() < stopped + 2 {
        std::thread::sleep(POLL_PAUSE_MAX);
    }
}

fn value_of(number: usize) -> String {
    let bytes = [1, 60, 700, 9_000, 100_000, 700_000][number % 6] + number;
    format!("{number},").repeat(bytes).chars().take(bytes).collect()
}

fn set_all(client: &mut WireClient, numbers: usize) {
    for number in 0..numbers {
        let value = value_of(number);
        let request = format!("set key{number} {number} 0 {}\r\n{value}\r\n", value.len());
        client.expect(request, "STORED\r\n");
    }
}

fn expect_all(client: &mut WireClient, numbers: usize) {
    for number in 0..numbers {
        let value = value_of(number);
        let reply = format!("VALUE key{number} {number} {}\r\n{value}\r\nEND\r\n", value.len());
        client.expect(format!("get key{number}\r\n"), reply);
    }
}

fn items_of_all_sizes_outlive_a_stop(kind: ServerKind) {
    let file = MemoryFile::new();
    let server = start(kind, &file, &[]);
    let mut client = server.connect();
    set_all(&mut client, 90);
    drop(client);
    stop(server);
    for _ in 0..2 {
        let server = start(kind, &file, &[]);
        let mut client = server.connect();
        assert_eq!(client.stat("curr_items").unwrap(), "90");
        expect_all(&mut client, 90);
        drop(client);
        stop(server);
    }
}

fn what_was_removed_stays_away(kind: ServerKind) {
    let file = MemoryFile::new();
    let server = start(kind, &file, &[]);
    let mut client = server.connect();
    client.expect("set flushed 0 0 1\r\n1\r\n", "STORED\r\n");
    client.expect("flush_all\r\n", "OK\r\n");
    // memcached flushes the second that is under way, too.
    while {
        client.expect("set key 0 0 3\r\nold\r\n", "STORED\r\n");
        client.send(b"get key\r\n");
        client.read_line() == b"END\r\n"
    } {
        std::thread::sleep(POLL_PAUSE_MAX);
    }
    client.expect_reply("old\r\nEND\r\n");
    client.expect("set deleted 0 0 1\r\n1\r\n", "STORED\r\n");
    client.expect("delete deleted\r\n", "DELETED\r\n");
    client.expect("set key 0 0 3\r\nnew\r\n", "STORED\r\n");
    client.expect("set number 0 0 2\r\n41\r\n", "STORED\r\n");
    client.expect("incr number 1\r\n", "42\r\n");
    client.expect("append key 0 0 1\r\n!\r\n", "STORED\r\n");
    drop(client);
    stop(server);
    let server = start(kind, &file, &[]);
    let mut client = server.connect();
    client.expect("get flushed deleted key\r\n", "VALUE key 0 4\r\nnew!\r\nEND\r\n");
    client.expect("incr number 1\r\n", "43\r\n");
}

fn times_to_live_run_on(kind: ServerKind) {
    let file = MemoryFile::new();
    let server = start(kind, &file, &[]);
    let mut client = server.connect();
    client.expect("set short 0 2 1\r\n1\r\n", "STORED\r\n");
    client.expect("set long 0 600 1\r\n1\r\n", "STORED\r\n");
    drop(client);
    stop(server);
    let server = start(kind, &file, &[]);
    let mut client = server.connect();
    client.expect("get short\r\n", "END\r\n");
    client.send(b"mg long t v\r\n");
    let reply = String::from_utf8(client.read_line()).unwrap();
    let left: u32 = reply.trim_end().strip_prefix("VA 1 t").unwrap().parse().unwrap();
    assert!((500..600).contains(&left), "{reply}");
}

/// What it has found is changed, replaced and evicted as what is stored later.
fn a_restarted_server_is_as_a_new_one(kind: ServerKind) {
    let file = MemoryFile::new();
    let server = start(kind, &file, &[]);
    let mut client = server.connect();
    set_all(&mut client, 60);
    drop(client);
    stop(server);
    let server = start(kind, &file, &[]);
    let mut client = server.connect();
    assert_eq!(client.stat("cmd_set").unwrap(), "0");
    client.send(b"gets key1\r\n");
    let unique = String::from_utf8(client.read_line()).unwrap();
    let unique = unique.trim_end().rsplit(' ').next().unwrap().to_owned();
    client.expect_reply(format!("{}\r\nEND\r\n", value_of(1)));
    client.expect(format!("cas key1 0 0 3 {unique}\r\nnew\r\n"), "STORED\r\n");
    client.expect(format!("cas key1 0 0 3 {unique}\r\nold\r\n"), "EXISTS\r\n");
    client.expect("get key1\r\n", "VALUE key1 0 3\r\nnew\r\nEND\r\n");
    let value = "v".repeat(10_000);
    for number in 0..20_000 {
        client.send(format!("set new{number} 0 0 10000 noreply\r\n{value}\r\n").as_bytes());
    }
    client.round_trip();
    client.expect("get new19999\r\n", format!("VALUE new19999 0 10000\r\n{value}\r\nEND\r\n"));
    let evictions: u64 = client.stat("evictions").unwrap().parse().unwrap();
    assert!(evictions > 0);
}

/// memcached starts empty then.
fn other_sizes_give_no_wrong_item(kind: ServerKind) {
    let others: [&[&str]; 3] = [&["-m", "64"], &["-I", "2m"], &["-f", "1.5", "-n", "100"]];
    for other in others {
        let file = MemoryFile::new();
        let server = start(kind, &file, &[]);
        let mut client = server.connect();
        client.expect("set key 7 0 5\r\nvalue\r\n", "STORED\r\n");
        drop(client);
        stop(server);
        let server = start(kind, &file, other);
        let mut client = server.connect();
        client.send(b"get key\r\n");
        if client.read_line() == b"END\r\n" {
            client.expect("set key 7 0 5\r\nvalue\r\n", "STORED\r\n");
        } else {
            assert_eq!(kind, ServerKind::Slabcore, "{other:?}");
            client.expect_reply("value\r\nEND\r\n");
        }
        client.expect("get key\r\n", "VALUE key 7 5\r\nvalue\r\nEND\r\n");
    }
}
