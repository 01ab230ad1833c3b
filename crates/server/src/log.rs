//! What an operator reads on stderr with `-v` and `-vv`, in memcached's plain style.
//!
//! Connections are named by shard-local index, as descriptors mean nothing to the reader.

use std::os::fd::AsRawFd;

use memchr::memchr;
use slabcore_storage::Store;

use crate::listener::{DatagramSocket, Listener};

/// From this verbosity on connections and commands are named.
pub(crate) const COMMANDS: u64 = 2;

/// Longer command lines are cut: keys, never values, are logged.
const LINE_BYTES_MAX: usize = 300;

/// A command as it came in: the line up to its end, bytes escaped.
#[cold]
pub(crate) fn command(connection: u32, input: &[u8]) {
    let end = memchr(b'\n', input).unwrap_or(input.len()).min(LINE_BYTES_MAX);
    let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
    eprintln!("<{connection} {}", line.escape_ascii());
}

/// A binary request as it came in: header, extras and key, never its value.
#[cold]
pub(crate) fn packet(connection: u32, head: &[u8]) {
    let head = &head[..head.len().min(LINE_BYTES_MAX)];
    eprintln!("<{connection} {}", head.escape_ascii());
}

/// A new connection.
#[cold]
pub(crate) fn connection_opened(connection: u32) {
    eprintln!("<{connection} new auto-negotiating client connection");
}

/// A connection's end.
#[cold]
pub(crate) fn connection_closed(connection: u32) {
    eprintln!("<{connection} connection closed.");
}

/// The sockets that clients connect to.
pub(crate) fn listeners(listeners: &[Listener], udp_sockets: &[DatagramSocket]) {
    for listener in listeners {
        eprintln!("<{} server listening (auto-negotiate)", listener.socket.as_raw_fd());
    }
    for it in udp_sockets {
        eprintln!("<{} server listening (udp)", it.socket.as_raw_fd());
    }
}

/// The slab classes of each shard.
pub(crate) fn slab_classes(store: &Store) {
    for class in 1..=store.classes() {
        let Some(stats) = store.class_stats(0, class) else { continue };
        let (size, count) = (stats.chunk_size, stats.chunks_per_page);
        eprintln!("slab class {class:3}: chunk size {size:9} perslab {count:7}");
    }
}
