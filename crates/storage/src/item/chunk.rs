//! What a chunk holds: an item, a later part of an item's value, or nothing.
//!
//! All numbers are little endian. Nothing is aligned beyond the granule of locations.
//!
//! ```text
//! item (head chunk)
//!  0       1         2           4        8
//!  +-------+---------+-----------+--------+
//!  | state | key len | value len | access |
//!  +-------+---------+-----------+--------+
//!  then, each only if the item has it:
//!    exptime u32 | flags u8, u16 or u32 | cas unique u64
//!    | chained: value len u32, first body u32, bytes used in this chunk u16, bodies u16
//!    | extended: the extension u32, see `extension.rs`
//!  then the key, then the value or its first part.
//!
//!  state:     bit 0 exptime, 1 cas unique, 2-3 width of the flags (0, 1, 2, 4 bytes), 4 linked,
//!             5 held, 6-7 flush epoch
//!  key len:   1 to 250: a plain item, in database 0. 254: an extended one, whose extension has
//!             the key's length and database, and the millisecond of the expiry. An item is
//!             extended if its key needs it, or if it once expired at a millisecond other than 0.
//!             251 to 253 are unused
//!  value len: 65,535 in a chained item, whose value lies in more than one chunk. Else 15 bits;
//!             the last one is set in an extended item. So one bit tells whether an item is neither
//!             chained nor extended
//!  access:    when the item was last accessed, how often it was read, and the marks of meta
//!             commands, see `access.rs`
//!
//! free chunk
//!  0      1    2     4           8
//!  +------+----+-----+-----------+
//!  |      | 0  |     | next free |
//!  +------+----+-----+-----------+
//! ```
//!
//! The byte at 1 tells the two from each other and from a body chunk, see `body.rs`. A chained item
//! always has its exptime and cas fields (0 if unused), so it never moves to get them.

use core::sync::atomic::{Ordering, compiler_fence};

use crate::item::access::AccessWord;
use crate::item::extension::EXTENSION_BYTES;
use crate::limits::{CHUNK_BYTES_MAX, KEY_BYTES_MAX, LONG_KEY_BYTES_MAX};
use crate::memory::region::{Location, OwnedPages};

/// Bytes of the fixed part of an item.
pub(super) const HEADER_BYTES: usize = 8;

pub(super) const KEY_LEN: usize = 1;
pub(super) const VALUE_LEN: usize = 2;
pub(super) const ACCESS: usize = 4;
/// Offset of the link from a free chunk to the next one, and from a body chunk to the next body.
pub(super) const NEXT: usize = 4;

/// The key length that marks a free chunk.
pub(super) const KEY_LEN_FREE: u8 = 0;
/// The key length that marks an extended item.
pub(super) const KEY_LEN_EXTENDED: u8 = 254;
/// The key length that marks a body chunk.
pub(super) const KEY_LEN_BODY: u8 = 255;
pub(super) const VALUE_LEN_CHAINED: u16 = u16::MAX;
/// The bit of the value length that chained and extended items have.
pub(super) const VALUE_LEN_NOT_SIMPLE: u16 = 1 << 15;

pub(super) const HAS_EXPTIME: u8 = 1;
pub(super) const HAS_CAS: u8 = 1 << 1;
pub(super) const WIDTH_SHIFT: u32 = 2;
const LINKED: u8 = 1 << 4;
pub(super) const HELD: u8 = 1 << 5;
pub(super) const EPOCH_SHIFT: u32 = 6;

/// Bytes of the optional fields before the chain fields, by the low half of the state.
pub(super) const OPTIONAL_BYTES: [u8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 4, 8, 12, 16];
pub(super) const CHAIN_BYTES: usize = 12;

/// Offsets of the chain fields, counted back from the end of the fields.
pub(super) const FIRST_BODY: usize = 8;
pub(super) const HEAD_USED: usize = 4;
pub(super) const BODIES: usize = 2;

const _: () = {
    assert!(HEADER_BYTES == ACCESS + 4);
    let fields_bytes = HEADER_BYTES + 16 + CHAIN_BYTES + EXTENSION_BYTES;
    assert!(fields_bytes + LONG_KEY_BYTES_MAX < CHUNK_BYTES_MAX);
    assert!(KEY_BYTES_MAX < KEY_LEN_EXTENDED as usize);
    assert!(CHUNK_BYTES_MAX - HEADER_BYTES < VALUE_LEN_NOT_SIMPLE as usize - 1);
};

