//! Listening and UDP sockets, and addresses of sockets, as `stats conns` shows them.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

use rustix::net::{SocketAddrAny, SocketAddrUnix, getsockname};

/// What memcached shows for a missing address.
const NO_ADDRESS: &str = "?:<AF 0>";

/// A listening or a UDP socket.
#[derive(Debug)]
pub(crate) struct PortSocket {
    pub(crate) descriptor: i32,
    address: String,
    is_udp: bool,
}

impl PortSocket {
    pub(crate) fn new(socket: impl AsFd, is_udp: bool) -> Self {
        let socket = socket.as_fd();
        let address = shown(getsockname(socket).ok(), is_udp);
        Self { descriptor: socket.as_raw_fd(), address, is_udp }
    }

    /// Its lines. Like memcached, counts the seconds from the start.
    pub(crate) fn lines(&self, uptime: u64) -> String {
        let Self { descriptor, address, is_udp } = self;
        let (first, state) = if *is_udp {
            (format!("STAT {descriptor}:UDP UDP\r\n"), "conn_read")
        } else {
            (String::new(), "conn_listening")
        };
        format!(
            "{first}STAT {descriptor}:addr {address}\r\nSTAT {descriptor}:state {state}\r\n\
             STAT {descriptor}:secs_since_last_cmd {uptime}\r\n"
        )
    }
}

/// An address as memcached shows it. The client of a Unix socket has none.
pub(crate) fn shown(address: Option<SocketAddrAny>, is_udp: bool) -> String {
    let kind = if is_udp { "udp" } else { "tcp" };
    let Some(address) = address else { return NO_ADDRESS.to_owned() };
    if let Ok(unix) = SocketAddrUnix::try_from(address.clone()) {
        let path = unix.path_bytes().filter(|path| !path.is_empty());
        return path.map_or(NO_ADDRESS.to_owned(), |path| {
            format!("unix:{}", String::from_utf8_lossy(path))
        });
    }
    match SocketAddr::try_from(address) {
        Ok(SocketAddr::V4(at)) => format!("{kind}:{at}"),
        Ok(SocketAddr::V6(at)) => format!("{kind}6:[{}]:{}", at.ip(), at.port()),
        Err(_) => NO_ADDRESS.to_owned(),
    }
}
