//! Logins by the text protocol: `-Y` without `-S`.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use slabcore_testkit::server_process::{ServerKind, ServerProcess};

use crate::users_file::UsersFile;

const UNAUTHENTICATED: &str = "CLIENT_ERROR unauthenticated\r\n";
const FAILURE: &str = "CLIENT_ERROR authentication failure\r\n";
const BAD_FORMAT: &str = "CLIENT_ERROR bad authentication token format\r\n";

on_both! {
    nothing_is_done_before_login,
    a_login_may_arrive_byte_by_byte,
    only_text_logs_in,
    hangup_reads_the_users_again;
    since_45: a_token_that_is_too_long_is_refused_at_once,
}

fn nothing_is_done_before_login(kind: ServerKind) {
    let users = UsersFile::new(&format!("text-{kind:?}"), "ann:secret\nbob:other\n");
    let server = users.start(kind, &[]);
    let mut client = server.connect();
    // Sent one by one, as memcached sends one reply to several lines in a packet.
    for line in ["get a\r\n", "stats\r\n", "add x 0 0 10\r\n", "set x 0 0 x\r\n", "version\r\n"] {
        client.expect(line, UNAUTHENTICATED);
    }
    client.expect("set x 0 0 10\r\nann wrong!\r\n", FAILURE);
    client.expect("set x 0 0 9\r\nann secre\r\n", FAILURE);
    client.expect("set x 0 0 9\r\nannsecret\r\n", BAD_FORMAT);
    client.expect("set x 0 0 0\r\n\r\n", BAD_FORMAT);
    client.expect("set any b c 10\r\nann secret\r\n", "STORED\r\n");
    client.expect("get any\r\n", "END\r\n");
    assert_eq!(client.stat("auth_cmds").as_deref(), Some("3"));
    assert_eq!(client.stat("auth_errors").as_deref(), Some("2"));
    let settings = client.stats("settings");
    let file = settings.iter().find(|(name, _)| name == "auth_enabled_ascii");
    assert!(file.is_some_and(|(_, path)| path.ends_with(&format!("text-{kind:?}"))));
    client.expect("set x 0 0 10 noreply\r\nann secret\r\n", "");
    let mut other = server.connect();
    other.expect("set x 0 0 10 noreply\r\nann secret\r\n", "STORED\r\n");
}

fn a_login_may_arrive_byte_by_byte(kind: ServerKind) {
    let users = UsersFile::new(&format!("text-bytes-{kind:?}"), "ann:secret\n");
    let server = users.start(kind, &[]);
    let mut client = server.connect();
    for byte in "set x 0 0 10\r\nann secret\r\nget k\r\n".bytes() {
        client.send(&[byte]);
    }
    client.expect_reply("STORED\r\nEND\r\n");
}

fn only_text_logs_in(kind: ServerKind) {
    let users = UsersFile::new(&format!("text-only-{kind:?}"), "ann:secret\n");
    let server = users.start(kind, &[]);
    let mut client = server.connect();
    client.send(&[b'x'; 3000]);
    assert_eq!(client.read_to_close(), b"");
    let mut client = server.connect();
    client.expect(b"\x80 is no word\r\n", UNAUTHENTICATED);
}

/// The server waited for the bytes that such a line announces, and the client got no reply.
fn a_token_that_is_too_long_is_refused_at_once(kind: ServerKind) {
    let users = UsersFile::new(&format!("text-long-{kind:?}"), "ann:secret\n");
    let server = users.start(kind, &[]);
    let mut client = server.connect();
    for bytes in ["16385", "2147483646", "4294967295"] {
        client.expect(format!("set x 0 0 {bytes}\r\n"), "CLIENT_ERROR auth token too long\r\n");
    }
    client.expect("set x 0 0 4294967296\r\n", UNAUTHENTICATED);
    client.expect("set x 0 0 10\r\nann secret\r\n", "STORED\r\n");
}

fn hangup_reads_the_users_again(kind: ServerKind) {
    let users = UsersFile::new(&format!("hangup-{kind:?}"), "ann:secret\n");
    let server = users.start(kind, &[]);
    let mut early = server.connect();
    early.expect("set x 0 0 10\r\nann secret\r\n", "STORED\r\n");
    users.rewrite("bob:other\n");
    hang_up(&server);
    let mut client = server.connect();
    let begun = Instant::now();
    loop {
        client.send(b"set x 0 0 9\r\nbob other\r\n");
        if client.read_line() == b"STORED\r\n" {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "the users are not read anew");
    }
    let mut late = server.connect();
    late.expect("set x 0 0 10\r\nann secret\r\n", FAILURE);
    early.expect("get k\r\n", "END\r\n");
    // A bad file changes nothing, no matter how often it is read.
    users.rewrite("nobody\n");
    hang_up(&server);
    client.round_trip();
    late.expect("set x 0 0 9\r\nbob other\r\n", "STORED\r\n");
}

fn hang_up(server: &ServerProcess) {
    let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::HUP).expect("the server takes a signal");
}
