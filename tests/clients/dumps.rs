//! Programs that list all keys: memcdump and memcached-tool.

use std::process::Command;

use slabcore_testkit::binaries;
use slabcore_testkit::server_process::{ServerKind, ServerProcess};

use crate::patience::wait_for;
use crate::program::{memcached_script, run, tool};

on_both! {
    memcdump_names_keys,
    memcached_tool_dumps_items,
    memcached_tool_names_keys,
}

/// Keys of a server.
fn keys(prefix: &str) -> Vec<String> {
    (0..200).map(|number| format!("{prefix}{number}")).collect()
}

/// A server that has these keys.
fn filled(kind: ServerKind, keys: &[String]) -> ServerProcess {
    let server = ServerProcess::new(kind, 2);
    let mut client = server.connect();
    for key in keys {
        client.expect(format!("set {key} 0 0 1\r\nx\r\n"), "STORED\r\n");
    }
    server
}

/// Runs a program until it prints each of these words once.
fn prints_each(words: &[String], command: impl Fn() -> Command) {
    // memcached lists items in its COLD segment, which they reach within a second.
    wait_for("each key, once", || {
        let text = run(&mut command());
        let has = |word: &String| text.split([' ', '\n']).filter(|it| it == word).count() == 1;
        words.iter().all(has).then_some(())
    });
}

fn memcdump_names_keys(kind: ServerKind) {
    let (program, keys) = (tool("memcdump"), keys("key"));
    let server = filled(kind, &keys);
    prints_each(&keys, || {
        let mut command = Command::new(&program);
        command.arg(format!("--servers=127.0.0.1:{}", server.port()));
        command
    });
}

/// Number of 5 keys that the script prints. Since 1.6.43 it takes the first line, `OK`, for a key.
fn printed_of_five(kind: ServerKind) -> usize {
    if kind == ServerKind::Stock && !binaries::stock_is_current() { 5 } else { 4 }
}

fn memcached_tool_dumps_items(kind: ServerKind) {
    let keys = keys("key%");
    let server = filled(kind, &keys);
    prints_each(&keys, || memcached_script(server.port(), &["dump"]));
    let few = run(&mut memcached_script(server.port(), &["dump", "5"]));
    let count = few.lines().filter(|line| line.starts_with("add key%")).count();
    assert_eq!(count, printed_of_five(kind), "{few}");
}

fn memcached_tool_names_keys(kind: ServerKind) {
    let server = filled(kind, &keys("key%"));
    prints_each(&keys("key=key%25"), || memcached_script(server.port(), &["keys"]));
    let few = run(&mut memcached_script(server.port(), &["keys", "5"]));
    assert_eq!(few.matches("key=key%25").count(), printed_of_five(kind), "{few}");
}
