//! The line that a server started on a terminal prints.

use std::fmt::Write;
use std::net::SocketAddr;

use slabcore_server::Summary;

use crate::options::PRODUCT;

/// Addresses of one kind that the line names at most. It counts the others.
const ADDRESSES_NAMED_MAX: usize = 4;

/// The line, without its end: addresses, memory, shards, backend, page.
pub(crate) fn start_line(summary: &Summary) -> String {
    let mut line = format!("{PRODUCT}: listening on {}", listening_on(summary));
    if !summary.udp_addresses.is_empty() {
        write!(line, " and UDP {}", named(&summary.udp_addresses)).expect("a string grows");
    }
    if !summary.redis_addresses.is_empty() {
        write!(line, " and Redis {}", named(&summary.redis_addresses)).expect("a string grows");
    }
    let shards = if summary.shards == 1 { "shard" } else { "shards" };
    let page = match summary.metrics_address {
        Some(address) => format!("page http://{address}/"),
        None => "no page".to_owned(),
    };
    let mebibytes = summary.memory_bytes >> 20;
    write!(line, "; {mebibytes} MiB, {} {shards}, {}; {page}", summary.shards, summary.backend)
        .expect("a string grows");
    line
}

fn listening_on(summary: &Summary) -> String {
    match &summary.unix_socket {
        // A path may contain anything, also what a terminal would obey.
        Some(path) => path.as_os_str().as_encoded_bytes().escape_ascii().to_string(),
        // A service manager passed on a Unix socket.
        None if summary.addresses.is_empty() => "the socket that was passed on".to_owned(),
        None => named(&summary.addresses),
    }
}

/// The addresses in words. IPv4 and IPv6 of one port and all addresses are one.
fn named(addresses: &[SocketAddr]) -> String {
    let mut names: Vec<String> = Vec::new();
    for address in addresses {
        let name = if address.ip().is_unspecified() {
            format!("port {} of all addresses", address.port())
        } else {
            address.to_string()
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let unnamed = names.len().saturating_sub(ADDRESSES_NAMED_MAX);
    if unnamed > 0 {
        names.truncate(ADDRESSES_NAMED_MAX);
        names.push(format!("{unnamed} more"));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_what_a_server_has() {
        let check = |change: fn(&mut Summary), expected: &str| {
            let mut summary = Summary {
                addresses: vec!["[::]:11211".parse().unwrap(), "0.0.0.0:11211".parse().unwrap()],
                redis_addresses: Vec::new(),
                udp_addresses: Vec::new(),
                unix_socket: None,
                memory_bytes: 64 << 20,
                shards: 2,
                backend: "io_uring",
                metrics_address: Some("127.0.0.1:9150".parse().unwrap()),
            };
            change(&mut summary);
            let line = start_line(&summary);
            assert_eq!(line.strip_prefix(PRODUCT).unwrap(), format!(": listening on {expected}"));
        };
        check(
            |_| {},
            "port 11211 of all addresses; 64 MiB, 2 shards, io_uring; page http://127.0.0.1:9150/",
        );
        check(
            |it| {
                it.addresses = (1..8).map(|port| SocketAddr::from(([10, 0, 0, 1], port))).collect();
                it.shards = 1;
                it.metrics_address = None;
            },
            "10.0.0.1:1, 10.0.0.1:2, 10.0.0.1:3, 10.0.0.1:4, 3 more; 64 MiB, 1 shard, io_uring; \
             no page",
        );
        check(
            |it| {
                it.addresses = vec!["[::1]:5".parse().unwrap()];
                it.udp_addresses = vec!["[::1]:6".parse().unwrap()];
                it.redis_addresses = vec!["[::1]:7".parse().unwrap()];
                it.backend = "epoll";
            },
            "[::1]:5 and UDP [::1]:6 and Redis [::1]:7; 64 MiB, 2 shards, epoll; \
             page http://127.0.0.1:9150/",
        );
        check(
            |it| {
                it.addresses.clear();
                it.unix_socket = Some("/run/\x1b[2Jx".into());
            },
            "/run/\\x1b[2Jx; 64 MiB, 2 shards, io_uring; page http://127.0.0.1:9150/",
        );
    }
}
