//! A view of an item in place.

use core::fmt;

use crate::item::access::{AccessWord, Marks};
use crate::item::body::{BODY_HEADER_BYTES, ValueSpan};
use crate::item::chunk::{
    BODIES, FIRST_BODY, HAS_CAS, HAS_EXPTIME, HEAD_USED, HEADER_BYTES, HELD, WIDTH_SHIFT,
    flags_bytes, next,
};
use crate::item::expiry::Expiry;
use crate::item::hashed_key::HashedKey;
use crate::item::item_head::ItemHead;
use crate::limits::KEY_BYTES_MAX;
use crate::memory::region::{Location, OwnedPages};

/// An item in place. While it is borrowed, the item is not evicted.
#[derive(Clone, Copy)]
pub struct ItemRef<'a> {
    pages: &'a OwnedPages,
    head: ItemHead,
}

impl fmt::Debug for ItemRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("ItemRef");
        text.field("at", &self.at()).field("value_len", &self.value_len()).finish_non_exhaustive()
    }
}

impl<'a> ItemRef<'a> {
    #[inline]
    pub(crate) fn new(pages: &'a OwnedPages, item: Location) -> ItemRef<'a> {
        ItemRef { pages, head: ItemHead::read(pages, item) }
    }

    /// An item whose header was read before and has not changed.
    #[inline]
    pub(crate) fn with_head(pages: &'a OwnedPages, head: ItemHead) -> ItemRef<'a> {
        ItemRef { pages, head }
    }

    /// Offset in the region of the end of the fields. There is the extension, or the key.
    pub(super) fn fields_end_at(&self) -> usize {
        self.head.fields_end_at()
    }

    /// Offset of the item in the region.
    pub(super) fn at(&self) -> usize {
        self.head.at()
    }

    /// The state byte, see `chunk.rs`.
    pub(super) fn state(&self) -> u8 {
        self.head.state()
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &'a [u8] {
        self.head.key(self.pages)
    }

    /// The client flags.
    #[inline]
    pub fn flags(&self) -> u32 {
        let at = self.head.at()
            + HEADER_BYTES
            + if self.head.state() & HAS_EXPTIME != 0 { 4 } else { 0 };
        match self.head.state() >> WIDTH_SHIFT & 0b11 {
            0 => 0,
            1 => u32::from(self.pages.u8(at)),
            2 => u32::from(u16::from_le_bytes(self.pages.array(at))),
            _ => self.pages.u32(at),
        }
    }

    /// The database of the key.
    #[inline]
    pub fn database(&self) -> u8 {
        self.head.database(self.pages)
    }

    /// Whether memcached's protocols can name the key: it is in database 0 and has 1 to 250 bytes.
    #[inline]
    pub fn has_plain_key(&self) -> bool {
        self.database() == 0 && (1..=KEY_BYTES_MAX).contains(&self.key().len())
    }

    /// The key, under its hash.
    pub(crate) fn hashed_key(&self, hash: u64) -> HashedKey<'a> {
        HashedKey::rejoin_in(self.database(), self.key(), hash)
    }

    /// When the item expires.
    #[inline]
    pub fn expiry(&self) -> Expiry {
        self.head.expiry(self.pages)
    }

    /// The second at whose begin the item has expired. 0: never.
    #[inline]
    pub fn exptime(&self) -> u32 {
        self.expiry().whole_tick()
    }

    /// Offset of the cas field in the region.
    pub(super) fn cas_at(&self) -> usize {
        let exptime_bytes = if self.head.state() & HAS_EXPTIME != 0 { 4 } else { 0 };
        self.head.at() + HEADER_BYTES + exptime_bytes + flags_bytes(self.head.state())
    }

    /// The cas unique. 0: no client has asked for it yet.
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

    /// The whole value, if it lies in one chunk.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        let (at, len) = self.head.value_span(self.pages)?;
        Some(self.pages.bytes(at, len))
    }

    /// The value's parts in order. None is empty.
    pub fn value_parts(&self) -> impl Iterator<Item = &'a [u8]> + 'a {
        let pages = self.pages;
        let spans = core::iter::successors(Some(self.first_span()), |span| span.following(pages));
        spans.filter(|span| span.len > 0).map(|span| pages.bytes(span.at, span.len))
    }

    /// Whether a get has read the item since it was stored.
    pub fn is_fetched(&self) -> bool {
        self.head.access().reads() > 0
    }

    /// The marks of meta commands.
    #[inline]
    pub fn marks(&self) -> Marks {
        self.head.access().marks()
    }

    /// Bytes of memory that the item uses: header, optional fields, key, value, chain links.
    #[inline]
    pub fn total_bytes(&self) -> usize {
        if self.head.is_simple() {
            return self.head.simple_bytes();
        }
        self.total_bytes_of_others()
    }

    #[inline(never)]
    fn total_bytes_of_others(&self) -> usize {
        let links = self.body_count() * BODY_HEADER_BYTES;
        self.head.value_offset(self.pages) + self.value_len() + links
    }

    /// The access word.
    pub(crate) fn access(&self) -> AccessWord {
        self.head.access()
    }

    /// Whether gets have read the item twice or more since it was stored.
    pub(crate) fn is_active(&self) -> bool {
        self.head.access().is_active()
    }

    pub(super) fn has_exptime_field(&self) -> bool {
        self.head.state() & HAS_EXPTIME != 0
    }

    /// Whether the item is neither chained nor extended.
    #[inline]
    pub(crate) fn is_simple(&self) -> bool {
        self.head.is_simple()
    }

    pub(crate) fn is_extended(&self) -> bool {
        self.head.is_extended()
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

    /// Bytes used in the head chunk.
    pub(crate) fn head_bytes(&self) -> usize {
        if self.head.is_simple() {
            return self.head.simple_bytes();
        }
        self.head_bytes_of_others()
    }

    #[inline(never)]
    fn head_bytes_of_others(&self) -> usize {
        if self.is_chained() {
            let field = self.fields_end_at() - HEAD_USED;
            usize::from(u16::from_le_bytes(self.pages.array(field)))
        } else {
            self.head.value_offset(self.pages) + self.value_len()
        }
    }

    /// Offset in the region and length of the value's part in the head chunk.
    #[inline]
    pub(crate) fn head_span(&self) -> (usize, usize) {
        let value_offset = self.head.value_offset(self.pages);
        (self.head.at() + value_offset, self.head_bytes() - value_offset)
    }

    /// The value's part in the head chunk: the first step of a walk along the value.
    pub(crate) fn first_span(&self) -> ValueSpan {
        let (at, len) = self.head_span();
        ValueSpan { offset: 0, at, len, next: self.first_body() }
    }

    /// The first body chunk. `NONE`: the item is not chained, or has no body yet.
    pub(crate) fn first_body(&self) -> Location {
        if self.head.is_chained() {
            Location(self.pages.u32(self.head.fields_end_at() - FIRST_BODY))
        } else {
            Location::NONE
        }
    }

    /// Number of body chunks.
    pub(crate) fn body_count(&self) -> usize {
        if self.head.is_chained() {
            usize::from(u16::from_le_bytes(self.pages.array(self.head.fields_end_at() - BODIES)))
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
