//! Changes of an item's optional fields in place.

use crate::item::chunk::{HAS_CAS, HAS_EXPTIME, HEADER_BYTES, flags_bytes, set_state, state};
use crate::item::item_ref::ItemRef;
use crate::memory::region::{Location, OwnedPages};

/// Writes the exptime. The item has the field.
pub(crate) fn set_exptime(pages: &mut OwnedPages, item: Location, exptime: u32) {
    let at = pages.at(item);
    debug_assert!(pages.u8(at) & HAS_EXPTIME != 0);
    pages.set_u32(at + HEADER_BYTES, exptime);
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
}

impl NeededFields {
    /// Bytes of the fields that an item does not have yet.
    pub(crate) fn missing_bytes(self, item: ItemRef<'_>) -> usize {
        usize::from(self.exptime && !item.has_exptime_field()) * 4
            + usize::from(self.cas && !item.has_cas_field()) * 8
    }
}

/// Adds the missing ones of these fields to an unchained item, in its chunk. The caller has checked
/// that the chunk is long enough.
pub(crate) fn widen(pages: &mut OwnedPages, item: Location, needed: NeededFields) {
    let old = ItemRef::new(pages, item);
    debug_assert!(!old.is_chained());
    let shift = needed.missing_bytes(old);
    let (at, state) = (old.at(), old.state());
    let (from, tail) = (old.key_at(), old.key().len() + old.value_len());
    let (exptime, flags, unique) = (old.exptime(), old.flags(), old.cas());
    pages.copy(from, from + shift, tail);
    let state =
        state | if needed.exptime { HAS_EXPTIME } else { 0 } | if needed.cas { HAS_CAS } else { 0 };
    set_state(pages, item, state);
    let mut field = at + HEADER_BYTES;
    if state & HAS_EXPTIME != 0 {
        pages.set_u32(field, exptime);
        field += 4;
    }
    let width = flags_bytes(state);
    pages.bytes_mut(field, width).copy_from_slice(&flags.to_le_bytes()[..width]);
    if state & HAS_CAS != 0 {
        pages.set_u64(field + width, unique);
    }
}