/// What a chunk holds, read from the chunk itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChunkUse {
    /// Nothing.
    Free,
    /// A later part of a value.
    Body,
    /// An item outside of the hash table: it is being written, or it is held and was unlinked.
    Unlinked,
    /// An item in the hash table.
    Linked,
}

#[inline]
pub(crate) fn chunk_use(pages: &OwnedPages, chunk: Location) -> ChunkUse {
    let [state, key_len] = pages.array(pages.at(chunk));
    match key_len {
        KEY_LEN_FREE => ChunkUse::Free,
        KEY_LEN_BODY => ChunkUse::Body,
        _ if state & LINKED != 0 => ChunkUse::Linked,
        _ => ChunkUse::Unlinked,
    }
}

/// Makes a chunk free, with a link to the next free one of its page.
pub(crate) fn write_free(pages: &mut OwnedPages, chunk: Location, next: Location) {
    let at = pages.at(chunk);
    pages.set_u8(at + KEY_LEN, KEY_LEN_FREE);
    pages.set_u32(at + NEXT, next.0);
}

/// Copies what a chunk holds to another one, which is free until all else is there.
pub(crate) fn copy(pages: &mut OwnedPages, from: Location, to: Location, bytes: usize) {
    let (from, to) = (pages.at(from), pages.at(to));
    pages.copy(from + HEADER_BYTES, to + HEADER_BYTES, bytes - HEADER_BYTES);
    compiler_fence(Ordering::SeqCst);
    let header = pages.u64(from);
    pages.set_u64(to, header);
}

/// The next body of a chain, or the next free chunk of a page.
pub(crate) fn next(pages: &OwnedPages, chunk: Location) -> Location {
    #[cfg(test)]
    steps::count();
    Location(pages.u32(pages.at(chunk) + NEXT))
}

pub(super) fn state(pages: &OwnedPages, item: Location) -> u8 {
    pages.u8(pages.at(item))
}

pub(super) fn set_state(pages: &mut OwnedPages, item: Location, state: u8) {
    pages.set_u8(pages.at(item), state);
}

/// Notes that an item is in the hash table. A process that ends at any time leaves an item with
/// this note whole: it is written after all else of the item, and taken off before a change.
pub(crate) fn set_linked(pages: &mut OwnedPages, item: Location, linked: bool) {
    compiler_fence(Ordering::SeqCst);
    let state = state(pages, item) & !LINKED | if linked { LINKED } else { 0 };
    set_state(pages, item, state);
    compiler_fence(Ordering::SeqCst);
}

#[inline]
pub(crate) fn is_held(pages: &OwnedPages, item: Location) -> bool {
    state(pages, item) & HELD != 0
}

pub(crate) fn set_held(pages: &mut OwnedPages, item: Location, held: bool) {
    let state = state(pages, item) & !HELD | if held { HELD } else { 0 };
    set_state(pages, item, state);
}

/// Sets the two bits of the flush epoch.
pub(crate) fn set_epoch(pages: &mut OwnedPages, item: Location, epoch: u8) {
    let state = state(pages, item) & !(0b11 << EPOCH_SHIFT) | epoch << EPOCH_SHIFT;
    set_state(pages, item, state);
}

#[inline]
pub(crate) fn set_access(pages: &mut OwnedPages, item: Location, access: AccessWord) {
    pages.set_u32(pages.at(item) + ACCESS, access.0);
}

/// Bytes of the flags field, by the state.
pub(super) fn flags_bytes(state: u8) -> usize {
    [0, 1, 2, 4][usize::from(state >> WIDTH_SHIFT & 0b11)]
}

/// Counts steps along links from chunk to chunk, for tests.
#[cfg(test)]
pub(crate) mod steps {
    use core::cell::Cell;

    std::thread_local!(static STEPS: Cell<usize> = const { Cell::new(0) });

    pub(super) fn count() {
        STEPS.set(STEPS.get() + 1);
    }

    /// The steps that `operation` takes.
    pub(crate) fn of(operation: impl FnOnce()) -> usize {
        let before = STEPS.get();
        operation();
        STEPS.get() - before
    }
}
