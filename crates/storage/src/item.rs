//! What a chunk holds: an item, a later part of an item's value, or nothing.
//!
//! All numbers are little endian; nothing is aligned beyond the granule of locations.
//!
//! ```text
//! item (head chunk)
//!  0        4        8       9       10        11          13              16
//!  +--------+--------+-------+-------+---------+-----------+---------------+
//!  | next   | prev   | state | marks | key len | value len | last access   |
//!  +--------+--------+-------+-------+---------+-----------+---------------+
//!  then, each only when the item has it:
//!    exptime u32 | flags u8, u16 or u32 | cas unique u64 | chained: value len u32, first body u32
//!  then the key, then the value or its first part.
//!
//!  state: 0-1 segment (0 off the lists, 1 hot, 2 warm, 3 cold), 2 fetched, 3 active,
//!         4 exptime, 5 cas unique, 6-7 width of the flags (0, 1, 2, 4 bytes)
//!  marks: 0 chained, 5 held, 6-7 flush epoch; 1-4 are unused
//!
//! body chunk of a chained item
//!  0           4        8            10       11   12
//!  +-----------+--------+------------+--------+----+----------
//!  | next body | head   | bytes used | 255    | 0  | value ...
//!  +-----------+--------+------------+--------+----+----------
//!
//! free chunk
//!  0           4        10    11
//!  +-----------+--------+-----+
//!  | next free |        | 0   |
//!  +-----------+--------+-----+
//! ```
//!
//! The byte at 10 tells the three apart. A chained item has its exptime and cas fields always (0
//! when unused), so that it never has to be moved for them.

use crate::limits::{CHUNK_BYTES_MAX, KEY_BYTES_MAX};
use crate::region::{Location, OwnedPages};

/// Bytes of the fixed part of an item.
pub(crate) const HEADER_BYTES: usize = 16;
/// Bytes before the value part of a body chunk.
pub(crate) const BODY_HEADER_BYTES: usize = 12;

const PREV: usize = 4;
pub(crate) const STATE: usize = 8;
pub(crate) const MARKS: usize = 9;
const KEY_LEN: usize = 10;
const VALUE_LEN: usize = 11;
const ACCESS: usize = 13;
const BODY_USED: usize = 8;

const KEY_LEN_FREE: u8 = 0;
const KEY_LEN_BODY: u8 = 255;

pub(crate) const SEGMENT: u8 = 0b11;
pub(crate) const FETCHED: u8 = 1 << 2;
pub(crate) const ACTIVE: u8 = 1 << 3;
const HAS_EXPTIME: u8 = 1 << 4;
const HAS_CAS: u8 = 1 << 5;
const CHAINED: u8 = 1;
pub(crate) const HELD: u8 = 1 << 5;
const EPOCH_SHIFT: u32 = 6;

/// Bytes of the optional fields before the chain fields, by the high half of the state.
const OPTIONAL_BYTES: [u8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 4, 8, 12, 16];
const CHAIN_BYTES: usize = 8;

const ACCESS_MASK: u32 = (1 << 24) - 1;

const _: () = {
    assert!(HEADER_BYTES == ACCESS + 3);
    assert!(FETCHED << 1 == ACTIVE);
    assert!(HEADER_BYTES + 16 + CHAIN_BYTES + KEY_BYTES_MAX < CHUNK_BYTES_MAX);
};

/// Which list an item is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Segment {
    /// New items.
    Hot = 1,
    /// Items read again.
    Warm = 2,
    /// The next to go.
    Cold = 3,
}

impl Segment {
    pub(crate) const ALL: [Segment; 3] = [Segment::Hot, Segment::Warm, Segment::Cold];

    /// Position in an array of lists.
    pub(crate) fn index(self) -> usize {
        self as usize - 1
    }
}

/// What a chunk holds, read from the chunk itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChunkUse {
    Free,
    Body,
    /// An item on no list: being written, or unlinked while held.
    OffList,
    Linked(Segment),
}

pub(crate) fn chunk_use(pages: &OwnedPages, chunk: Location) -> ChunkUse {
    let at = pages.at(chunk);
    match (pages.u8(at + KEY_LEN), pages.u8(at + STATE) & SEGMENT) {
        (KEY_LEN_FREE, _) => ChunkUse::Free,
        (KEY_LEN_BODY, _) => ChunkUse::Body,
        (_, 0) => ChunkUse::OffList,
        (_, 1) => ChunkUse::Linked(Segment::Hot),
        (_, 2) => ChunkUse::Linked(Segment::Warm),
        _ => ChunkUse::Linked(Segment::Cold),
    }
}

