//! Requests for another shard, and their replies: one box that travels there and back.
//!
//! ```text
//! reply   | len 4, top 4 bits: kind | bytes |      Held: | hold 4 | value bytes 4 | VALUE line |
//! ```
//! Replies stand in the order of the entries that carry a ticket.

use alloc::vec::Vec;

use crate::entry::{Entries, Entry, encode_entry, encode_plain_get};
use crate::holds::HoldId;
use crate::limits::BATCH_REQUEST_BYTES_SOFT_MAX;

const REPLY_HEAD_BYTES: usize = 4;
const REPLY_KIND_SHIFT: u32 = 28;
const REPLY_BYTES: u32 = 0;
const REPLY_HELD: u32 = 1;

/// Whose reply it is: a connection's slot in its reply order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Index of the connection at the source.
    pub connection: u32,
    /// Tells a connection from an earlier one with the same index.
    pub generation: u32,
    /// The reply's slot.
    pub slot: u32,
}

/// One reply of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyPart<'a> {
    /// Encoded reply, to be sent as it is.
    Bytes(&'a [u8]),
    /// The encoded `VALUE` line of a value that must be asked for part by part.
    Held {
        /// What to ask.
        hold: HoldId,
        /// Bytes of the value.
        value_bytes: usize,
        /// `VALUE` line with its line end.
        head: &'a [u8],
    },
}

/// Requests of one shard to another, then their replies. Recycled by its source.
#[derive(Debug, Default)]
pub struct Batch {
    source: u8,
    requests: Vec<u8>,
    entries: u32,
    tickets: Vec<Ticket>,
    replies: Vec<u8>,
}

impl Batch {
    /// An empty batch of the shard `source`.
    pub fn new(source: u8) -> Self {
        Self { source, ..Self::default() }
    }

    /// Shard that made it and gets it back.
    pub fn source(&self) -> usize {
        usize::from(self.source)
    }

    /// True if nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// How many requests it holds.
    pub fn entries(&self) -> u32 {
        self.entries
    }

    /// True if further requests should wait for the next batch.
    pub fn is_full(&self) -> bool {
        self.requests.len() >= BATCH_REQUEST_BYTES_SOFT_MAX
    }

    /// Empties it for its next round; buffers that one large round blew up are let go.
    pub fn recycle(&mut self) {
        self.requests.clear();
        self.replies.clear();
        self.tickets.clear();
        self.entries = 0;
        self.requests.shrink_to(BATCH_REQUEST_BYTES_SOFT_MAX);
        self.replies.shrink_to(BATCH_REQUEST_BYTES_SOFT_MAX);
    }

    /// Adds a request. With a ticket it is answered.
    #[inline]
    pub fn push(&mut self, entry: &Entry<'_>, ticket: Option<Ticket>) {
        encode_entry(&mut self.requests, entry, ticket.is_some());
        self.tickets.extend(ticket);
        self.entries += 1;
    }

    /// Adds a get of `key` with nothing said of it; it is answered.
    #[inline]
    pub fn push_get(&mut self, hash: u64, key: &[u8], ticket: Ticket) {
        encode_plain_get(&mut self.requests, hash, key, true);
        self.tickets.push(ticket);
        self.entries += 1;
    }

    /// The replies in order, each with the ticket of its request.
    pub fn replies(&self) -> impl Iterator<Item = (Ticket, ReplyPart<'_>)> {
        self.tickets.iter().copied().zip(Replies { rest: &self.replies })
    }

    /// The requests, and the buffer for their replies.
    pub(crate) fn halves(&mut self) -> (Entries<'_>, &mut Vec<u8>) {
        (Entries { rest: &self.requests, source: self.source }, &mut self.replies)
    }
}

/// Writes one reply: `write` appends its bytes.
#[inline]
pub(crate) fn push_reply(replies: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = replies.len();
    replies.extend_from_slice(&[0; REPLY_HEAD_BYTES]);
    write(replies);
    seal(replies, start, REPLY_BYTES);
}

/// Takes back a reply without bytes that was just written.
pub(crate) fn pop_empty_reply(replies: &mut Vec<u8>) {
    debug_assert!(replies.ends_with(&[0; REPLY_HEAD_BYTES]));
    replies.truncate(replies.len() - REPLY_HEAD_BYTES);
}

/// Writes the reply for a held value; `write` appends its `VALUE` line.
pub(crate) fn push_held(
    replies: &mut Vec<u8>,
    hold: HoldId,
    value_bytes: usize,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let start = replies.len();
    replies.extend_from_slice(&[0; REPLY_HEAD_BYTES]);
    replies.extend_from_slice(&hold.0.to_le_bytes());
    let value_bytes = u32::try_from(value_bytes).expect("a value is under 4 GiB");
    replies.extend_from_slice(&value_bytes.to_le_bytes());
    write(replies);
    seal(replies, start, REPLY_HELD);
}

fn seal(replies: &mut [u8], start: usize, kind: u32) {
    let bytes = replies.len() - start - REPLY_HEAD_BYTES;
    assert!(bytes < 1 << REPLY_KIND_SHIFT, "a reply fits its length field");
    let head = bytes as u32 | kind << REPLY_KIND_SHIFT;
    replies[start..start + REPLY_HEAD_BYTES].copy_from_slice(&head.to_le_bytes());
}

#[derive(Clone)]
struct Replies<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Replies<'a> {
    type Item = ReplyPart<'a>;

    #[inline]
    fn next(&mut self) -> Option<ReplyPart<'a>> {
        let (head, rest) = self.rest.split_first_chunk::<REPLY_HEAD_BYTES>()?;
        let head = u32::from_le_bytes(*head);
        let (bytes, rest) = rest.split_at((head & ((1 << REPLY_KIND_SHIFT) - 1)) as usize);
        self.rest = rest;
        if head >> REPLY_KIND_SHIFT == REPLY_BYTES {
            return Some(ReplyPart::Bytes(bytes));
        }
        let (hold, bytes) = bytes.split_first_chunk::<4>().expect("a held reply names its hold");
        let (value_bytes, head) = bytes.split_first_chunk::<4>().expect("and its length");
        Some(ReplyPart::Held {
            hold: HoldId(u32::from_le_bytes(*hold)),
            value_bytes: u32::from_le_bytes(*value_bytes) as usize,
            head,
        })
    }
}
