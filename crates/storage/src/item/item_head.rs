//! The header of an item, read at once. It tells which fields the item has, and so where its key
//! and value are.

use crate::item::access::AccessWord;
use crate::item::chunk::{
    ACCESS, CHAIN_BYTES, EPOCH_SHIFT, HAS_EXPTIME, HEADER_BYTES, KEY_LEN_BODY, KEY_LEN_FREE,
    OPTIONAL_BYTES, VALUE_LEN_CHAINED,
};
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
        debug_assert!(
            head.key_len() != usize::from(KEY_LEN_FREE)
                && head.key_len() != usize::from(KEY_LEN_BODY),
            "not an item"
        );
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

    #[inline]
    pub(super) fn key_len(self) -> usize {
        usize::from((self.header >> 8) as u8)
    }

    #[inline]
    pub(super) fn is_chained(self) -> bool {
        (self.header >> 16) as u16 == VALUE_LEN_CHAINED
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

    /// Offset of the key in the item.
    #[inline]
    fn key_offset(self) -> usize {
        let optional = usize::from(OPTIONAL_BYTES[usize::from(self.state() & 0xf)]);
        HEADER_BYTES + optional + if self.is_chained() { CHAIN_BYTES } else { 0 }
    }

    /// Offset of the key in the region.
    #[inline]
    pub(super) fn key_at(self) -> usize {
        self.at + self.key_offset()
    }

    /// Offset of the value, or of its first part, in the item.
    #[inline]
    pub(super) fn value_offset(self) -> usize {
        self.key_offset() + self.key_len()
    }

    /// The key.
    #[inline]
    pub(super) fn key(self, pages: &OwnedPages) -> &[u8] {
        pages.bytes(self.key_at(), self.key_len())
    }

    /// Bytes of the value.
    #[inline]
    pub(super) fn value_len(self, pages: &OwnedPages) -> usize {
        if self.is_chained() {
            pages.u32(self.key_at() - CHAIN_BYTES) as usize
        } else {
            usize::from((self.header >> 16) as u16)
        }
    }

    /// Bytes of a value that lies in more than one chunk. `None`: the value is not chained.
    #[inline]
    pub(crate) fn chained_len(self, pages: &OwnedPages) -> Option<usize> {
        self.is_chained().then(|| self.value_len(pages))
    }

    /// Whether the item has this key.
    #[inline]
    pub(crate) fn has_key(self, pages: &OwnedPages, key: &[u8]) -> bool {
        self.key_len() == key.len() && self.key(pages) == key
    }

    /// Second at which the item expires. 0: never.
    #[inline]
    pub(crate) fn exptime(self, pages: &OwnedPages) -> u32 {
        if self.state() & HAS_EXPTIME == 0 { 0 } else { pages.u32(self.at + HEADER_BYTES) }
    }

    /// The flush epoch in which the item was stored.
    #[inline]
    pub(crate) fn epoch(self) -> u8 {
        self.state() >> EPOCH_SHIFT
    }
}
