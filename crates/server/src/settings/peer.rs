//! The address of a connection's client, and why the connection ends, as watchers see them.

use std::net::SocketAddr;
use std::os::fd::AsFd;

use rustix::net::{SocketAddrAny, getpeername};
use slabcore_protocol::encode_connection;

/// The address of a client.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Peer {
    Tcp(SocketAddr),
    Local,
}

impl Peer {
    /// The client of a socket; `None` if it has gone.
    pub(crate) fn of(socket: impl AsFd) -> Option<Self> {
        let address = getpeername(socket).ok()?;
        Some(address.and_then(ip_address).map_or(Self::Local, Self::Tcp))
    }

    /// Encodes the line for watchers: a new connection, or with a reason, its end.
    pub(crate) fn encode(self, out: &mut Vec<u8>, reason: Option<CloseReason>, client: i32) {
        let reason = reason.map(CloseReason::name);
        match self {
            Self::Tcp(address) => {
                encode_connection(out, address.ip(), address.port(), "tcp", reason, client);
            }
            Self::Local => encode_connection(out, "unix", 0, "local", reason, client),
        }
    }
}

fn ip_address(address: SocketAddrAny) -> Option<SocketAddr> {
    SocketAddr::try_from(address).ok()
}

/// Why a connection ends, as memcached's watch lines say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum CloseReason {
    /// A protocol or network error.
    #[default]
    Error,
    /// The client closed.
    Normal,
    /// The client sent no request for too long.
    IdleTimeout,
    /// The client sent `shutdown`.
    Shutdown,
}

impl CloseReason {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Normal => "normal",
            Self::IdleTimeout => "idle_timeout",
            Self::Shutdown => "shutdown",
        }
    }
}
