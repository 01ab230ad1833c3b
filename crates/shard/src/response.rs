//! What a shard answers to a request for one key.

use alloc::vec::Vec;

use slabcore_protocol::{END, Reply, VALUE_END, VALUE_END_AND_END, encode_value};

/// The answer to one [`crate::KeyRequest`]. Borrows the item, which keeps it from being evicted
/// until it is encoded.
#[derive(Debug)]
pub enum Response<'a> {
    /// A get that found nothing: no bytes.
    Miss,
    /// A get's hit whose value is short enough to be copied.
    Value {
        /// Key as the client sent it.
        key: &'a [u8],
        /// Client flags.
        flags: u32,
        /// The cas unique if asked for.
        cas: Option<u64>,
        /// The value.
        value: &'a [u8],
    },
    /// A get's hit whose value is sent part by part: take a hold with [`crate::Shard::hold`]
    /// before the next request is executed.
    Large {
        /// Client flags.
        flags: u32,
        /// The cas unique if asked for.
        cas: Option<u64>,
        /// Bytes of the value.
        value_bytes: usize,
    },
    /// A reply of one line.
    Line(Reply),
}

impl Response<'_> {
    /// Appends the reply to `out`; a large value adds nothing.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Response::Value { key, flags, cas, value } => {
                encode_value(out, key, *flags, *cas, value, VALUE_END);
            }
            Response::Miss | Response::Large { .. } => {}
            Response::Line(reply) => reply.encode(out),
        }
    }

    /// As [`Self::encode`], with the line that ends a retrieval behind it.
    #[inline]
    pub fn encode_with_end(&self, out: &mut Vec<u8>) {
        if let Response::Value { key, flags, cas, value } = self {
            encode_value(out, key, *flags, *cas, value, VALUE_END_AND_END);
        } else {
            self.encode(out);
            out.extend_from_slice(END);
        }
    }
}
