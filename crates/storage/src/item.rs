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

use crate::access::{AccessWord, Marks};
use crate::chain::{BODY_HEADER_BYTES, ValueSpan, body_used};
pub(crate) use crate::chain::{body_head, body_span};
use crate::limits::{CHUNK_BYTES_MAX, KEY_BYTES_MAX};
use crate::region::{Location, OwnedPages};
use crate::slab_class::ChunkSizes;

/// Bytes of the fixed part of an item.
pub(crate) const HEADER_BYTES: usize = 8;

const KEY_LEN: usize = 1;
const ACCESS: usize = 4;
/// Where a free chunk links the next one, and a body chunk the next body.
pub(crate) const NEXT: usize = 4;

const KEY_LEN_FREE: u8 = 0;
/// Marks a body chunk.
pub(crate) const KEY_LEN_BODY: u8 = 255;
const VALUE_LEN_CHAINED: u16 = u16::MAX;

const HAS_EXPTIME: u8 = 1;
const HAS_CAS: u8 = 1 << 1;
const WIDTH_SHIFT: u32 = 2;
const LINKED: u8 = 1 << 4;
const HELD: u8 = 1 << 5;
const EPOCH_SHIFT: u32 = 6;

/// Bytes of the optional fields before the chain fields, by the low half of the state.
const OPTIONAL_BYTES: [u8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 4, 8, 12, 16];
const CHAIN_BYTES: usize = 12;

/// Where the chain fields are, counted back from the key.
const FIRST_BODY: usize = 8;
const HEAD_USED: usize = 4;
const BODIES: usize = 2;

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
    crate::chain::steps::count();
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

fn flags_bytes(state: u8) -> usize {
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
    let (at, state) = (old.head.at, old.head.state());
    let (from, tail) = (old.key_at(), old.head.key_len() + old.value_len());
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

/// The header of an item, read at once, and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct ItemHead {
    at: usize,
    header: u64,
}

impl ItemHead {
    #[inline]
    pub(crate) fn read(pages: &OwnedPages, item: Location) -> ItemHead {
        let at = pages.at(item);
        let head = ItemHead { at, header: pages.u64(at) };
        debug_assert!(
            head.key_len() != usize::from(KEY_LEN_FREE)
                && head.key_len() != usize::from(KEY_LEN_BODY),
            "not an item"
        );
        head
    }

    #[inline]
    fn state(self) -> u8 {
        self.header as u8
    }

    #[inline]
    fn key_len(self) -> usize {
        usize::from((self.header >> 8) as u8)
    }

    #[inline]
    fn is_chained(self) -> bool {
        (self.header >> 16) as u16 == VALUE_LEN_CHAINED
    }

    /// When the item was last accessed and how often it was read, and its marks.
    #[inline]
    pub(crate) fn access(self) -> AccessWord {
        AccessWord((self.header >> 32) as u32)
    }

    /// Where the item is.
    #[inline]
    pub(crate) fn location(self, pages: &OwnedPages) -> Location {
        pages.location(self.at)
    }

    /// Writes another access word.
    #[inline]
    pub(crate) fn set_access(self, pages: &mut OwnedPages, access: AccessWord) {
        pages.set_u32(self.at + ACCESS, access.0);
    }

    /// The same head with another access word.
    #[inline]
    pub(crate) fn accessed(self, access: AccessWord) -> ItemHead {
        ItemHead { header: self.header & u64::from(u32::MAX) | u64::from(access.0) << 32, ..self }
    }

    /// Offset of the key in the item.
    #[inline]
    fn key_offset(self) -> usize {
        let optional = usize::from(OPTIONAL_BYTES[usize::from(self.state() & 0xf)]);
        HEADER_BYTES + optional + if self.is_chained() { CHAIN_BYTES } else { 0 }
    }

    #[inline]
    fn key_at(self) -> usize {
        self.at + self.key_offset()
    }

    #[inline]
    fn value_offset(self) -> usize {
        self.key_offset() + self.key_len()
    }

    #[inline]
    fn key(self, pages: &OwnedPages) -> &[u8] {
        pages.bytes(self.key_at(), self.key_len())
    }

    #[inline]
    fn value_len(self, pages: &OwnedPages) -> usize {
        if self.is_chained() {
            pages.u32(self.key_at() - CHAIN_BYTES) as usize
        } else {
            usize::from((self.header >> 16) as u16)
        }
    }

    /// Whether the item has this key.
    #[inline]
    pub(crate) fn has_key(self, pages: &OwnedPages, key: &[u8]) -> bool {
        self.key_len() == key.len() && self.key(pages) == key
    }

    /// Second at which the item dies; 0: never.
    #[inline]
    pub(crate) fn exptime(self, pages: &OwnedPages) -> u32 {
        if self.state() & HAS_EXPTIME == 0 { 0 } else { pages.u32(self.at + HEADER_BYTES) }
    }

    #[inline]
    pub(crate) fn epoch(self) -> u8 {
        self.state() >> EPOCH_SHIFT
    }
}

/// An item in place. The borrow keeps it from being evicted.
#[derive(Clone, Copy)]
pub struct ItemRef<'a> {
    pages: &'a OwnedPages,
    head: ItemHead,
}

