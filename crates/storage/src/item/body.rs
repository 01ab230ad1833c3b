//! The body chunks that hold the later parts of a long value.
//!
//! ```text
//! body chunk of a chained item
//!  0      1     2            4           8      12         16
//!  +------+-----+------------+-----------+------+----------+----------
//!  | 0    | 255 | bytes used | next body | head | previous | value ...
//!  +------+-----+------------+-----------+------+----------+----------
//! ```
//!
//! A body links to its head, because an item to be evicted is found by any of its chunks. It links
//! to the chunk before it (the head, for the first body), so it moves without a walk along the
//! chain.

use crate::item::chunk::{NEXT, next};
use crate::limits::{CHUNK_BYTES_MAX, VALUE_BYTES_MAX};
use crate::memory::region::{Location, OwnedPages};

/// Bytes before the value part of a body chunk.
pub(crate) const BODY_HEADER_BYTES: usize = 16;

const BODY_USED: usize = 2;
const BODY_HEAD: usize = 8;
const BODY_PREVIOUS: usize = 12;

/// Most chunks of a chain that are shorter than the longest. They are its last ones, and each but
/// the very last is over 1 KiB.
const SHORT_BODIES_MAX: usize = CHUNK_BYTES_MAX / 1024;

const _: () = {
    assert!(BODY_HEADER_BYTES == BODY_PREVIOUS + 4);
    // The head counts its bodies in 16 bits.
    let long_bodies = VALUE_BYTES_MAX / (CHUNK_BYTES_MAX - BODY_HEADER_BYTES);
    assert!(long_bodies + SHORT_BODIES_MAX < u16::MAX as usize);
};

/// The item that a body chunk belongs to.
pub(crate) fn body_head(pages: &OwnedPages, body: Location) -> Location {
    Location(pages.u32(pages.at(body) + BODY_HEAD))
}

pub(super) fn set_body_head(pages: &mut OwnedPages, body: Location, head: Location) {
    pages.set_u32(pages.at(body) + BODY_HEAD, head.0);
}

/// The chunk before a body chunk: a body or the head.
pub(crate) fn body_previous(pages: &OwnedPages, body: Location) -> Location {
    Location(pages.u32(pages.at(body) + BODY_PREVIOUS))
}

pub(super) fn set_body_previous(pages: &mut OwnedPages, body: Location, previous: Location) {
    pages.set_u32(pages.at(body) + BODY_PREVIOUS, previous.0);
}

pub(super) fn set_next_body(pages: &mut OwnedPages, body: Location, next: Location) {
    pages.set_u32(pages.at(body) + NEXT, next.0);
}

/// Bytes of a body chunk that are used, its header included.
pub(super) fn body_used(pages: &OwnedPages, body: Location) -> usize {
    usize::from(u16::from_le_bytes(pages.array(pages.at(body) + BODY_USED)))
}

/// Offset in the region and length of the value's part in a body chunk.
pub(crate) fn body_span(pages: &OwnedPages, body: Location) -> (usize, usize) {
    (pages.at(body) + BODY_HEADER_BYTES, body_used(pages, body) - BODY_HEADER_BYTES)
}

/// A contiguous part of a value. It knows the next part, so a value is read or copied in one walk.
/// If the store does other work between two steps, the item must be pinned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueSpan {
    /// Offset in the value.
    pub(crate) offset: usize,
    /// Offset in the region.
    pub(crate) at: usize,
    /// Bytes. 0 in a head chunk that has no part of the value.
    pub(crate) len: usize,
    /// The next body chunk, or `NONE`.
    pub(crate) next: Location,
}

impl ValueSpan {
    /// The next part.
    pub(crate) fn following(self, pages: &OwnedPages) -> Option<ValueSpan> {
        let body = self.next.some()?;
        let (at, len) = body_span(pages, body);
        Some(ValueSpan { offset: self.offset + self.len, at, len, next: next(pages, body) })
    }
}
