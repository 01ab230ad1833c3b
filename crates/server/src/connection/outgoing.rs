//! The bytes of one send: encoded replies, and between them parts of large values, which are sent
//! without a copy.

use std::ops::Range;

use arrayvec::ArrayVec;
use slabcore_shard::{ShardId, ValueEnd};
use slabcore_storage::Hold;

use crate::settings::limits::{SEND_PIECES_MAX, SEND_VALUES_MAX};

/// A large value on its way to a client.
#[derive(Debug)]
pub(crate) struct LargeValue {
    /// Shard that the hold goes back to.
    shard: ShardId,
    /// Keeps the value where it is until its last byte has left.
    hold: Hold,
    /// The `VALUE` line before it; empty once that has left.
    head: Vec<u8>,
    /// The bytes after it.
    end: ValueEnd,
    /// Bytes of the value that were handed to the socket.
    taken_bytes: usize,
}

impl LargeValue {
    /// A value of `shard` that goes after `head` and before `end`.
    pub(crate) fn new(shard: ShardId, hold: Hold, head: Vec<u8>, end: ValueEnd) -> Self {
        Self { shard, hold, head, end, taken_bytes: 0 }
    }

    /// The shard and the hold that goes back to it.
    pub(crate) fn into_hold(self) -> (ShardId, Hold) {
        (self.shard, self.hold)
    }

    /// Appends the bytes before the value, if they have not left.
    pub(super) fn take_head(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.head);
    }

    /// The bytes after the value.
    pub(super) fn end(&self) -> ValueEnd {
        self.end
    }

    /// Bytes of the value that are still to be handed to the socket.
    pub(super) fn left_bytes(&self) -> usize {
        self.hold.value_bytes() - self.taken_bytes
    }
}

/// A part of a value in a send.
#[derive(Debug)]
struct Part {
    /// Bytes of the replies that leave before it.
    at: usize,
    value: Box<LargeValue>,
    range: Range<usize>,
}

/// The parts of values in a send, in the order in which they leave.
#[derive(Debug)]
pub(crate) struct Parts {
    list: ArrayVec<Part, SEND_VALUES_MAX>,
    /// Bytes of all parts.
    bytes: usize,
    /// Maximum of `bytes`.
    bytes_max: usize,
}

impl Parts {
    /// No part yet. The parts may have `bytes_max` bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { list: ArrayVec::new(), bytes: 0, bytes_max }
    }

    /// Adds the next `part_bytes` of a value, which leave once `at` bytes of the replies have.
    pub(super) fn push(&mut self, at: usize, mut value: Box<LargeValue>, part_bytes: usize) {
        let start = value.taken_bytes;
        value.taken_bytes += part_bytes;
        self.bytes += part_bytes;
        self.list.push(Part { at, value, range: start..start + part_bytes });
    }

    /// True if no further part fits.
    pub(super) fn is_full(&self) -> bool {
        self.list.is_full() || self.bytes >= self.bytes_max
    }

    /// Bytes of values that may be added.
    pub(super) fn room_bytes(&self) -> usize {
        self.bytes_max - self.bytes
    }

    /// Bytes of all parts.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The values whose parts these are.
    pub(crate) fn into_values(self) -> impl Iterator<Item = Box<LargeValue>> {
        self.list.into_iter().map(|part| part.value)
    }
}

/// The bytes of one send.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) replies: Vec<u8>,
    /// Parts of values between the replies. Boxed, because most sends have none.
    pub(crate) parts: Option<Box<Parts>>,
}

/// Runs of bytes that are sent one after the other.
pub(crate) type Pieces<'a> = ArrayVec<&'a [u8], SEND_PIECES_MAX>;

impl Outgoing {
    /// All bytes of the send.
    #[inline]
    pub(crate) fn total_bytes(&self) -> usize {
        self.replies.len() + self.part_bytes()
    }

    /// Bytes of values in the send.
    #[inline]
    pub(super) fn part_bytes(&self) -> usize {
        self.parts.as_ref().map_or(0, |parts| parts.bytes)
    }

    /// The bytes, if they are contiguous.
    #[inline]
    pub(crate) fn plain(&self) -> Option<&[u8]> {
        self.parts.is_none().then_some(&self.replies[..])
    }

    /// Appends all bytes of the send to `bytes`.
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        let mut offset = 0;
        while offset < self.total_bytes() {
            for piece in &self.pieces(offset) {
                bytes.extend_from_slice(piece);
                offset += piece.len();
            }
        }
    }

    /// The bytes from `offset` on, as far as [`Pieces`] has room. No piece is empty.
    pub(crate) fn pieces(&self, offset: usize) -> Pieces<'_> {
        let mut pieces = Pieces::new();
        let mut skip = offset;
        let mut replies_start = 0;
        for part in self.parts.iter().flat_map(|parts| &parts.list) {
            push_rest(&mut pieces, &self.replies[replies_start..part.at], &mut skip);
            replies_start = part.at;
            let skipped = skip.min(part.range.len());
            skip -= skipped;
            let mut left = part.range.len() - skipped;
            for run in part.value.hold.parts(part.range.start + skipped) {
                if left == 0 || pieces.is_full() {
                    break;
                }
                let run = &run[..run.len().min(left)];
                left -= run.len();
                pieces.push(run);
            }
            if pieces.is_full() {
                return pieces;
            }
        }
        push_rest(&mut pieces, &self.replies[replies_start..], &mut skip);
        pieces
    }
}

fn push_rest<'a>(pieces: &mut Pieces<'a>, run: &'a [u8], skip: &mut usize) {
    let skipped = (*skip).min(run.len());
    *skip -= skipped;
    if skipped < run.len() && !pieces.is_full() {
        pieces.push(&run[skipped..]);
    }
}
