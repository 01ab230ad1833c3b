//! Why a server gives no answer, and what its operator can do.

use std::{fmt, io};

use crate::escaped::visible;
use crate::statistics::ReplyError;

/// The first failure of a connection.
#[derive(Debug)]
pub(crate) enum LinkError {
    /// The name has no address.
    UnknownHost(io::Error),
    /// Nothing listens there, or it cannot be reached.
    Unreachable(io::Error),
    /// A read or write failed.
    Broken(io::Error),
    /// The server ended the connection before it had sent anything.
    ClosedAtOnce,
    /// The server ended the connection.
    Closed,
    /// The answers took longer than [`crate::limits::ANSWER_DURATION_MAX`].
    Slow,
    /// The server wants a login.
    WantsLogin,
    /// The server refuses user or password.
    LoginRefused(String),
    /// The server speaks TLS.
    WantsTls,
    /// TLS failed: no TLS there, or a certificate that is not trusted.
    Tls(String),
    /// The server refuses `stats`.
    Refused(String),
    /// The server knows no meta commands.
    WithoutMeta,
    /// The server does not list its keys.
    NotListed(String),
    /// What answers is no memcached.
    Odd(ReplyError),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownHost(error) => write!(f, "the host is unknown: {error}"),
            Self::Unreachable(error) => write!(f, "cannot connect: {error}"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            Self::ClosedAtOnce => f.write_str(
                "the server closed the connection without an answer: it may want TLS (--tls-ca), \
                 speak only the binary protocol (-S, -B binary), or refuse clients (-c)",
            ),
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Slow => f.write_str("the server does not answer"),
            Self::WantsLogin => f.write_str(
                "the server wants a login: --user NAME (of copy: --from-user, --to-user), with the \
                 password in SLABCORE_PASSWORD (SLABCORE_FROM_PASSWORD, SLABCORE_TO_PASSWORD) or \
                 --password-file",
            ),
            Self::LoginRefused(line) => {
                write!(f, "the server refuses the login: {}", visible(line))
            }
            Self::WantsTls => f.write_str("the server speaks TLS: --tls-ca FILE"),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Refused(line) => write!(f, "the server refuses stats: {}", visible(line)),
            Self::WithoutMeta => f.write_str(
                "the server knows no meta commands: it must be a Slabcore, or a memcached from \
                 1.6 on",
            ),
            Self::NotListed(line) => {
                write!(f, "the server does not list its keys: {}", visible(line))
            }
            Self::Odd(error) => write!(f, "the answer is none of a memcached: {error}"),
        }
    }
}
