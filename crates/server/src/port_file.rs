//! The file that tells which ports were bound, for test suites (`MEMCACHED_PORT_FILENAME`).

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// Writes one line per TCP and UDP socket, into a neighbour that is then renamed: a reader sees all
/// of it or nothing.
pub(crate) fn write(path: &Path, tcp: &[SocketAddr], udp: &[SocketAddr]) -> io::Result<()> {
    let mut text = String::new();
    for (transport, addresses) in [("TCP", tcp), ("UDP", udp)] {
        for address in addresses {
            let family = if address.is_ipv6() { "INET6" } else { "INET" };
            let port = address.port();
            writeln!(text, "{transport} {family}: {port}").map_err(io::Error::other)?;
        }
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".lck");
    std::fs::write(&unfinished, text)?;
    std::fs::rename(&unfinished, path)
}
