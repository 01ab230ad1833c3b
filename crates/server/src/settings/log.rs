//! The log lines of `-v` and `-vv`, in memcached's plain style.
//!
//! A connection is named by its socket's descriptor, as in `stats conns`. Lines that clients can
//! cause are limited, so that a flood of requests does not flood the log.

use std::fmt::Display;
use std::os::fd::AsRawFd;

use memchr::memchr;
use nix::errno;
use rustix::io::Errno;
use slabcore_storage::{Moment, Store};
use tracing::{error, info, warn};

use crate::settings::Protocol;
use crate::settings::limits::{
    LOG_ACCEPT_FAILURES_PER_SECOND_MAX, LOG_COMMANDS_PER_SECOND_MAX,
    LOG_CONNECTIONS_PER_SECOND_MAX, LOG_HANDSHAKES_PER_SECOND_MAX, LOG_REFUSALS_PER_SECOND_MAX,
    LOG_SETTINGS_PER_SECOND_MAX, LOG_WATCH_FAILURES_PER_SECOND_MAX,
};
use crate::settings::line_limit::LineLimit;
use crate::settings::listener::{DatagramSocket, Listener};

/// Verbosity from which refused clients are logged.
const TROUBLE: u64 = 1;
/// Verbosity from which connections and commands are logged.
pub(crate) const COMMANDS: u64 = 2;

/// Longer command lines are cut. Values are never logged.
const LINE_BYTES_MAX: usize = 300;

/// First byte of a binary reply.
const BINARY_REPLY: u8 = 0x81;

static COMMAND_LINES: LineLimit = LineLimit::new("commands", LOG_COMMANDS_PER_SECOND_MAX);
static CONNECTION_LINES: LineLimit = LineLimit::new("connections", LOG_CONNECTIONS_PER_SECOND_MAX);
static SETTING_LINES: LineLimit = LineLimit::new("settings", LOG_SETTINGS_PER_SECOND_MAX);
static REFUSAL_LINES: LineLimit = LineLimit::new("refusals", LOG_REFUSALS_PER_SECOND_MAX);
static HANDSHAKE_LINES: LineLimit = LineLimit::new("TLS handshakes", LOG_HANDSHAKES_PER_SECOND_MAX);
static ACCEPT_LINES: LineLimit =
    LineLimit::new("failures to accept", LOG_ACCEPT_FAILURES_PER_SECOND_MAX);
static WATCH_LINES: LineLimit =
    LineLimit::new("connections not watched", LOG_WATCH_FAILURES_PER_SECOND_MAX);

/// Logs a text command: its line, bytes escaped.
#[cold]
pub(crate) fn command(client: i32, input: &[u8]) {
    if COMMAND_LINES.admits() {
        info!(connection = client, "<{client} {}", line(input).escape_ascii());
    }
}

/// The first line of `input` without its line end, cut to [`LINE_BYTES_MAX`].
fn line(input: &[u8]) -> &[u8] {
    let end = memchr(b'\n', input).unwrap_or(input.len());
    let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
    &line[..line.len().min(LINE_BYTES_MAX)]
}

/// Logs a binary request: header, extras and key, never its value.
#[cold]
pub(crate) fn packet(client: i32, head: &[u8]) {
    let head = &head[..head.len().min(LINE_BYTES_MAX)];
    if COMMAND_LINES.admits() {
        info!(connection = client, "<{client} {}", head.escape_ascii());
    }
}

/// Logs replies that leave, without values: the lines, or the headers of binary ones.
pub(crate) fn replies(client: i32, mut replies: &[u8]) {
    let mut in_list = false;
    while let Some((reply, rest)) = split_reply(replies) {
        replies = rest;
        let text = match reply.strip_prefix(b"VALUE ") {
            Some(value) => {
                let key = value.split(|&byte| byte == b' ').next().unwrap_or_default();
                format!("sending key {}", key.escape_ascii())
            }
            None => reply.escape_ascii().to_string(),
        };
        // Like memcached, does not log the lines of statistics and dumps.
        let listed = [&b"STAT "[..], b"ITEM ", b"PREFIX ", b"key="];
        let is_of_list =
            listed.iter().any(|it| reply.starts_with(it)) || in_list && reply == b"END";
        in_list = is_of_list && reply != b"END";
        if !is_of_list && COMMAND_LINES.admits() {
            info!(connection = client, ">{client} {text}");
        }
    }
}

/// The first reply without its value, and the replies after it.
fn split_reply(replies: &[u8]) -> Option<(&[u8], &[u8])> {
    if replies.first() == Some(&BINARY_REPLY) {
        let (header, rest) = replies.split_first_chunk::<24>()?;
        let [.., a, b, c, d, _, _, _, _, _, _, _, _, _, _, _, _] = *header;
        let body_bytes = u32::from_be_bytes([a, b, c, d]) as usize;
        return Some((header, rest.get(body_bytes..).unwrap_or_default()));
    }
    let end = memchr(b'\n', replies)?;
    let reply = line(replies);
    let number = |word: usize| {
        let word = reply.split(|&byte| byte == b' ').nth(word)?;
        str::from_utf8(word).ok()?.parse::<usize>().ok()
    };
    let value_bytes = match reply {
        [b'V', b'A', b'L', b'U', b'E', b' ', ..] => number(3),
        [b'V', b'A', b' ', ..] => number(1),
        _ => None,
    };
    // With its line end. The length may be any number: a binary key may contain line ends, and so
    // appear as any line in a list of keys.
    let value_end = value_bytes.map_or(0, |bytes| bytes.saturating_add(2));
    Some((reply, replies[end + 1..].get(value_end..).unwrap_or_default()))
}

