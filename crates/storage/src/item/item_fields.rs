//! Changes of an item's optional fields in place.

use crate::item::chunk::{
    HAS_CAS, HAS_EXPTIME, HEADER_BYTES, KEY_LEN, KEY_LEN_EXTENDED, VALUE_LEN, VALUE_LEN_NOT_SIMPLE,
    flags_bytes, set_linked, set_state, state,
};
use crate::item::expiry::Expiry;
use crate::item::extension::{EXTENSION_BYTES, Extension};
use crate::item::item_head::ItemHead;
use crate::item::item_ref::ItemRef;
use crate::memory::region::{Location, OwnedPages};

/// Writes the expiry of a linked item. The item has the field, and an extension if the expiry needs
/// one.
pub(crate) fn set_expiry(pages: &mut OwnedPages, item: Location, expiry: Expiry) {
    let head = ItemHead::read(pages, item);
    debug_assert!(head.state() & HAS_EXPTIME != 0);
    if head.is_extended() {
        return set_extended_expiry(pages, item, expiry);
    }
    debug_assert_eq!(expiry.millisecond(), 0);
    pages.set_u32(head.at() + HEADER_BYTES, expiry.tick());
}

/// Writes tick and millisecond. Between the two the item is not linked.
#[cold]
fn set_extended_expiry(pages: &mut OwnedPages, item: Location, expiry: Expiry) {
    let head = ItemHead::read(pages, item);
    let old = head.extension(pages);
    let new = Extension::new(old.key_len(), old.database(), expiry.millisecond());
    set_linked(pages, item, false);
    pages.set_u32(head.at() + HEADER_BYTES, expiry.tick());
    pages.set_u32(head.fields_end_at(), new.0);
    set_linked(pages, item, true);
}

/// Writes the cas unique. The item has the field.
pub(crate) fn set_cas(pages: &mut OwnedPages, item: Location, unique: u64) {
    let field = ItemRef::new(pages, item).cas_at();
    debug_assert!(state(pages, item) & HAS_CAS != 0);
    pages.set_u64(field, unique);
}

/// Optional fields that an item must have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NeededFields {
    pub(crate) exptime: bool,
    pub(crate) cas: bool,
    pub(crate) extension: bool,
}

impl NeededFields {
    /// Bytes of the fields that an item does not have yet.
    pub(crate) fn missing_bytes(self, item: ItemRef<'_>) -> usize {
        usize::from(self.exptime && !item.has_exptime_field()) * 4
            + usize::from(self.cas && !item.has_cas_field()) * 8
            + usize::from(self.extension && !item.is_extended()) * EXTENSION_BYTES
    }
}

/// Adds the missing ones of these fields to an unchained item, in its chunk. The caller has checked
/// that the chunk is long enough.
pub(crate) fn widen(pages: &mut OwnedPages, item: Location, needed: NeededFields) {
    let old = ItemRef::new(pages, item);
    debug_assert!(!old.is_chained());
    let shift = needed.missing_bytes(old);
    let (at, state) = (old.at(), old.state());
    let from = old.fields_end_at();
    // What follows the fields: perhaps an extension, the key, the value.
    let (tail, key_len) = (at + old.head_bytes() - from, old.key().len());
    let value_len = old.value_len();
    let is_extended_now = needed.extension && !old.is_extended();
    let (tick, flags, unique) = (old.expiry().tick(), old.flags(), old.cas());
    pages.copy(from, from + shift, tail);
    let state =
        state | if needed.exptime { HAS_EXPTIME } else { 0 } | if needed.cas { HAS_CAS } else { 0 };
    set_state(pages, item, state);
    if is_extended_now {
        pages.set_u8(at + KEY_LEN, KEY_LEN_EXTENDED);
        let [low, high] = (value_len as u16 | VALUE_LEN_NOT_SIMPLE).to_le_bytes();
        pages.set_array(at + VALUE_LEN, [low, high]);
        // A plain key is in database 0.
        pages.set_u32(from + shift - EXTENSION_BYTES, Extension::new(key_len, 0, 0).0);
    }
    let mut field = at + HEADER_BYTES;
    if state & HAS_EXPTIME != 0 {
        pages.set_u32(field, tick);
        field += 4;
    }
    let width = flags_bytes(state);
    pages.bytes_mut(field, width).copy_from_slice(&flags.to_le_bytes()[..width]);
    if state & HAS_CAS != 0 {
        pages.set_u64(field + width, unique);
    }
}
