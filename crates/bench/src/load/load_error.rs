//! Why a load failed.

use std::fmt;
use std::io;

use crate::limits::SILENCE_MAX;
use crate::load::request_batch::RequestKind;

/// The error of a load. Each of them makes its figures worthless.
#[derive(Debug)]
pub enum LoadError {
    /// A socket call failed.
    Socket(io::Error),
    /// The server closed a connection.
    Closed,
    /// A reply that cannot answer its request; its first bytes.
    Wrong(RequestKind, String),
    /// Bytes after the last expected reply; the first of them.
    Unasked(String),
    /// No bytes came for [`SILENCE_MAX`] while replies were outstanding.
    Silent,
}

impl LoadError {
    pub(crate) fn wrong(kind: RequestKind, input: &[u8]) -> Self {
        Self::Wrong(kind, excerpt(input))
    }

    pub(crate) fn unasked(input: &[u8]) -> Self {
        Self::Unasked(excerpt(input))
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(error) => write!(out, "socket: {error}"),
            Self::Closed => write!(out, "the server closed the connection"),
            Self::Wrong(kind, bytes) => write!(out, "wrong reply to {kind:?}: \"{bytes}\""),
            Self::Unasked(bytes) => write!(out, "bytes that nothing asked for: \"{bytes}\""),
            Self::Silent => write!(out, "replies are owed, none came for {SILENCE_MAX:?}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<io::Error> for LoadError {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

impl From<rustix::io::Errno> for LoadError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Socket(error.into())
    }
}

/// The first bytes, escaped for a message.
fn excerpt(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(80)].escape_ascii().to_string()
}
