//! What watchers see of a connection: the address of its client, and why it ends.

use slabcore_protocol::encode_connection;

use crate::settings::address::Address;

/// Encodes the line that watchers read when a connection from `peer` begins, or, with a reason,
/// when it ends.
pub(crate) fn encode_connection_line(
    out: &mut Vec<u8>,
    peer: &Address,
    reason: Option<CloseReason>,
    client: i32,
) {
    let reason = reason.map(CloseReason::name);
    match peer {
        Address::Ip(at) => encode_connection(out, at.ip(), at.port(), "tcp", reason, client),
        Address::Unix(_) | Address::Unnamed => {
            encode_connection(out, "unix", 0, "local", reason, client);
        }
    }
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
