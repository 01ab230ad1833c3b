//! Replies of the Redis dialect to requests for one key.

use alloc::vec::Vec;

use slabcore_protocol::{RespRefusal, RespVersion, RespWriter, write_bulk};

/// A reply that is short, or that no longer needs its item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StringReply<'a> {
    /// No value, in this version of the protocol.
    Nil(RespVersion),
    /// A status.
    Status(&'static str),
    /// An integer.
    Integer(i64),
    /// A string.
    Bulk(&'a [u8]),
    /// A string of its own.
    Owned(Vec<u8>),
    /// An error.
    Refused(RespRefusal<'static>),
}

impl StringReply<'_> {
    /// Appends the reply.
    #[inline]
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        // Only nil differs between the versions.
        match self {
            Self::Nil(version) => RespWriter::new(out, *version).nil(),
            Self::Status(text) => RespWriter::new(out, RespVersion::Two).status(text),
            Self::Integer(number) => RespWriter::new(out, RespVersion::Two).integer(*number),
            Self::Bulk(bytes) => write_bulk(out, bytes),
            Self::Owned(bytes) => write_bulk(out, bytes),
            Self::Refused(refusal) => refusal.encode(out),
        }
    }
}
