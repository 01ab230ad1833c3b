//! A batch: requests to another shard, and their replies, in one box that travels there and back.
//!
//! ```text
//! reply   | len 4, top 4 bits: kind | bytes |                              Held: | head |
//! ```
//! Replies are in the order of the requests with a ticket. Holds travel beside the bytes, in the
//! order of the replies that they belong to.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use slabcore_storage::{HashedKey, Hold};

use crate::forwarding::forwarded_decoding::ForwardedRequests;
use crate::forwarding::forwarded_encoding::{encode_forwarded, encode_plain_get};
use crate::forwarding::forwarded_request::ForwardedRequest;
use crate::limits::BATCH_REQUEST_BYTES_SOFT_MAX;
use crate::requests::response::ValueEnd;
use crate::requests::shard_id::ShardId;

const REPLY_HEAD_BYTES: usize = 4;
const REPLY_KIND_SHIFT: u32 = 28;
const REPLY_BYTES: u32 = 0;
const REPLY_HELD: u32 = 1;
const REPLY_HELD_BARE: u32 = 2;

/// The address of a reply: a connection, and a slot in its reply order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Index of the connection at the batch's source.
    pub connection: u32,
    /// Differs between connections that have the same index one after the other.
    pub generation: u32,
    /// The reply's slot.
    pub slot: u32,
}

/// One reply of a batch.
#[derive(Debug)]
pub enum ReplyPart<'a> {
    /// The encoded reply, to be sent as it is.
    Bytes(&'a [u8]),
    /// The start of a reply whose value is held, and sent without a copy.
    Held {
        /// The value. It goes back to its shard by [`Batch::push_release`].
        hold: Hold,
        /// The bytes before the value, as a `VALUE` line with its line end.
        head: &'a [u8],
        /// The bytes after the value.
        end: ValueEnd,
    },
}

/// Requests from one shard to another, then their replies. Its source uses it again.
#[derive(Debug)]
pub struct Batch {
    source: ShardId,
    request_bytes: Vec<u8>,
    requests: u32,
    /// When its source sent it.
    sent: u64,
    tickets: Vec<Ticket>,
    replies: Vec<u8>,
    /// The values of replies with a held value.
    held: VecDeque<Hold>,
    /// Held values of the destination that are no longer needed.
    released: Vec<Hold>,
    /// Those that ask for the report of the destination's executor, which no shard makes.
    report_tickets: Vec<Ticket>,
    report: Vec<u8>,
}

/// Writes the replies to a batch.
#[derive(Debug)]
pub(crate) struct Replies<'a> {
    pub(crate) bytes: &'a mut Vec<u8>,
    held: &'a mut VecDeque<Hold>,
}

impl Batch {
    /// An empty batch of the shard `source`.
    pub fn new(source: ShardId) -> Self {
        Self {
            source,
            request_bytes: Vec::new(),
            requests: 0,
            sent: 0,
            tickets: Vec::new(),
            replies: Vec::new(),
            held: VecDeque::new(),
            released: Vec::new(),
            report_tickets: Vec::new(),
            report: Vec::new(),
        }
    }

    /// The shard that made the batch and gets it back.
    pub fn source(&self) -> ShardId {
        self.source
    }

    /// True if the batch carries nothing for the destination.
    pub fn is_empty(&self) -> bool {
        self.requests == 0 && self.released.is_empty()
    }

    /// Number of requests.
    pub fn requests(&self) -> u32 {
        self.requests
    }

    /// Keeps when the source sent the batch, in a unit of its own.
    pub fn set_sent(&mut self, sent: u64) {
        self.sent = sent;
    }

    /// When the source sent the batch.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// True if further requests should wait for the next batch.
    pub fn is_full(&self) -> bool {
        self.request_bytes.len() >= BATCH_REQUEST_BYTES_SOFT_MAX
    }

    /// Empties the batch for its next use, and frees the memory of unusually large buffers.
    pub fn recycle(&mut self) {
        assert!(self.held.is_empty() && self.released.is_empty(), "each hold was taken");
        self.request_bytes.clear();
        self.replies.clear();
        self.tickets.clear();
        self.requests = 0;
        self.report_tickets.clear();
        self.report = Vec::new();
        self.request_bytes.shrink_to(BATCH_REQUEST_BYTES_SOFT_MAX);
        self.replies.shrink_to(BATCH_REQUEST_BYTES_SOFT_MAX);
    }

