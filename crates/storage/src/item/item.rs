//! What a chunk holds: an item, a later part of an item's value, or nothing.
//!
//! All numbers are little endian; nothing is aligned beyond the granule of locations.
//!
//! ```text
//! item (head chunk)
//!  0       1         2           4        8
//!  +-------+---------+-----------+--------+
//!  | state | key len | value len | access |
//!  +-------+---------+-----------+--------+
//!  then, each only when the item has it:
//!    exptime u32 | flags u8, u16 or u32 | cas unique u64
//!    | chained: value len u32, first body u32, bytes used in this chunk u16, bodies u16
//!  then the key, then the value or its first part.
//!
//!  state:     0 exptime, 1 cas unique, 2-3 width of the flags (0, 1, 2, 4 bytes), 4 linked,
//!             5 held, 6-7 flush epoch
//!  value len: 65,535 in a chained item, whose value lies in more than one chunk
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
//! The byte at 1 tells the two apart, and both from a body chunk, see `chain.rs`. A chained item
//! has its exptime and cas fields always (0 when unused), so that it never has to be moved for
//! them.

use crate::item::access::AccessWord;
use crate::item::chain::body_used;
pub(crate) use crate::item::chain::{body_head, body_span};
use crate::item::chunk_sizes::ChunkSizes;
use crate::item::item_ref::ItemRef;
use crate::limits::{CHUNK_BYTES_MAX, KEY_BYTES_MAX};
use crate::memory::region::{Location, OwnedPages};

/// Bytes of the fixed part of an item.
pub(crate) const HEADER_BYTES: usize = 8;

const KEY_LEN: usize = 1;
pub(crate) const ACCESS: usize = 4;
/// Where a free chunk links the next one, and a body chunk the next body.
pub(crate) const NEXT: usize = 4;

pub(crate) const KEY_LEN_FREE: u8 = 0;
/// Marks a body chunk.
pub(crate) const KEY_LEN_BODY: u8 = 255;
pub(crate) const VALUE_LEN_CHAINED: u16 = u16::MAX;

pub(crate) const HAS_EXPTIME: u8 = 1;
pub(crate) const HAS_CAS: u8 = 1 << 1;
pub(crate) const WIDTH_SHIFT: u32 = 2;
const LINKED: u8 = 1 << 4;
pub(crate) const HELD: u8 = 1 << 5;
pub(crate) const EPOCH_SHIFT: u32 = 6;

/// Bytes of the optional fields before the chain fields, by the low half of the state.
pub(crate) const OPTIONAL_BYTES: [u8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 4, 8, 12, 16];
pub(crate) const CHAIN_BYTES: usize = 12;

/// Where the chain fields are, counted back from the key.
pub(crate) const FIRST_BODY: usize = 8;
pub(crate) const HEAD_USED: usize = 4;
pub(crate) const BODIES: usize = 2;

const _: () = {
    assert!(HEADER_BYTES == ACCESS + 4);
    assert!(HEADER_BYTES + 16 + CHAIN_BYTES + KEY_BYTES_MAX < CHUNK_BYTES_MAX);
    assert!(CHUNK_BYTES_MAX < VALUE_LEN_CHAINED as usize);
};

/// What a chunk holds, read from the chunk itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChunkUse {
    Free,
    Body,
    /// An item outside of the hash table: being written, or unlinked while held.
    Unlinked,
    Linked,
}

pub(crate) fn chunk_use(pages: &OwnedPages, chunk: Location) -> ChunkUse {
    let [state, key_len] = pages.array(pages.at(chunk));
    match key_len {
        KEY_LEN_FREE => ChunkUse::Free,
        KEY_LEN_BODY => ChunkUse::Body,
        _ if state & LINKED != 0 => ChunkUse::Linked,
        _ => ChunkUse::Unlinked,
    }
}

/// Makes a chunk free; the caller links it.
pub(crate) fn write_free(pages: &mut OwnedPages, chunk: Location, next: Location) {
    let at = pages.at(chunk);
    pages.set_u8(at + KEY_LEN, KEY_LEN_FREE);
    pages.set_u32(at + NEXT, next.0);
}

