//! The file with the ports that were bound, for test suites (`MEMCACHED_PORT_FILENAME`).

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use nix::errno::Errno;
use tracing::warn;

/// Writes one line for each TCP and UDP socket. The file is written under another name and renamed,
/// so a reader sees all of it or nothing. If that fails, the server serves without it, as memcached
/// does.
pub(super) fn write(path: &Path, tcp: &[SocketAddr], udp: &[SocketAddr]) {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".lck");
    let unfinished = Path::new(&unfinished);
    if let Err(error) = std::fs::write(unfinished, lines(tcp, udp)) {
        warn!("Failed to open \"{}\": {}", unfinished.display(), why(&error));
    } else if let Err(error) = std::fs::rename(unfinished, path) {
        warn!("Failed to rename \"{}\": {}", unfinished.display(), why(&error));
    }
}

/// The system's message alone, as in memcached. Rust's own would end with the error's number.
fn why(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |n| Errno::from_raw(n).desc().into())
}

fn lines(tcp: &[SocketAddr], udp: &[SocketAddr]) -> String {
    let mut text = String::new();
    for (transport, addresses) in [("TCP", tcp), ("UDP", udp)] {
        for address in addresses {
            let family = if address.is_ipv6() { "INET6" } else { "INET" };
            let port = address.port();
            writeln!(text, "{transport} {family}: {port}").expect("a string takes all");
        }
    }
    text
}
