//! The file with the ports that were bound, for test suites (`MEMCACHED_PORT_FILENAME`).

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use tracing::warn;

use crate::shared::shared_state::SharedState;

/// Writes one line for each TCP and UDP socket, and for each that speaks Redis' dialect. The file
/// is written under another name and renamed, so a reader sees all of it or nothing. If that fails,
/// the server serves without it, as memcached does.
pub(super) fn write(path: &Path, shared: &SharedState) {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".lck");
    let unfinished = Path::new(&unfinished);
    if let Err(error) = std::fs::write(unfinished, lines(shared)) {
        warn!("Failed to open \"{}\": {}", unfinished.display(), why(&error));
    } else if let Err(error) = std::fs::rename(unfinished, path) {
        warn!("Failed to rename \"{}\": {}", unfinished.display(), why(&error));
    }
}

/// The system's message alone, as in memcached. Rust's own would end with the error's number.
fn why(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |n| Errno::from_raw(n).desc().into())
}

fn lines(shared: &SharedState) -> String {
    let mut text = String::new();
    // memcached knows TCP and UDP.
    let kinds = [
        ("TCP", &shared.addresses),
        ("UDP", &shared.udp_addresses),
        ("REDIS", &shared.redis_addresses),
    ];
    for (transport, addresses) in kinds {
        for address in addresses {
            let family = if address.is_ipv6() { "INET6" } else { "INET" };
            let port = address.port();
            writeln!(text, "{transport} {family}: {port}").expect("a string takes all");
        }
    }
    text
}