/// Makes a chunk free; the caller links it.
pub(crate) fn write_free(pages: &mut OwnedPages, chunk: Location, next: Location) {
    let at = pages.at(chunk);
    pages.set_u32(at, next.0);
    pages.set_u8(at + KEY_LEN, KEY_LEN_FREE);
}

/// The first word of a chunk: next in the LRU list, next body, or next free chunk.
pub(crate) fn next(pages: &OwnedPages, chunk: Location) -> Location {
    Location(pages.u32(pages.at(chunk)))
}

pub(crate) fn set_next(pages: &mut OwnedPages, chunk: Location, next: Location) {
    pages.set_u32(pages.at(chunk), next.0);
}

pub(crate) fn prev(pages: &OwnedPages, chunk: Location) -> Location {
    Location(pages.u32(pages.at(chunk) + PREV))
}

pub(crate) fn set_prev(pages: &mut OwnedPages, chunk: Location, prev: Location) {
    pages.set_u32(pages.at(chunk) + PREV, prev.0);
}

/// The item that a body chunk belongs to.
pub(crate) fn body_head(pages: &OwnedPages, body: Location) -> Location {
    prev(pages, body)
}

pub(crate) fn set_body_head(pages: &mut OwnedPages, body: Location, head: Location) {
    let at = pages.at(body);
    pages.set_u32(at + PREV, head.0);
}

pub(crate) fn write_body(pages: &mut OwnedPages, body: Location, head: Location, used: usize) {
    debug_assert!((BODY_HEADER_BYTES..=CHUNK_BYTES_MAX).contains(&used));
    let at = pages.at(body);
    pages.set_u32(at, Location::NONE.0);
    pages.set_u32(at + PREV, head.0);
    pages.set_u32(at + BODY_USED, used as u32 | u32::from(KEY_LEN_BODY) << 16);
}

/// Bytes of a chunk that are asked for; the rest is rounding.
pub(crate) fn chunk_used_bytes(pages: &OwnedPages, chunk: Location) -> usize {
    match chunk_use(pages, chunk) {
        ChunkUse::Free => 0,
        ChunkUse::Body => usize::from(u16::from_le_bytes(pages.array(pages.at(chunk) + BODY_USED))),
        ChunkUse::OffList | ChunkUse::Linked(_) => ItemRef::new(pages, chunk).head_bytes(),
    }
}

pub(crate) fn state(pages: &OwnedPages, item: Location) -> u8 {
    pages.u8(pages.at(item) + STATE)
}

pub(crate) fn set_state(pages: &mut OwnedPages, item: Location, state: u8) {
    pages.set_u8(pages.at(item) + STATE, state);
}

/// Sets the segment; `None` takes the item off the lists.
pub(crate) fn set_segment(pages: &mut OwnedPages, item: Location, segment: Option<Segment>) {
    let bits = segment.map_or(0, |segment| segment as u8);
    let state = state(pages, item) & !SEGMENT | bits;
    set_state(pages, item, state);
}

pub(crate) fn is_held(pages: &OwnedPages, item: Location) -> bool {
    pages.u8(pages.at(item) + MARKS) & HELD != 0
}

pub(crate) fn set_held(pages: &mut OwnedPages, item: Location, held: bool) {
    let at = pages.at(item) + MARKS;
    let marks = pages.u8(at) & !HELD | if held { HELD } else { 0 };
    pages.set_u8(at, marks);
}

pub(crate) fn set_epoch(pages: &mut OwnedPages, item: Location, epoch: u8) {
    let at = pages.at(item) + MARKS;
    let marks = pages.u8(at) & !(0b11 << EPOCH_SHIFT) | epoch << EPOCH_SHIFT;
    pages.set_u8(at, marks);
}

pub(crate) fn set_last_access(pages: &mut OwnedPages, item: Location, now: u32) {
    let [a, b, c, _] = now.to_le_bytes();
    pages.set_array(pages.at(item) + ACCESS, [a, b, c]);
}

/// Marks a hit: the first sets fetched, the second active. Writes only when something changes,
/// so that a busy item's line stays clean.
#[inline]
pub(crate) fn bump(pages: &mut OwnedPages, item: Location, now: u32) {
    let old = state(pages, item);
    let new = old | FETCHED | (old & FETCHED) << 1;
    if new != old {
        set_state(pages, item, new);
        set_last_access(pages, item, now);
    }
}

/// Which fields an item has, and so where each of them is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ItemShape {
    pub(crate) key_len: usize,
    pub(crate) value_len: usize,
    optional: u8,
    pub(crate) chained: bool,
}

