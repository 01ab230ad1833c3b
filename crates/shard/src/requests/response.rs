//! A shard's response to a request for one key, and how it is encoded.

use alloc::vec::Vec;

use slabcore_protocol::{
    BinaryReply, END, MetaReply, MetaStatus, Reply, VALUE_END, VALUE_END_AND_END, encode_value,
    encode_value_header,
};
use slabcore_storage::{Hold, ItemRef};

use crate::requests::string_reply::StringReply;

/// The response to one [`crate::KeyRequest`]. It borrows the item, so nothing evicts the item
/// before the response is encoded.
#[derive(Debug)]
pub enum Response<'a> {
    /// A get that found nothing: no bytes.
    Miss,
    /// A hit of a get, with a value short enough to be copied.
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
    /// As [`Self::Value`], for a value that lies in several chunks.
    Parts {
        /// Key as the client sent it.
        key: &'a [u8],
        /// The cas unique if asked for.
        cas: Option<u64>,
        /// The item.
        item: ItemRef<'a>,
    },
    /// A hit of a get, with a value too long to be copied. Take a hold on it with
    /// [`crate::Shard::hold`] before the next request is executed.
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
    /// The reply to a meta command; its value, if any, is short enough to be copied.
    Meta(MetaReply<'a>),
    /// The reply to a binary request; its value, if any, is short enough to be copied.
    Binary(BinaryReply<'a>),
    /// As [`Self::Parts`], in another dialect.
    PartsWithHead {
        /// The bytes before the value.
        head: Vec<u8>,
        /// The item.
        item: ItemRef<'a>,
        /// The bytes after the value.
        end: ValueEnd,
    },
    /// As [`Self::Large`], in another dialect.
    LargeWithHead {
        /// The bytes before the value.
        head: Vec<u8>,
        /// The bytes after the value.
        end: ValueEnd,
    },
    /// A value that is held already, because its item is gone or only a part of it is sent. Take
    /// the hold with [`crate::Shard::take_held`] before the next request is executed.
    HeldWithHead {
        /// The bytes before the value.
        head: Vec<u8>,
        /// The value.
        hold: &'a Hold,
        /// The bytes after the value.
        end: ValueEnd,
    },
    /// A reply of the Redis dialect, except values that are longer or lie in several chunks.
    String(StringReply<'a>),
    /// The reply to an me.
    Text(Vec<u8>),
    /// The client wants no reply: no bytes.
    Quiet,
}

/// The bytes after a value that is sent in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueEnd {
    /// CRLF, in the text protocol.
    LineEnd,
    /// Nothing, in the binary protocol.
    Nothing,
}

impl ValueEnd {
    /// The bytes themselves.
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::LineEnd => VALUE_END,
            Self::Nothing => b"",
        }
    }
}

impl<'a> Response<'a> {
    /// The response with this reply to a meta command. The flag `q` hides it if its status is
    /// `quiet`.
    pub(crate) fn meta(reply: MetaReply<'a>, quiet: MetaStatus) -> Self {
        if reply.status == quiet && reply.flags.has(b'q') {
            Response::Quiet
        } else {
            Response::Meta(reply)
        }
    }

    /// Appends the reply to `out`. A large hit appends nothing.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Response::Value { key, flags, cas, value } => {
                encode_value(out, key, *flags, *cas, value, VALUE_END);
            }
            Response::Parts { key, cas, item } => {
                encode_value_header(out, key, item.flags(), item.value_len(), *cas);
                append_parts(out, item, ValueEnd::LineEnd);
            }
            Response::PartsWithHead { head, item, end } => {
                out.extend_from_slice(head);
                append_parts(out, item, *end);
            }
            Response::HeldWithHead { head, hold, end } => {
                out.extend_from_slice(head);
                hold.parts(0).for_each(|part| out.extend_from_slice(part));
                out.extend_from_slice(end.bytes());
            }
            Response::Miss
            | Response::Quiet
            | Response::Large { .. }
            | Response::LargeWithHead { .. } => {}
            Response::Line(reply) => reply.encode(out),
            Response::Meta(reply) => reply.encode(out),
            Response::Binary(reply) => reply.encode(out),
            Response::String(reply) => reply.encode(out),
            Response::Text(text) => out.extend_from_slice(text),
        }
    }

    /// As [`Self::encode`], and appends `END`.
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

/// Appends the value and the bytes after it; `out` grows at most once.
fn append_parts(out: &mut Vec<u8>, item: &ItemRef<'_>, end: ValueEnd) {
    out.reserve(item.value_len() + VALUE_END.len() + END.len());
    item.value_parts().for_each(|part| out.extend_from_slice(part));
    out.extend_from_slice(end.bytes());
}
