//! The header of an item, read at once. It tells which fields the item has, and so where its key
//! and value are.

use crate::item::access::AccessWord;
use crate::item::chunk::{
    ACCESS, CHAIN_BYTES, EPOCH_SHIFT, HAS_EXPTIME, HEADER_BYTES, KEY_LEN_BODY, KEY_LEN_EXTENDED,
    KEY_LEN_FREE, OPTIONAL_BYTES, VALUE_LEN_CHAINED, VALUE_LEN_NOT_SIMPLE,
};
use crate::item::expiry::{Expiry, Moment};
use crate::item::extension::{EXTENSION_BYTES, Extension};
use crate::item::hashed_key::HashedKey;
use crate::memory::region::{Location, OwnedPages};

/// An item's header, and the item's offset in the region.
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
        debug_assert!(head.code() != KEY_LEN_FREE && head.code() != KEY_LEN_BODY, "not an item");
        head
    }

    /// Offset of the item in the region.
    #[inline]
    pub(crate) fn at(self) -> usize {
        self.at
    }

    /// The state byte, see `chunk.rs`.
    #[inline]
    pub(super) fn state(self) -> u8 {
        self.header as u8
    }

    /// The key length, or that the item is extended.
    #[inline]
    pub(super) fn code(self) -> u8 {
        (self.header >> 8) as u8
    }

    /// Whether the item has an extension.
    #[inline]
    pub(crate) fn is_extended(self) -> bool {
        !self.is_simple() && self.code() == KEY_LEN_EXTENDED
    }

    /// Whether key length and value length agree on what the item is.
    pub(super) fn is_consistent(self) -> bool {
        match self.code() {
            KEY_LEN_EXTENDED => !self.is_simple(),
            _ => self.is_simple() || self.is_chained(),
        }
    }

    #[inline]
    pub(super) fn is_chained(self) -> bool {
        self.value_word() == VALUE_LEN_CHAINED
    }

    /// The item's access word.
    #[inline]
    pub(crate) fn access(self) -> AccessWord {
        AccessWord((self.header >> 32) as u32)
    }

    /// The item's location.
    #[inline]
    pub(crate) fn location(self, pages: &OwnedPages) -> Location {
        pages.location(self.at)
    }

    /// Writes a new access word.
    #[inline]
    pub(crate) fn set_access(self, pages: &mut OwnedPages, access: AccessWord) {
        pages.set_u32(self.at + ACCESS, access.0);
    }

    /// The same header with another access word.
    #[inline]
    pub(crate) fn accessed(self, access: AccessWord) -> ItemHead {
        ItemHead { header: self.header & u64::from(u32::MAX) | u64::from(access.0) << 32, ..self }
    }

    /// Whether the item is neither chained nor extended, as most are. One bit tells.
    #[inline]
    pub(crate) fn is_simple(self) -> bool {
        self.value_word() & VALUE_LEN_NOT_SIMPLE == 0
    }

    /// The field of the value's length.
    #[inline]
    fn value_word(self) -> u16 {
        (self.header >> 16) as u16
    }

    /// Bytes of the fixed part and the optional fields.
    #[inline]
    fn optional_end(self) -> usize {
        HEADER_BYTES + usize::from(OPTIONAL_BYTES[usize::from(self.state() & 0xf)])
    }

    /// Offset in the item of the end of its fields. There is the extension, or the key.
    #[inline]
    pub(super) fn fields_end(self) -> usize {
        self.optional_end() + if self.is_chained() { CHAIN_BYTES } else { 0 }
    }

    /// Offset of that end in the region.
    #[inline]
    pub(super) fn fields_end_at(self) -> usize {
        self.at + self.fields_end()
    }

    /// The extension of an extended item.
    pub(super) fn extension(self, pages: &OwnedPages) -> Extension {
        debug_assert!(self.is_extended());
        Extension(pages.u32(self.fields_end_at()))
    }

    /// Offset of the value, or of its first part, in the item.
    #[inline]
    pub(super) fn value_offset(self, pages: &OwnedPages) -> usize {
        if self.is_simple() {
            return self.optional_end() + usize::from(self.code());
        }
        self.value_offset_of_others(pages)
    }

    #[inline(never)]
    fn value_offset_of_others(self, pages: &OwnedPages) -> usize {
        self.key_offset() + self.key(pages).len()
    }

    /// Offset of the key in the item.
    fn key_offset(self) -> usize {
        self.fields_end() + if self.is_extended() { EXTENSION_BYTES } else { 0 }
    }

    /// The key.
    #[inline]
    pub(super) fn key(self, pages: &OwnedPages) -> &[u8] {
        if self.is_simple() {
            return pages.bytes(self.at + self.optional_end(), usize::from(self.code()));
        }
        self.key_of_others(pages)
    }

    #[inline(never)]
    fn key_of_others(self, pages: &OwnedPages) -> &[u8] {
        let len = if self.is_extended() {
            self.extension(pages).key_len()
        } else {
            usize::from(self.code())
        };
        pages.bytes(self.at + self.key_offset(), len)
    }

    /// The database of the key.
    #[inline]
    pub(crate) fn database(self, pages: &OwnedPages) -> u8 {
        if self.is_extended() { self.extension(pages).database() } else { 0 }
    }

    /// Bytes of the value.
    #[inline]
    pub(super) fn value_len(self, pages: &OwnedPages) -> usize {
        if self.is_simple() {
            return usize::from(self.value_word());
        }
        self.value_len_of_others(pages)
    }

    #[inline(never)]
    fn value_len_of_others(self, pages: &OwnedPages) -> usize {
        if self.is_chained() {
            pages.u32(self.fields_end_at() - CHAIN_BYTES) as usize
        } else {
            usize::from(self.value_word() & !VALUE_LEN_NOT_SIMPLE)
        }
    }

    /// Bytes of an item that is neither chained nor extended.
    #[inline]
    pub(super) fn simple_bytes(self) -> usize {
        debug_assert!(self.is_simple());
        self.optional_end() + usize::from(self.code()) + usize::from(self.value_word())
    }

    /// Offset in the region and length of a value that lies in one chunk. `None`: it is chained.
    #[inline]
    pub(super) fn value_span(self, pages: &OwnedPages) -> Option<(usize, usize)> {
        if self.is_simple() {
            let offset = self.optional_end() + usize::from(self.code());
            return Some((self.at + offset, usize::from(self.value_word())));
        }
        if self.is_chained() { None } else { Some(self.extended_value_span(pages)) }
    }

    #[cold]
    #[inline(never)]
    fn extended_value_span(self, pages: &OwnedPages) -> (usize, usize) {
        (self.at + self.value_offset_of_others(pages), self.value_len(pages))
    }

    /// Bytes of a value that lies in more than one chunk. `None`: the value is not chained.
    #[inline]
    pub(crate) fn chained_len(self, pages: &OwnedPages) -> Option<usize> {
        self.is_chained().then(|| self.value_len(pages))
    }

    /// Whether the item has this key, in its database.
    #[inline]
    pub(crate) fn has_key(self, pages: &OwnedPages, key: HashedKey<'_>) -> bool {
        if self.code() == key.code() {
            return self.is_plain_of(pages, key);
        }
        self.code() == KEY_LEN_EXTENDED && self.has_extended_key(pages, key)
    }

    /// Whether the item is a plain one with this key.
    #[inline]
    pub(crate) fn is_plain_of(self, pages: &OwnedPages, key: HashedKey<'_>) -> bool {
        self.code() == key.code() && pages.bytes(self.fields_end_at(), key.key().len()) == key.key()
    }

    #[cold]
    #[inline(never)]
    fn has_extended_key(self, pages: &OwnedPages, key: HashedKey<'_>) -> bool {
        self.extension(pages).database() == key.database() && self.key(pages) == key.key()
    }

    /// The tick in which the item expires. 0: never.
    #[inline]
    fn expiry_tick(self, pages: &OwnedPages) -> u32 {
        if self.state() & HAS_EXPTIME == 0 { 0 } else { pages.u32(self.at + HEADER_BYTES) }
    }

    /// When the item expires.
    #[inline]
    pub(crate) fn expiry(self, pages: &OwnedPages) -> Expiry {
        let tick = self.expiry_tick(pages);
        if self.is_simple() || !self.is_extended() {
            return Expiry::at(tick);
        }
        self.extended_expiry(pages, tick)
    }

    #[cold]
    #[inline(never)]
    fn extended_expiry(self, pages: &OwnedPages, tick: u32) -> Expiry {
        Expiry::at_millisecond(tick, self.extension(pages).millisecond())
    }

    /// Whether the item may have expired: it has, or does at a later millisecond of this tick.
    #[inline]
    pub(crate) fn may_have_expired(self, pages: &OwnedPages, now: Moment) -> bool {
        let tick = self.expiry_tick(pages);
        tick != 0 && tick <= now.tick()
    }

    /// The flush epoch in which the item was stored.
    #[inline]
    pub(crate) fn epoch(self) -> u8 {
        self.state() >> EPOCH_SHIFT
    }
}