    /// Adds a request; it gets a reply if it has a ticket.
    #[inline]
    pub fn push(&mut self, request: &ForwardedRequest<'_>, ticket: Option<Ticket>) {
        encode_forwarded(&mut self.request_bytes, request, ticket.is_some());
        self.tickets.extend(ticket);
        self.requests += 1;
    }

    /// Adds a classic get of `key` that only returns the value.
    #[inline]
    pub fn push_get(&mut self, key: HashedKey<'_>, ticket: Ticket) {
        encode_plain_get(&mut self.request_bytes, key, true);
        self.tickets.push(ticket);
        self.requests += 1;
    }

    /// Adds a request for the report that the destination's executor makes of its connections. The
    /// executor answers it by [`Self::put_report`], beside the shard.
    pub fn ask_for_report(&mut self, ticket: Ticket) {
        self.report_tickets.push(ticket);
        self.requests += 1;
    }

    /// True if some request is for the executor's report.
    #[inline]
    pub fn asks_for_report(&self) -> bool {
        !self.report_tickets.is_empty()
    }

    /// Answers all requests for the executor's report.
    pub fn put_report(&mut self, report: &[u8]) {
        self.report.extend_from_slice(report);
    }

    /// The tickets of the requests for the executor's report, and the report.
    pub fn report(&self) -> (&[Ticket], &[u8]) {
        (&self.report_tickets, &self.report)
    }

    /// Gives a held value back to the destination.
    pub fn push_release(&mut self, hold: Hold) {
        self.released.push(hold);
    }

    /// The replies in order, each with the ticket of its request. Takes the holds out, so go
    /// through all replies, once.
    pub fn take_replies(&mut self) -> impl Iterator<Item = (Ticket, ReplyPart<'_>)> {
        let replies = ReplyParts { rest: &self.replies, held: &mut self.held };
        self.tickets.iter().copied().zip(replies)
    }

    /// Takes the held values that are no longer needed.
    pub(crate) fn take_released(&mut self) -> impl Iterator<Item = Hold> {
        self.released.drain(..)
    }

    /// The requests, and the writer of their replies.
    pub(crate) fn halves(&mut self) -> (ForwardedRequests<'_>, Replies<'_>) {
        let requests = ForwardedRequests { rest: &self.request_bytes, source: self.source };
        (requests, Replies { bytes: &mut self.replies, held: &mut self.held })
    }
}

impl Replies<'_> {
    /// Writes one reply: `write` appends its bytes.
    #[inline]
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.push_kind(REPLY_BYTES, write);
    }

    /// Writes a reply with a held value; `write` appends the bytes before it.
    pub(crate) fn push_held(
        &mut self,
        hold: Hold,
        end: ValueEnd,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.held.push_back(hold);
        let kind = if end == ValueEnd::LineEnd { REPLY_HELD } else { REPLY_HELD_BARE };
        self.push_kind(kind, write);
    }

    /// Removes the reply without bytes that was just written.
    pub(crate) fn take_back_empty(&mut self) {
        debug_assert!(self.bytes.ends_with(&[0; REPLY_HEAD_BYTES]));
        self.bytes.truncate(self.bytes.len() - REPLY_HEAD_BYTES);
    }

    #[inline]
    fn push_kind(&mut self, kind: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; REPLY_HEAD_BYTES]);
        write(self.bytes);
        let bytes = self.bytes.len() - start - REPLY_HEAD_BYTES;
        assert!(bytes < 1 << REPLY_KIND_SHIFT, "a reply fits its length field");
        let head = bytes as u32 | kind << REPLY_KIND_SHIFT;
        self.bytes[start..start + REPLY_HEAD_BYTES].copy_from_slice(&head.to_le_bytes());
    }
}

struct ReplyParts<'a> {
    rest: &'a [u8],
    held: &'a mut VecDeque<Hold>,
}

impl<'a> Iterator for ReplyParts<'a> {
    type Item = ReplyPart<'a>;

    #[inline]
    fn next(&mut self) -> Option<ReplyPart<'a>> {
        let (head, rest) = self.rest.split_first_chunk::<REPLY_HEAD_BYTES>()?;
        let head = u32::from_le_bytes(*head);
        let (bytes, rest) = rest.split_at((head & ((1 << REPLY_KIND_SHIFT) - 1)) as usize);
        self.rest = rest;
        let end = match head >> REPLY_KIND_SHIFT {
            REPLY_BYTES => return Some(ReplyPart::Bytes(bytes)),
            REPLY_HELD => ValueEnd::LineEnd,
            _ => ValueEnd::Nothing,
        };
        let hold = self.held.pop_front().expect("a held reply has its hold");
        Some(ReplyPart::Held { hold, head: bytes, end })
    }
}
