//! What an operator reads on stderr with `-v` and `-vv`, in memcached's plain style.
//!
//! Connections are named by shard-local index, as descriptors mean nothing to the reader. Lines
//! that clients can cause are limited: whoever floods the server shall not flood its log.

use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;

use memchr::memchr;
use slabcore_storage::Store;
use tracing::{info, warn};

use crate::cluster::Cluster;
use crate::limits::{
    LOG_COMMANDS_PER_SECOND_MAX, LOG_CONNECTIONS_PER_SECOND_MAX, LOG_REFUSALS_PER_SECOND_MAX,
};
use crate::line_limit::LineLimit;
use crate::listener::{DatagramSocket, Listener};
use crate::settings::Protocol;

/// From this verbosity on what goes wrong with clients is told.
const TROUBLE: u64 = 1;
/// From this verbosity on connections and commands are named.
pub(crate) const COMMANDS: u64 = 2;

/// Longer command lines are cut: keys, never values, are logged.
const LINE_BYTES_MAX: usize = 300;

static COMMAND_LINES: LineLimit = LineLimit::new("commands", LOG_COMMANDS_PER_SECOND_MAX);
static CONNECTION_LINES: LineLimit = LineLimit::new("connections", LOG_CONNECTIONS_PER_SECOND_MAX);
static REFUSAL_LINES: LineLimit = LineLimit::new("refusals", LOG_REFUSALS_PER_SECOND_MAX);

/// A command as it came in: the line up to its end, bytes escaped.
#[cold]
pub(crate) fn command(connection: u32, input: &[u8]) {
    let end = memchr(b'\n', input).unwrap_or(input.len()).min(LINE_BYTES_MAX);
    let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
    if COMMAND_LINES.admits() {
        info!(connection, "<{connection} {}", line.escape_ascii());
    }
}

/// A binary request as it came in: header, extras and key, never its value.
#[cold]
pub(crate) fn packet(connection: u32, head: &[u8]) {
    let head = &head[..head.len().min(LINE_BYTES_MAX)];
    if COMMAND_LINES.admits() {
        info!(connection, "<{connection} {}", head.escape_ascii());
    }
}

/// A new connection.
#[cold]
pub(crate) fn connection_opened(connection: u32, protocol: Protocol) {
    if CONNECTION_LINES.admits() {
        match protocol {
            Protocol::Auto => {
                info!(connection, "<{connection} new auto-negotiating client connection");
            }
            Protocol::Text => info!(connection, "<{connection} new ascii client connection."),
            Protocol::Binary => info!(connection, "<{connection} new binary client connection."),
        }
    }
}

/// A connection's end.
#[cold]
pub(crate) fn connection_closed(connection: u32) {
    if CONNECTION_LINES.admits() {
        info!(connection, "<{connection} connection closed.");
    }
}

/// A connection that is one too many (`-c`).
pub(crate) fn connection_refused(cluster: &Cluster) {
    if cluster.verbosity.load(Ordering::Relaxed) >= TROUBLE && REFUSAL_LINES.admits() {
        warn!("Too many open connections");
    }
}

/// The sockets that clients connect to; `protocol` is what they may speak unless a socket has one
/// of its own.
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
        };
        info!("<{} server listening ({speaks})", listener.socket.as_raw_fd());
    }
    for it in udp_sockets {
        info!("<{} server listening (udp)", it.socket.as_raw_fd());
    }
}

/// The slab classes of each shard.
pub(crate) fn slab_classes(store: &Store) {
    for class in 1..=store.classes() {
        let Some(stats) = store.class_stats(0, class) else { continue };
        let (size, count) = (stats.chunk_size, stats.chunks_per_page);
        info!("slab class {class:3}: chunk size {size:9} perslab {count:7}");
    }
}

/// A setting that an operator changed has nothing to work on here.
#[cold]
pub(crate) fn without_effect(why: &str) {
    eprintln!("warning: kept without effect: {why}");
}

/// An operator changed the memory limit.
#[cold]
pub(crate) fn memory_limit(verbosity: u64, megabytes: u32) {
    if verbosity > 0 {
        eprintln!("maxbytes adjusted to {megabytes}m");
    }
}
