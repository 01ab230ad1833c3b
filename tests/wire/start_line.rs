//! What a server says when it was started on a terminal, and that it is silent elsewhere.

use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::terminal::Terminal;

/// The line on a terminal, without its end, and the server's port. Warnings come before it.
fn line_of(options: ServerOptions) -> (String, u16) {
    let mut terminal = Terminal::new(80, 24);
    let server = options.on_terminal(&terminal).start();
    let before = terminal.read_until("listening on");
    let line = before + &terminal.read_until("\r\n");
    let line = line.trim_end().lines().last().expect("a line").to_owned();
    (line, server.port())
}

#[test]
fn a_server_on_a_terminal_says_where_it_listens() {
    let words = ["-m", "100", "--metrics-listen", "127.0.0.1:0", "--backend", "epoll"];
    let (line, port) = line_of(ServerOptions::new(ServerKind::Slabcore, 2).arguments(&words));
    let expected = format!("listening on 127.0.0.1:{port}; 100 MiB, 2 shards, epoll; page http://");
    assert!(line.contains(&expected), "{line}");
    assert!(line.ends_with('/') && !line.ends_with(":0/"), "the port that was bound: {line}");
}

#[test]
fn the_line_is_an_object_where_lines_are_json() {
    let words = ["--log-format", "json", "-m", "100"];
    let (line, port) = line_of(ServerOptions::new(ServerKind::Slabcore, 1).arguments(&words));
    let message = format!("listening on 127.0.0.1:{port}; 100 MiB, 1 shard, ");
    assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    assert!(line.contains(&message) && line.contains("; no page\""), "{line}");
}

#[test]
fn elsewhere_it_starts_silently() {
    let mut server = ServerOptions::new(ServerKind::Slabcore, 1).start();
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(server.log(), "");
}
