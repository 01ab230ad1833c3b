//! The shape of an item: which fields a new item needs, and how they are written.

use core::sync::atomic::{Ordering, compiler_fence};

use crate::item::chunk::{
    CHAIN_BYTES, HAS_CAS, HAS_EXPTIME, HEADER_BYTES, KEY_LEN_EXTENDED, KEY_LEN_FREE,
    OPTIONAL_BYTES, VALUE_LEN_CHAINED, VALUE_LEN_NOT_SIMPLE, WIDTH_SHIFT, flags_bytes,
};
use crate::item::chunk_sizes::ChunkSizes;
use crate::item::expiry::Expiry;
use crate::item::extension::{EXTENSION_BYTES, Extension};
use crate::item::hashed_key::HashedKey;
use crate::limits::LONG_KEY_BYTES_MAX;
use crate::memory::region::{Location, OwnedPages};

/// Whether an item has a cas field from the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CasField {
    Absent,
    Present,
}

/// Which fields an item has, and the lengths of its key and value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ItemShape {
    key_len: usize,
    value_len: usize,
    optional: u8,
    /// The key length that the item notes.
    code: u8,
    pub(crate) chained: bool,
    /// Offset of the value in the head chunk.
    pub(crate) value_at: usize,
    /// Bytes of the head chunk.
    pub(crate) head_bytes: usize,
}

impl ItemShape {
    /// The smallest shape of an item. An expiry of never and `flags` of 0 take no bytes.
    #[inline]
    pub(crate) fn new(
        sizes: &ChunkSizes,
        key: HashedKey<'_>,
        value_len: usize,
        flags: u32,
        expiry: Expiry,
        cas: CasField,
    ) -> ItemShape {
        let key_len = key.key().len();
        let width = match flags {
            0 => 0,
            1..=0xff => 1,
            0x100..=0xffff => 2,
            _ => 3,
        };
        let optional = width << WIDTH_SHIFT
            | if expiry.is_never() { 0 } else { HAS_EXPTIME }
            | match cas {
                CasField::Absent => 0,
                CasField::Present => HAS_CAS,
            };
        let (mut code, mut value_at) = (key.code(), fields_bytes(optional) + key_len);
        if code == KEY_LEN_FREE || expiry.millisecond() != 0 {
            assert!(key_len <= LONG_KEY_BYTES_MAX, "a key of more than 16 KiB");
            (code, value_at) = (KEY_LEN_EXTENDED, value_at + EXTENSION_BYTES);
        } else {
            assert_eq!(usize::from(code), key_len, "a long key was rejoined as a plain one");
        }
        let head_bytes = value_at + value_len;
        let shape =
            ItemShape { key_len, value_len, optional, code, chained: false, value_at, head_bytes };
        if sizes.piece_bytes(head_bytes) < head_bytes { shape.in_pieces(sizes) } else { shape }
    }

    /// The shape of the item in several chunks.
    #[inline(never)]
    fn in_pieces(self, sizes: &ChunkSizes) -> ItemShape {
        let optional = self.optional | HAS_EXPTIME | HAS_CAS;
        let added = fields_bytes(optional) - fields_bytes(self.optional) + CHAIN_BYTES;
        let value_at = self.value_at + added;
        let head_bytes = sizes.piece_bytes(value_at + self.value_len);
        // The head chunk takes the key: a long one may not fit the smaller chunk.
        if head_bytes < value_at {
            return self;
        }
        ItemShape { optional, chained: true, value_at, head_bytes, ..self }
    }

    /// The field of the value's length.
    #[inline]
    fn value_word(self) -> u16 {
        let extended = if self.code == KEY_LEN_EXTENDED { VALUE_LEN_NOT_SIMPLE } else { 0 };
        if self.chained { VALUE_LEN_CHAINED } else { self.value_len as u16 | extended }
    }

    /// Writes everything but the value. The item is neither linked nor held, and has no reads.
    pub(crate) fn write(
        self,
        pages: &mut OwnedPages,
        item: Location,
        key: HashedKey<'_>,
        flags: u32,
        expiry: Expiry,
    ) {
        let at = pages.at(item);
        let [low, high] = self.value_word().to_le_bytes();
        pages.set_array(at, [self.optional, self.code, low, high, 0, 0, 0, 0]);
        // The chunk may have been a linked item. It is none before anything else of it changes.
        compiler_fence(Ordering::SeqCst);
        let mut field = at + HEADER_BYTES;
        if self.optional & HAS_EXPTIME != 0 {
            pages.set_u32(field, expiry.tick());
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
        if self.code == KEY_LEN_EXTENDED {
            let extension = Extension::new(self.key_len, key.database(), expiry.millisecond());
            pages.set_u32(field, extension.0);
            field += EXTENSION_BYTES;
        }
        debug_assert_eq!(field + self.key_len, at + self.value_at);
        pages.bytes_mut(field, self.key_len).copy_from_slice(key.key());
    }
}

/// Bytes of the fixed part and of these optional fields.
fn fields_bytes(optional: u8) -> usize {
    HEADER_BYTES + usize::from(OPTIONAL_BYTES[usize::from(optional)])
}
