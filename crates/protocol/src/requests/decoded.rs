//! What the decoder finds at the start of its input.

use crate::{AuthRequest, BinaryError, Request, StoreRequest};

/// The start of the input, decoded.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded<'a> {
    /// The request is incomplete. Keep the input, and decode again once more bytes follow.
    NeedMore,
    /// A command without a data block.
    Request {
        /// The request.
        request: Request<'a>,
        /// Bytes of the line with its LF.
        consumed: usize,
    },
    /// The line or header of a storage command. [`StoreRequest::data_block`] looks for the value at
    /// `input[consumed..]`.
    Store {
        /// The request.
        store: StoreRequest<'a>,
        /// Bytes of the line with its LF, without the data block.
        consumed: usize,
    },
    /// A step of an authentication. The client's message starts at `input[consumed..]`.
    Auth {
        /// The request.
        auth: AuthRequest<'a>,
        /// Bytes before the message.
        consumed: usize,
    },
    /// The line of a login in text. User, password and a CRLF follow at `input[consumed..]`.
    Login {
        /// Bytes of user and password without the CRLF, 0 to
        /// [`AUTH_TOKEN_BYTES_MAX`](crate::AUTH_TOKEN_BYTES_MAX).
        token_bytes: u32,
        /// Bytes of the line with its LF.
        consumed: usize,
    },
    /// A line that is answered with an error.
    Error {
        /// The error line with its CRLF; `None` if `noreply` hides it. It is sent once all of
        /// `swallow` has been ignored.
        reply: Option<&'static [u8]>,
        /// Bytes of the line with its LF.
        consumed: usize,
        /// How many bytes after the line to ignore, up to 2^31 - 1.
        swallow: u64,
    },
    /// A binary request that is answered with an error.
    BinaryError {
        /// The reply. It is sent once all of `swallow` has been ignored.
        error: BinaryError,
        /// Bytes of the header.
        consumed: usize,
        /// How many bytes after the header to ignore.
        swallow: u64,
    },
    /// The connection must be closed without a reply.
    Close,
}

impl Decoded<'_> {
    /// Bytes of the line, or of a binary request without its value.
    pub const fn head_bytes(&self) -> usize {
        match self {
            Self::NeedMore | Self::Close => 0,
            Self::Request { consumed, .. }
            | Self::Store { consumed, .. }
            | Self::Auth { consumed, .. }
            | Self::Login { consumed, .. }
            | Self::Error { consumed, .. }
            | Self::BinaryError { consumed, .. } => *consumed,
        }
    }
}