/// Logs the protocol of a client that may use any.
#[cold]
pub(crate) fn protocol(client: i32, protocol: Protocol) {
    let name = match protocol {
        Protocol::Binary => "binary",
        Protocol::Resp => "redis",
        Protocol::Auto | Protocol::Text => "ascii",
    };
    if CONNECTION_LINES.admits() {
        info!(connection = client, "{client}: Client using the {name} protocol");
    }
}

/// Logs a new connection.
#[cold]
pub(crate) fn connection_opened(client: i32, protocol: Protocol) {
    let ends = match protocol {
        Protocol::Auto => "auto-negotiating client connection",
        Protocol::Text => "ascii client connection.",
        Protocol::Binary => "binary client connection.",
        Protocol::Resp => "redis client connection.",
    };
    if CONNECTION_LINES.admits() {
        info!(connection = client, "<{client} new {ends}");
    }
}

/// Logs a connection's end.
#[cold]
pub(crate) fn connection_closed(client: i32) {
    if CONNECTION_LINES.admits() {
        info!(connection = client, "<{client} connection closed.");
    }
}

/// Logs a connection that exceeds `-c`.
pub(crate) fn connection_refused(verbosity: u64) {
    if verbosity >= TROUBLE && REFUSAL_LINES.admits() {
        warn!("Too many open connections");
    }
}

/// Logs a command that Redis has and this server has not.
#[cold]
pub(crate) fn missing_redis_command(name: &str, library: &str) {
    let library = if library.is_empty() { "a client" } else { library };
    warn!("{library} sent {name}: this server does not have the command");
}

/// Logs a client that did not get through its TLS handshake.
#[cold]
pub(crate) fn handshake_failed(verbosity: u64, why: &dyn Display) {
    if verbosity >= TROUBLE && HANDSHAKE_LINES.admits() {
        info!("SSL connection failed: {why}");
    }
}

/// Logs a failed system call of the acceptor, in memcached's words.
#[cold]
pub(crate) fn accept_failed(call: &str, errno: Errno) {
    if ACCEPT_LINES.admits() {
        error!("{call}: {}", words(errno));
    }
}

/// Logs a connection that ends because the kernel cannot watch its socket.
#[cold]
pub(crate) fn not_watched(errno: Errno) {
    if WATCH_LINES.admits() {
        error!("epoll_ctl(): {}: a connection is closed", words(errno));
    }
}

/// The system's text for an error.
fn words(errno: Errno) -> &'static str {
    errno::Errno::from_raw(errno.raw_os_error()).desc()
}

/// Logs the sockets that clients connect to. `protocol` is that of sockets without one of their
/// own.
pub(crate) fn listeners(
    listeners: &[Listener],
    udp_sockets: &[DatagramSocket],
    protocol: Protocol,
) {
    for listener in listeners {
        let speaks = match listener.protocol.unwrap_or(protocol) {
            Protocol::Auto => "auto-negotiate",
            Protocol::Text => "ascii",
            Protocol::Binary => "binary",
            Protocol::Resp => "redis",
        };
        info!("<{} server listening ({speaks})", listener.socket.as_raw_fd());
    }
    for it in udp_sockets {
        info!("<{} server listening (udp)", it.socket.as_raw_fd());
    }
}

/// Logs the slab classes that each shard has.
pub(crate) fn slab_classes(store: &Store) {
    for class in store.classes() {
        let stats = store.class_stats(Moment::at(0), class);
        let class = class.number();
        let (size, count) = (stats.chunk_size, stats.chunks_per_page);
        info!("slab class {class:3}: chunk size {size:9} perslab {count:7}");
    }
}

/// Logs that a changed setting has no effect here.
#[cold]
pub(crate) fn without_effect(why: &str) {
    warn!("warning: kept without effect: {why}");
}

/// Logs a changed memory limit.
#[cold]
pub(crate) fn memory_limit(verbosity: u64, megabytes: u32) {
    if verbosity > 0 && SETTING_LINES.admits() {
        info!("maxbytes adjusted to {megabytes}m");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_split_without_their_values() {
        let check = |mut replies: &[u8], expected: &[&[u8]]| {
            let mut got = Vec::new();
            while let Some((reply, rest)) = split_reply(replies) {
                got.push(reply);
                replies = rest;
            }
            assert_eq!(got, expected);
        };
        check(b"", &[]);
        check(b"STORED\r\nEND\r\n", &[b"STORED", b"END"]);
        check(b"VALUE a 0 5\r\nEN\r\n!\r\nEND\r\n", &[b"VALUE a 0 5", b"END"]);
        check(
            b"VALUE a 0 1 9\r\nx\r\nVA 2 f0\r\n\r\n\r\nHD\r\n",
            &[b"VALUE a 0 1 9", b"VA 2 f0", b"HD"],
        );
        check(b"VALUE a 0 5\r\nxx", &[b"VALUE a 0 5"]);
        check(b"VA 18446744073709551615\r\nEN\r\n", &[b"VA 18446744073709551615"]);
        let mut binary = vec![BINARY_REPLY; 24];
        binary[8..12].copy_from_slice(&[0, 0, 0, 3]);
        check(&[&binary[..], b"abc", &binary].concat(), &[&binary, &binary]);
    }
}
