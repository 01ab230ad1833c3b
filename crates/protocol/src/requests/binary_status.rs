//! Statuses of binary replies, and requests that are refused with one.

use crate::requests::echo::Echo;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum BinaryStatus {
    /// Success.
    Done = 0x0000,
    /// The item does not exist, or the statistics do not.
    NotFound = 0x0001,
    /// The item has another cas unique, or exists already.
    Exists = 0x0002,
    /// The item is over the size limit.
    TooLarge = 0x0003,
    /// The opcode does not allow these lengths of key, extras or body.
    Invalid = 0x0004,
    /// There is no item to append to.
    NotStored = 0x0005,
    /// The value is not a number.
    NonNumeric = 0x0006,
    /// The client is not authenticated, gave a wrong password, or may not flush.
    AuthFailure = 0x0020,
    /// The authentication needs another step.
    AuthContinue = 0x0021,
    /// The opcode does not exist.
    UnknownCommand = 0x0081,
    /// There is no memory for the item.
    OutOfMemory = 0x0082,
}

impl BinaryStatus {
    /// The text of a reply with this status that has no other body.
    pub const fn text(self) -> &'static [u8] {
        match self {
            Self::Done | Self::AuthContinue => b"",
            Self::NotFound => b"Not found",
            Self::Exists => b"Data exists for key.",
            Self::TooLarge => b"Too large.",
            Self::Invalid => b"Invalid arguments",
            Self::NotStored => b"Not stored.",
            Self::NonNumeric => b"Non-numeric server-side value for incr or decr",
            Self::AuthFailure => b"Auth failure.",
            Self::UnknownCommand => b"Unknown command",
            Self::OutOfMemory => b"Out of memory allocating item",
        }
    }
}

/// A binary request that is answered with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BinaryError {
    /// What the reply repeats of the request.
    pub echo: Echo,
    /// The status of the reply.
    pub status: BinaryStatus,
    /// The connection is closed after the reply.
    pub closes: bool,
}
