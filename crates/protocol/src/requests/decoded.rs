//! What a decoder makes of the start of its input.

use crate::{AuthRequest, BinaryError, Request, StoreRequest};

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded<'a> {
    /// There is no whole line yet. Keep the input and call again with more bytes behind it.
    NeedMore,
    /// A command that is complete with its line.
    Request {
        /// What is asked for.
        request: Request<'a>,
        /// Bytes of the line with its LF.
        consumed: usize,
    },
    /// The line, or header, of a storage command; [`StoreRequest::data_block`] looks for the value
    /// at `input[consumed..]`.
    Store {
        /// What is asked for.
        store: StoreRequest<'a>,
        /// Bytes of the line with its LF, without the data block.
        consumed: usize,
    },
    /// A step of an authentication; what the client says stands at `input[consumed..]`.
    Auth {
        /// What is asked for.
        auth: AuthRequest<'a>,
        /// Bytes up to what is said.
        consumed: usize,
    },
    /// The line of a login in text; user and password stand at `input[consumed..]`, with a CRLF.
    Login {
        /// Bytes of user and password without the CRLF, 0 to
        /// [`AUTH_TOKEN_BYTES_MAX`](crate::AUTH_TOKEN_BYTES_MAX).
        token_bytes: u32,
        /// Bytes of the line with its LF.
        consumed: usize,
    },
    /// A line that is answered with an error.
    Error {
        /// The answer, whole with CRLF; none where `noreply` hides it. It leaves when all of
        /// `swallow` was eaten.
        reply: Option<&'static [u8]>,
        /// Bytes of the line with its LF.
        consumed: usize,
        /// Bytes behind the line to eat unread, up to 2^31 - 1.
        swallow: u64,
    },
    /// A binary request that is answered with an error.
    BinaryError {
        /// The answer. It leaves when all of `swallow` was eaten.
        error: BinaryError,
        /// Bytes of the header.
        consumed: usize,
        /// Bytes behind the header to eat unread.
        swallow: u64,
    },
    /// Close the connection without a word.
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
