//! Protocol errors: what the client sent is no command. The connection is closed after the reply.

use alloc::vec::Vec;

/// Why the input is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RespError {
    /// The number of words is none, or too large.
    InvalidWordCount,
    /// The length of a word is none, negative, or too large.
    InvalidWordLength,
    /// A word that does not begin with `$`, but with this byte.
    NoWord(u8),
    /// The line with the number of words has no end.
    LongCountLine,
    /// The line with the length of a word has no end.
    LongLengthLine,
    /// An inline command without an end.
    LongInlineLine,
    /// An inline command with a quote that is not closed.
    UnbalancedQuotes,
    /// More words than a client may send before its login.
    WordsBeforeLogin,
    /// A longer word than a client may send before its login.
    WordLengthBeforeLogin,
}

impl RespError {
    /// Writes the reply.
    pub fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"-ERR Protocol error: ");
        let text: &[u8] = match self {
            Self::InvalidWordCount => b"invalid multibulk length",
            Self::InvalidWordLength => b"invalid bulk length",
            Self::NoWord(byte) => {
                out.extend_from_slice(b"expected '$', got '");
                // A line end would end the reply.
                out.push(if matches!(byte, b'\r' | b'\n') { b' ' } else { byte });
                b"'"
            }
            Self::LongCountLine => b"too big mbulk count string",
            Self::LongLengthLine => b"too big bulk count string",
            Self::LongInlineLine => b"too big inline request",
            Self::UnbalancedQuotes => b"unbalanced quotes in request",
            Self::WordsBeforeLogin => b"unauthenticated multibulk length",
            Self::WordLengthBeforeLogin => b"unauthenticated bulk length",
        };
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    }
}
