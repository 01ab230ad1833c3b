//! The address of one end of a socket, as `stats conns` shows it.

use std::fmt;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{SocketAddrAny, SocketAddrUnix, getpeername, getsockname};

/// What memcached shows where there is no address.
const NO_ADDRESS: &str = "?:<AF 0>";

/// The address of one end of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Ip(SocketAddr),
    /// A Unix socket that is bound to this path.
    Unix(Box<str>),
    /// The client of a Unix socket has none.
    Unnamed,
}

/// How an address is named in `stats conns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Stream,
    Udp,
}

impl Address {
    /// The address that the system named; `None` if it named none.
    pub(crate) fn of(address: Option<SocketAddrAny>) -> Self {
        let Some(address) = address else { return Self::Unnamed };
        if let Ok(unix) = SocketAddrUnix::try_from(address.clone()) {
            let path = unix.path_bytes().filter(|path| !path.is_empty());
            return path
                .map_or(Self::Unnamed, |path| Self::Unix(String::from_utf8_lossy(path).into()));
        }
        SocketAddr::try_from(address).map_or(Self::Unnamed, Self::Ip)
    }

    /// The address in Redis' form.
    pub(crate) fn in_redis_form(&self) -> String {
        match self {
            Self::Ip(address) => address.to_string(),
            Self::Unix(path) => format!("{path}:0"),
            Self::Unnamed => "?:0".to_owned(),
        }
    }

    /// The address in memcached's form.
    pub(crate) fn shown(&self, transport: Transport) -> impl fmt::Display {
        let kind = if transport == Transport::Udp { "udp" } else { "tcp" };
        fmt::from_fn(move |out| match self {
            Self::Ip(SocketAddr::V4(at)) => write!(out, "{kind}:{at}"),
            Self::Ip(SocketAddr::V6(at)) => write!(out, "{kind}6:[{}]:{}", at.ip(), at.port()),
            Self::Unix(path) => write!(out, "unix:{path}"),
            Self::Unnamed => out.write_str(NO_ADDRESS),
        })
    }
}

/// Both ends of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// The client's.
    pub(crate) peer: Address,
    /// The server's: where the client connected to.
    pub(crate) local: Address,
}

impl Addresses {
    /// The addresses of a connection without a socket.
    pub(crate) const UNNAMED: Self = Self { peer: Address::Unnamed, local: Address::Unnamed };

    /// The addresses of a connected socket.
    pub(crate) fn of_socket(socket: &OwnedFd) -> Self {
        let (peer, local) = (getpeername(socket), getsockname(socket));
        Self { peer: Address::of(peer.ok().flatten()), local: Address::of(local.ok()) }
    }
}

// One pair for each connection.
const _: () = assert!(size_of::<Addresses>() <= 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_as_memcached_shows_them() {
        let ip = |text: &str| Address::of(Some(text.parse::<SocketAddr>().unwrap().into()));
        let unix = |path: &str| Address::of(Some(SocketAddrUnix::new(path).unwrap().into()));
        let table = [
            (ip("127.0.0.1:11211"), Transport::Stream, "tcp:127.0.0.1:11211"),
            (ip("127.0.0.1:11211"), Transport::Udp, "udp:127.0.0.1:11211"),
            (ip("[::1]:9"), Transport::Stream, "tcp6:[::1]:9"),
            (ip("[::1]:9"), Transport::Udp, "udp6:[::1]:9"),
            (unix("/run/cache.sock"), Transport::Stream, "unix:/run/cache.sock"),
            (
                Address::of(Some(SocketAddrUnix::new_unnamed().into())),
                Transport::Stream,
                NO_ADDRESS,
            ),
            (Address::of(None), Transport::Stream, NO_ADDRESS),
        ];
        for (address, transport, shown) in table {
            assert_eq!(address.shown(transport).to_string(), shown);
        }
    }
}
