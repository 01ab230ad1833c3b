//! A connection that was accepted, and that no executor serves yet.

use crate::connection::tls_session::TlsSession;
use crate::settings::Protocol;
use crate::settings::address::Addresses;

/// An accepted connection that no executor serves yet. Its socket travels beside it.
#[derive(Debug)]
pub(crate) struct NewConnection {
    pub(crate) addresses: Addresses,
    /// Its number among those that executors serve in turn. `None`: it came to its shard's own
    /// port, and never moves.
    pub(crate) number: Option<u32>,
    /// What the client may speak.
    pub(crate) protocol: Protocol,
    /// The session of a connection under TLS, once its handshake is done.
    pub(crate) tls: Option<Box<TlsSession>>,
}
