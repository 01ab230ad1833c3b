//! What a shard answers to a request for one key.

use alloc::vec::Vec;

use slabcore_protocol::{
    BinaryReply, END, MetaReply, MetaStatus, Reply, VALUE_END, VALUE_END_AND_END, encode_value,
    encode_value_header,
};
use slabcore_storage::ItemRef;

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
    /// As [`Self::Value`], where the value does not lie together.
    Parts {
        /// Key as the client sent it.
        key: &'a [u8],
        /// The cas unique if asked for.
        cas: Option<u64>,
        /// The item.
        item: ItemRef<'a>,
    },
    /// A get's hit whose value is sent from where it lies: take a hold with [`crate::Shard::hold`]
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
    /// The reply to a meta command, with a value that is short enough to be copied, if any.
    Meta(MetaReply<'a>),
    /// The reply to a binary request, with a value that is short enough to be copied, if any.
    Binary(BinaryReply<'a>),
    /// A hit as that of [`Self::Parts`], in another dialect.
    PartsBehind {
        /// What goes before the value.
        head: Vec<u8>,
        /// The item.
        item: ItemRef<'a>,
        /// What goes behind the value.
        end: ValueEnd,
    },
    /// A hit whose value is sent from where it lies, as that of [`Self::Large`], in another
    /// dialect.
    LargeBehind {
        /// What goes before the value.
        head: Vec<u8>,
        /// What goes behind the value.
        end: ValueEnd,
    },
    /// The reply to an me.
    Text(Vec<u8>),
    /// The client does not want to hear how it went: no bytes.
    Quiet,
}

/// What goes behind a value that is sent part by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueEnd {
    /// CRLF, in the text protocol.
    LineEnd,
    /// Nothing, in the binary one.
    Nothing,
}

impl ValueEnd {
    /// Its bytes.
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::LineEnd => VALUE_END,
            Self::Nothing => b"",
        }
    }
}

impl<'a> Response<'a> {
    /// The reply to a meta command that ended with `status`. The flag `q` hides that of `quiet`.
    pub(crate) fn meta(reply: MetaReply<'a>, quiet: MetaStatus) -> Self {
        if reply.status == quiet && reply.flags.has(b'q') {
            Response::Quiet
        } else {
            Response::Meta(reply)
        }
    }

    /// Appends the reply to `out`; a large value adds nothing.
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
            Response::PartsBehind { head, item, end } => {
                out.extend_from_slice(head);
                append_parts(out, item, *end);
            }
            Response::Miss
            | Response::Quiet
            | Response::Large { .. }
            | Response::LargeBehind { .. } => {}
            Response::Line(reply) => reply.encode(out),
            Response::Meta(reply) => reply.encode(out),
            Response::Binary(reply) => reply.encode(out),
            Response::Text(text) => out.extend_from_slice(text),
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

/// Appends the value and its end; `out` grows at most once.
fn append_parts(out: &mut Vec<u8>, item: &ItemRef<'_>, end: ValueEnd) {
    out.reserve(item.value_len() + VALUE_END.len() + END.len());
    item.value_parts().for_each(|part| out.extend_from_slice(part));
    out.extend_from_slice(end.bytes());
}