impl<'a> ItemRef<'a> {
    #[inline]
    pub(crate) fn new(pages: &'a OwnedPages, item: Location) -> ItemRef<'a> {
        ItemRef { pages, head: ItemHead::read(pages, item) }
    }

    /// An item whose head was read before, and is still as it was.
    #[inline]
    pub(crate) fn with_head(pages: &'a OwnedPages, head: ItemHead) -> ItemRef<'a> {
        ItemRef { pages, head }
    }

    fn key_at(&self) -> usize {
        self.head.key_at()
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &'a [u8] {
        self.head.key(self.pages)
    }

    /// The client's flags.
    #[inline]
    pub fn flags(&self) -> u32 {
        let at =
            self.head.at + HEADER_BYTES + if self.head.state() & HAS_EXPTIME != 0 { 4 } else { 0 };
        match self.head.state() >> WIDTH_SHIFT & 0b11 {
            0 => 0,
            1 => u32::from(self.pages.u8(at)),
            2 => u32::from(u16::from_le_bytes(self.pages.array(at))),
            _ => self.pages.u32(at),
        }
    }

    /// Second at which the item dies; 0: never.
    #[inline]
    pub fn exptime(&self) -> u32 {
        self.head.exptime(self.pages)
    }

    fn cas_at(&self) -> usize {
        let exptime_bytes = if self.head.state() & HAS_EXPTIME != 0 { 4 } else { 0 };
        self.head.at + HEADER_BYTES + exptime_bytes + flags_bytes(self.head.state())
    }

    /// The cas unique; 0 when nobody has asked for one yet.
    pub fn cas(&self) -> u64 {
        if self.head.state() & HAS_CAS == 0 { 0 } else { self.pages.u64(self.cas_at()) }
    }

    /// Bytes of the value.
    #[inline]
    pub fn value_len(&self) -> usize {
        self.head.value_len(self.pages)
    }

    /// Whether the value lies in more than one chunk.
    #[inline]
    pub fn is_chained(&self) -> bool {
        self.head.is_chained()
    }

    /// The whole value, when it lies in one chunk.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        if self.head.is_chained() {
            return None;
        }
        Some(self.pages.bytes(self.head.at + self.head.value_offset(), self.value_len()))
    }

    /// The value's parts in order, none of them empty.
    pub fn value_parts(&self) -> impl Iterator<Item = &'a [u8]> + 'a {
        let pages = self.pages;
        let spans = core::iter::successors(Some(self.first_span()), |span| span.following(pages));
        spans.filter(|span| span.len > 0).map(|span| pages.bytes(span.at, span.len))
    }

    /// Whether a get has read the item since it was stored.
    pub fn is_fetched(&self) -> bool {
        self.head.access().reads() > 0
    }

    /// What meta commands noted of it.
    #[inline]
    pub fn marks(&self) -> Marks {
        self.head.access().marks()
    }

    /// Bytes of memory that the item asks for: header, optional fields, key, value, chain links.
    pub fn total_bytes(&self) -> usize {
        self.head.value_offset() + self.value_len() + self.body_count() * BODY_HEADER_BYTES
    }

    /// When it was last accessed and how often it was read.
    pub(crate) fn access(&self) -> AccessWord {
        self.head.access()
    }

    /// Whether it was read twice or more since it was stored.
    pub(crate) fn is_active(&self) -> bool {
        self.head.access().reads() > 1
    }

    pub(crate) fn has_exptime_field(&self) -> bool {
        self.head.state() & HAS_EXPTIME != 0
    }

    pub(crate) fn has_cas_field(&self) -> bool {
        self.head.state() & HAS_CAS != 0
    }

    pub(crate) fn is_held(&self) -> bool {
        self.head.state() & HELD != 0
    }

    pub(crate) fn epoch(&self) -> u8 {
        self.head.epoch()
    }

    /// Bytes asked for in the head chunk.
    pub(crate) fn head_bytes(&self) -> usize {
        if self.is_chained() {
            usize::from(u16::from_le_bytes(self.pages.array(self.key_at() - HEAD_USED)))
        } else {
            self.head.value_offset() + self.value_len()
        }
    }

    /// Offset in the region and length of the value's part in the head chunk.
    #[inline]
    pub(crate) fn head_span(&self) -> (usize, usize) {
        let value_offset = self.head.value_offset();
        (self.head.at + value_offset, self.head_bytes() - value_offset)
    }

    /// The value's part in the head chunk, where a walk along the value begins.
    pub(crate) fn first_span(&self) -> ValueSpan {
        let (at, len) = self.head_span();
        ValueSpan { offset: 0, at, len, next: self.first_body() }
    }

    /// The chunk behind its head, if it is chained and has one already.
    pub(crate) fn first_body(&self) -> Location {
        if self.head.is_chained() {
            Location(self.pages.u32(self.key_at() - FIRST_BODY))
        } else {
            Location::NONE
        }
    }

    /// How many body chunks it has.
    pub(crate) fn body_count(&self) -> usize {
        if self.head.is_chained() {
            usize::from(u16::from_le_bytes(self.pages.array(self.key_at() - BODIES)))
        } else {
            0
        }
    }

    /// The body chunks in order.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = Location> + 'a {
        let pages = self.pages;
        let first = self.first_body().some();
        core::iter::successors(first, move |body| next(pages, *body).some())
    }
}