/// The next body of a chain, or the next free chunk of a page.
pub(crate) fn next(pages: &OwnedPages, chunk: Location) -> Location {
    #[cfg(test)]
    crate::item::chain::steps::count();
    Location(pages.u32(pages.at(chunk) + NEXT))
}

/// Bytes of a chunk that are asked for; the rest is rounding.
pub(crate) fn chunk_used_bytes(pages: &OwnedPages, chunk: Location) -> usize {
    match chunk_use(pages, chunk) {
        ChunkUse::Free => 0,
        ChunkUse::Body => body_used(pages, chunk),
        ChunkUse::Unlinked | ChunkUse::Linked => ItemRef::new(pages, chunk).head_bytes(),
    }
}

fn state(pages: &OwnedPages, item: Location) -> u8 {
    pages.u8(pages.at(item))
}

fn set_state(pages: &mut OwnedPages, item: Location, state: u8) {
    pages.set_u8(pages.at(item), state);
}

pub(crate) fn set_linked(pages: &mut OwnedPages, item: Location, linked: bool) {
    let state = state(pages, item) & !LINKED | if linked { LINKED } else { 0 };
    set_state(pages, item, state);
}

pub(crate) fn is_held(pages: &OwnedPages, item: Location) -> bool {
    state(pages, item) & HELD != 0
}

pub(crate) fn set_held(pages: &mut OwnedPages, item: Location, held: bool) {
    let state = state(pages, item) & !HELD | if held { HELD } else { 0 };
    set_state(pages, item, state);
}

pub(crate) fn set_epoch(pages: &mut OwnedPages, item: Location, epoch: u8) {
    let state = state(pages, item) & !(0b11 << EPOCH_SHIFT) | epoch << EPOCH_SHIFT;
    set_state(pages, item, state);
}

/// The word that says when an item was last accessed and how often it was read, and its marks.
#[inline]
pub(crate) fn access(pages: &OwnedPages, item: Location) -> AccessWord {
    AccessWord(pages.u32(pages.at(item) + ACCESS))
}

#[inline]
pub(crate) fn set_access(pages: &mut OwnedPages, item: Location, access: AccessWord) {
    pages.set_u32(pages.at(item) + ACCESS, access.0);
}

/// Which fields an item has, and so where each of them is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ItemShape {
    pub(crate) key_len: usize,
    pub(crate) value_len: usize,
    optional: u8,
    pub(crate) chained: bool,
    /// Bytes of the head chunk.
    pub(crate) head_bytes: usize,
}

impl ItemShape {
    /// The smallest shape for an item. `exptime` 0 and `flags` 0 take no room.
    pub(crate) fn new(
        sizes: &ChunkSizes,
        key_len: usize,
        value_len: usize,
        flags: u32,
        exptime: u32,
        with_cas: bool,
    ) -> ItemShape {
        assert!((1..=KEY_BYTES_MAX).contains(&key_len), "key length outside 1..=250");
        let width = match flags {
            0 => 0,
            1..=0xff => 1,
            0x100..=0xffff => 2,
            _ => 3,
        };
        let optional = width << WIDTH_SHIFT
            | if exptime == 0 { 0 } else { HAS_EXPTIME }
            | if with_cas { HAS_CAS } else { 0 };
        let mut shape = ItemShape { key_len, value_len, optional, chained: false, head_bytes: 0 };
        shape.head_bytes = shape.value_at() + value_len;
        if sizes.piece_bytes(shape.head_bytes) < shape.head_bytes {
            shape.optional |= HAS_EXPTIME | HAS_CAS;
            shape.chained = true;
            shape.head_bytes = sizes.piece_bytes(shape.value_at() + value_len);
        }
        shape
    }

    /// Offset of the value in the head chunk.
    pub(crate) fn value_at(self) -> usize {
        let optional = usize::from(OPTIONAL_BYTES[usize::from(self.optional)]);
        HEADER_BYTES + optional + if self.chained { CHAIN_BYTES } else { 0 } + self.key_len
    }

