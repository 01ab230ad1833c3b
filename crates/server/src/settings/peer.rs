//! Who is at the other end of a connection, and why it ends, as watchers are told.

use std::net::SocketAddr;
use std::os::fd::AsFd;

use rustix::net::{SocketAddrAny, getpeername};
use slabcore_protocol::encode_connection;

/// Where a client is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Peer {
    Tcp(SocketAddr),
    Local,
}

impl Peer {
    /// `None` for one that is gone already.
    pub(crate) fn of(socket: impl AsFd) -> Option<Self> {
        let address = getpeername(socket).ok()?;
        Some(address.and_then(ip_address).map_or(Self::Local, Self::Tcp))
    }

    /// The line that watchers read when it comes, or, with a reason, when it goes.
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

/// Why a connection ends, in the words of memcached's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum CloseReason {
    /// The client broke a rule, or the network did.
    #[default]
    Error,
    /// The client left.
    Normal,
    /// It asked for nothing for too long.
    IdleTimeout,
    /// It told the server to stop.
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
