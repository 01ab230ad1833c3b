//! The chain of chunks that a long value lies in: a head chunk, see `item.rs`, and bodies.
//!
//! ```text
//! body chunk of a chained item
//!  0      1     2            4           8      12         16
//!  +------+-----+------------+-----------+------+----------+----------
//!  | 0    | 255 | bytes used | next body | head | previous | value ...
//!  +------+-----+------------+-----------+------+----------+----------
//! ```
//!
//! A body knows its head, because an item to be evicted is found by any of its chunks, and the
//! chunk before it (the head, for the first), so that it moves without a walk along the chain.

use crate::item::item::{self, KEY_LEN_BODY, NEXT, next};
use crate::item::item_ref::ItemRef;
use crate::limits::{CHUNK_BYTES_MAX, VALUE_BYTES_MAX};
use crate::memory::region::{Location, OwnedPages};

/// Bytes before the value part of a body chunk.
pub(crate) const BODY_HEADER_BYTES: usize = 16;

const BODY_USED: usize = 2;
const BODY_HEAD: usize = 8;
const BODY_PREVIOUS: usize = 12;

/// Chunks at the end of a chain that are shorter than the longest: each but the last is over 1 KiB.
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

/// The chunk before a body chunk: a body, or the head.
pub(crate) fn body_previous(pages: &OwnedPages, body: Location) -> Location {
    Location(pages.u32(pages.at(body) + BODY_PREVIOUS))
}

/// Writes the header of a body chunk and puts it behind `last`, the last chunk of its item.
pub(crate) fn append_body(
    pages: &mut OwnedPages,
    head: Location,
    last: Location,
    body: Location,
    used: usize,
) {
    debug_assert!((BODY_HEADER_BYTES..=CHUNK_BYTES_MAX).contains(&used));
    let at = pages.at(body);
    let [low, high] = (used as u16).to_le_bytes();
    pages.set_array(at, [0, KEY_LEN_BODY, low, high]);
    pages.set_u32(at + NEXT, Location::NONE.0);
    pages.set_u32(at + BODY_HEAD, head.0);
    pages.set_u32(at + BODY_PREVIOUS, last.0);
    relink_body(pages, body);
    let bodies = u16::try_from(ItemRef::new(pages, head).body_count() + 1);
    let bodies = bodies.expect("no more chunks than the longest value has");
    item::set_body_count(pages, head, bodies);
}

/// Lets the chunks before and behind a body point to where it is now.
pub(crate) fn relink_body(pages: &mut OwnedPages, body: Location) {
    let (head, previous) = (body_head(pages, body), body_previous(pages, body));
    if previous == head {
        item::set_first_body(pages, head, body);
    } else {
        pages.set_u32(pages.at(previous) + NEXT, body.0);
    }
    if let Some(next) = next(pages, body).some() {
        pages.set_u32(pages.at(next) + BODY_PREVIOUS, body.0);
    }
}

/// Lets all bodies of an item point to where its head is now: a walk along the chain.
pub(crate) fn relink_head(pages: &mut OwnedPages, head: Location) {
    let mut body = ItemRef::new(pages, head).first_body();
    if let Some(first) = body.some() {
        pages.set_u32(pages.at(first) + BODY_PREVIOUS, head.0);
    }
    while let Some(chunk) = body.some() {
        pages.set_u32(pages.at(chunk) + BODY_HEAD, head.0);
        body = next(pages, chunk);
    }
}

/// Bytes of a body chunk that are asked for, its header included.
pub(crate) fn body_used(pages: &OwnedPages, body: Location) -> usize {
    usize::from(u16::from_le_bytes(pages.array(pages.at(body) + BODY_USED)))
}

/// Offset in the region and length of the value's part in a body chunk.
pub(crate) fn body_span(pages: &OwnedPages, body: Location) -> (usize, usize) {
    (pages.at(body) + BODY_HEADER_BYTES, body_used(pages, body) - BODY_HEADER_BYTES)
}

/// A part of a value that lies together. It knows the part behind it, so that a value is read or
/// copied in one walk, also when other things happen between two steps; the item is pinned then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueSpan {
    /// Offset in the value.
    pub(crate) offset: usize,
    /// Offset in the region.
    pub(crate) at: usize,
    /// Bytes; 0 in a head chunk without any of the value.
    pub(crate) len: usize,
    /// The body chunk behind it.
    pub(crate) next: Location,
}

impl ValueSpan {
    /// The part behind this one.
    pub(crate) fn following(self, pages: &OwnedPages) -> Option<ValueSpan> {
        let body = self.next.some()?;
        let (at, len) = body_span(pages, body);
        Some(ValueSpan { offset: self.offset + self.len, at, len, next: next(pages, body) })
    }
}

/// Steps along links from chunk to chunk, for tests of how many an operation takes.
#[cfg(test)]
pub(crate) mod steps {
    use core::cell::Cell;

    std::thread_local!(static STEPS: Cell<usize> = const { Cell::new(0) });

    pub(crate) fn count() {
        STEPS.set(STEPS.get() + 1);
    }

    /// The steps that `operation` takes.
    pub(crate) fn of(operation: impl FnOnce()) -> usize {
        let before = STEPS.get();
        operation();
        STEPS.get() - before
    }
}