    /// Writes everything but the value; the item is neither linked nor held, and was never read.
    pub(crate) fn write(
        self,
        pages: &mut OwnedPages,
        item: Location,
        key: &[u8],
        flags: u32,
        exptime: u32,
    ) {
        let at = pages.at(item);
        let value_len = if self.chained { VALUE_LEN_CHAINED } else { self.value_len as u16 };
        let [low, high] = value_len.to_le_bytes();
        pages.set_array(at, [self.optional, self.key_len as u8, low, high, 0, 0, 0, 0]);
        let mut field = at + HEADER_BYTES;
        if self.optional & HAS_EXPTIME != 0 {
            pages.set_u32(field, exptime);
            field += 4;
        }
        let width = flags_bytes(self.optional);
        pages.bytes_mut(field, width).copy_from_slice(&flags.to_le_bytes()[..width]);
        field += width;
        if self.optional & HAS_CAS != 0 {
            pages.set_u64(field, 0);
            field += 8;
        }
        if self.chained {
            pages.set_u32(field, self.value_len as u32);
            pages.set_u32(field + 4, Location::NONE.0);
            pages.set_array(field + 8, (self.head_bytes as u16).to_le_bytes());
            pages.set_array(field + 10, [0, 0]);
            field += CHAIN_BYTES;
        }
        debug_assert_eq!(field + self.key_len, at + self.value_at());
        pages.bytes_mut(field, self.key_len).copy_from_slice(key);
    }
}

pub(crate) fn flags_bytes(state: u8) -> usize {
    [0, 1, 2, 4][usize::from(state >> WIDTH_SHIFT & 0b11)]
}

/// Location of the first body chunk, written into a chained head.
pub(crate) fn set_first_body(pages: &mut OwnedPages, item: Location, body: Location) {
    let item = ItemRef::new(pages, item);
    debug_assert!(item.is_chained());
    pages.set_u32(item.key_at() - FIRST_BODY, body.0);
}

/// Number of body chunks, written into a chained head.
pub(crate) fn set_body_count(pages: &mut OwnedPages, item: Location, bodies: u16) {
    let item = ItemRef::new(pages, item);
    debug_assert!(item.is_chained());
    pages.set_array(item.key_at() - BODIES, bodies.to_le_bytes());
}

/// Writes the exptime field, which the item has.
pub(crate) fn set_exptime(pages: &mut OwnedPages, item: Location, exptime: u32) {
    let at = pages.at(item);
    debug_assert!(pages.u8(at) & HAS_EXPTIME != 0);
    pages.set_u32(at + HEADER_BYTES, exptime);
}

/// Writes the cas field, which the item has.
pub(crate) fn set_cas(pages: &mut OwnedPages, item: Location, unique: u64) {
    let field = ItemRef::new(pages, item).cas_at();
    debug_assert!(state(pages, item) & HAS_CAS != 0);
    pages.set_u64(field, unique);
}

/// Gives an unchained item an exptime or a cas field without moving it; the caller has checked
/// that the chunk is long enough.
pub(crate) fn widen(pages: &mut OwnedPages, item: Location, exptime: bool, cas: bool) {
    let old = ItemRef::new(pages, item);
    debug_assert!(!old.is_chained());
    let (at, state) = (old.at(), old.state());
    let (from, tail) = (old.key_at(), old.key().len() + old.value_len());
    let (cas_at, exptime_value, unique) = (old.cas_at(), old.exptime(), old.cas());
    let added_exptime = exptime && state & HAS_EXPTIME == 0;
    let added_cas = cas && state & HAS_CAS == 0;
    let flags = old.flags();
    let shift = usize::from(added_exptime) * 4 + usize::from(added_cas) * 8;
    debug_assert!(cas_at >= at);
    pages.copy(from, from + shift, tail);
    let state =
        state | if added_exptime { HAS_EXPTIME } else { 0 } | if added_cas { HAS_CAS } else { 0 };
    set_state(pages, item, state);
    if added_exptime || state & HAS_EXPTIME != 0 {
        pages.set_u32(at + HEADER_BYTES, exptime_value);
    }
    let width = flags_bytes(state);
    let flags_at = at + HEADER_BYTES + if state & HAS_EXPTIME != 0 { 4 } else { 0 };
    pages.bytes_mut(flags_at, width).copy_from_slice(&flags.to_le_bytes()[..width]);
    if state & HAS_CAS != 0 {
        pages.set_u64(flags_at + width, unique);
    }
}