impl ItemShape {
    /// The smallest shape for an item. `exptime` 0 and `flags` 0 take no room.
    pub(crate) fn new(
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
        let optional =
            width << 6 | if exptime == 0 { 0 } else { HAS_EXPTIME } | u8::from(with_cas) << 5;
        let mut shape = ItemShape { key_len, value_len, optional, chained: false };
        if shape.value_at() + value_len > CHUNK_BYTES_MAX {
            shape.optional |= HAS_EXPTIME | HAS_CAS;
            shape.chained = true;
        }
        shape
    }

    /// Offset of the value in the head chunk.
    pub(crate) fn value_at(self) -> usize {
        let optional = usize::from(OPTIONAL_BYTES[usize::from(self.optional >> 4)]);
        HEADER_BYTES + optional + if self.chained { CHAIN_BYTES } else { 0 } + self.key_len
    }

    /// Bytes of the head chunk.
    pub(crate) fn head_bytes(self) -> usize {
        if self.chained { CHUNK_BYTES_MAX } else { self.value_at() + self.value_len }
    }

    /// Writes everything but the value; the item is on no list, not held, never fetched.
    pub(crate) fn write(
        self,
        pages: &mut OwnedPages,
        item: Location,
        key: &[u8],
        flags: u32,
        exptime: u32,
    ) {
        let at = pages.at(item);
        let mut fixed = [0_u8; HEADER_BYTES];
        fixed[STATE] = self.optional;
        fixed[MARKS] = u8::from(self.chained) * CHAINED;
        fixed[KEY_LEN] = self.key_len as u8;
        if !self.chained {
            fixed[VALUE_LEN..ACCESS].copy_from_slice(&(self.value_len as u16).to_le_bytes());
        }
        pages.set_array(at, fixed);
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
            field += CHAIN_BYTES;
        }
        debug_assert_eq!(field + self.key_len, at + self.value_at());
        pages.bytes_mut(field, self.key_len).copy_from_slice(key);
    }
}

fn flags_bytes(state: u8) -> usize {
    [0, 1, 2, 4][usize::from(state >> 6)]
}

/// Location of the first body chunk, written into a chained head.
pub(crate) fn set_first_body(pages: &mut OwnedPages, item: Location, body: Location) {
    let item = ItemRef::new(pages, item);
    debug_assert!(item.is_chained());
    let field = item.at + item.value_at as usize - usize::from(item.key_len) - 4;
    pages.set_u32(field, body.0);
}

/// Writes the exptime field, which the item has.
pub(crate) fn set_exptime(pages: &mut OwnedPages, item: Location, exptime: u32) {
    let at = pages.at(item);
    debug_assert!(pages.u8(at + STATE) & HAS_EXPTIME != 0);
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
    let (at, state) = (old.at, old.state);
    let (from, tail) = (old.key_at(), usize::from(old.key_len) + old.value_len());
    let (cas_at, exptime_value, unique) = (old.cas_at(), old.exptime(), old.cas());
    let added_exptime = exptime && state & HAS_EXPTIME == 0;
    let added_cas = cas && state & HAS_CAS == 0;
    let flags = old.flags();
    let shift = usize::from(added_exptime) * 4 + usize::from(added_cas) * 8;
    debug_assert!(cas_at >= at);
    pages.copy(from, from + shift, tail);
    let state = state | u8::from(added_exptime) << 4 | u8::from(added_cas) << 5;
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

/// An item in place. The borrow keeps it from being evicted.
#[derive(Clone, Copy)]
pub struct ItemRef<'a> {
    pages: &'a OwnedPages,
    at: usize,
    value_len: u32,
    value_at: u32,
    state: u8,
    marks: u8,
    key_len: u8,
}

impl<'a> ItemRef<'a> {
    #[inline]
    pub(crate) fn new(pages: &'a OwnedPages, item: Location) -> ItemRef<'a> {
        let at = pages.at(item);
        let fixed: [u8; HEADER_BYTES] = pages.array(at);
        let (state, marks, key_len) = (fixed[STATE], fixed[MARKS], fixed[KEY_LEN]);
        debug_assert!(key_len != KEY_LEN_FREE && key_len != KEY_LEN_BODY, "not an item");
        let mut key_at = HEADER_BYTES + usize::from(OPTIONAL_BYTES[usize::from(state >> 4)]);
        let mut value_len = u32::from(u16::from_le_bytes([fixed[VALUE_LEN], fixed[VALUE_LEN + 1]]));
        if marks & CHAINED != 0 {
            value_len = pages.u32(at + key_at);
            key_at += CHAIN_BYTES;
        }
        let value_at = (key_at + usize::from(key_len)) as u32;
        ItemRef { pages, at, value_len, value_at, state, marks, key_len }
    }

    fn key_at(&self) -> usize {
        self.at + self.value_at as usize - usize::from(self.key_len)
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &'a [u8] {
        self.pages.bytes(self.key_at(), usize::from(self.key_len))
    }

    /// The client's flags.
    #[inline]
    pub fn flags(&self) -> u32 {
        let at = self.at + HEADER_BYTES + if self.state & HAS_EXPTIME != 0 { 4 } else { 0 };
        match self.state >> 6 {
            0 => 0,
            1 => u32::from(self.pages.u8(at)),
            2 => u32::from(u16::from_le_bytes(self.pages.array(at))),
            _ => self.pages.u32(at),
        }
    }

    /// Second at which the item dies; 0: never.
    #[inline]
    pub fn exptime(&self) -> u32 {
        if self.state & HAS_EXPTIME == 0 { 0 } else { self.pages.u32(self.at + HEADER_BYTES) }
    }

    fn cas_at(&self) -> usize {
        let exptime_bytes = if self.state & HAS_EXPTIME != 0 { 4 } else { 0 };
        self.at + HEADER_BYTES + exptime_bytes + flags_bytes(self.state)
    }

    /// The cas unique; 0 when nobody has asked for one yet.
    pub fn cas(&self) -> u64 {
        if self.state & HAS_CAS == 0 { 0 } else { self.pages.u64(self.cas_at()) }
    }

    /// Bytes of the value.
    #[inline]
    pub fn value_len(&self) -> usize {
        self.value_len as usize
    }

    /// Whether the value lies in more than one chunk.
    #[inline]
    pub fn is_chained(&self) -> bool {
        self.marks & CHAINED != 0
    }

    /// The whole value, when it lies in one chunk.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        if self.is_chained() {
            return None;
        }
        Some(self.pages.bytes(self.at + self.value_at as usize, self.value_len as usize))
    }

    /// The value's parts in order, none of them empty.
    pub fn value_parts(&self) -> impl Iterator<Item = &'a [u8]> + 'a {
        let pages = self.pages;
        self.spans().map(move |(at, len)| pages.bytes(at, len))
    }

    /// Whether a get has read the item since it was stored.
    pub fn is_fetched(&self) -> bool {
        self.state & FETCHED != 0
    }

    /// Seconds since the item was stored or last turned fetched or active, modulo 2^24 (194 days).
    pub fn idle_seconds(&self, now: u32) -> u32 {
        let [a, b, c] = self.pages.array(self.at + ACCESS);
        now.wrapping_sub(u32::from_le_bytes([a, b, c, 0])) & ACCESS_MASK
    }

    /// Bytes of memory that the item asks for: header, optional fields, key, value, chain links.
    pub fn total_bytes(&self) -> usize {
        let bodies = self.bodies().count();
        self.value_at as usize + self.value_len as usize + bodies * BODY_HEADER_BYTES
    }

    pub(crate) fn is_active(&self) -> bool {
        self.state & ACTIVE != 0
    }

    pub(crate) fn has_exptime_field(&self) -> bool {
        self.state & HAS_EXPTIME != 0
    }

    pub(crate) fn has_cas_field(&self) -> bool {
        self.state & HAS_CAS != 0
    }

    pub(crate) fn is_held(&self) -> bool {
        self.marks & HELD != 0
    }

    pub(crate) fn epoch(&self) -> u8 {
        self.marks >> EPOCH_SHIFT
    }

    /// Bytes asked for in the head chunk.
    pub(crate) fn head_bytes(&self) -> usize {
        if self.is_chained() {
            CHUNK_BYTES_MAX
        } else {
            self.value_at as usize + self.value_len as usize
        }
    }

    /// Offset in the region and length of the value's part in the head chunk.
    pub(crate) fn head_span(&self) -> (usize, usize) {
        let len = (self.head_bytes() - self.value_at as usize).min(self.value_len as usize);
        (self.at + self.value_at as usize, len)
    }

    /// Offset in the region and length of each part of the value that has a chunk.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (usize, usize)> + 'a {
        let pages = self.pages;
        let head = self.head_span();
        let mut rest = self.value_len as usize - head.1;
        let bodies = self.bodies().map(move |body| {
            let len = rest.min(CHUNK_BYTES_MAX - BODY_HEADER_BYTES);
            rest -= len;
            (pages.at(body) + BODY_HEADER_BYTES, len)
        });
        core::iter::once(head).chain(bodies).filter(|(_, len)| *len > 0)
    }

    /// The body chunks in order.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = Location> + 'a {
        let pages = self.pages;
        let first =
            if self.is_chained() { Location(pages.u32(self.key_at() - 4)).some() } else { None };
        core::iter::successors(first, move |body| next(pages, *body).some())
    }
}
