//! Changes of a linked item's exptime and cas unique. The item moves if its chunk is too short.

use crate::index::key_hasher::HashedKey;
use crate::item::chunk;
use crate::item::item_fields::{self, NeededFields};
use crate::item::item_shape::CasField;
use crate::limits::KEY_BYTES_MAX;
use crate::linked::linked_items::Miss;
use crate::memory::region::Location;
use crate::store::reservation::{ItemFields, ValuePart};
use crate::store::store::Store;

impl Store {
    /// Gives a linked item a cas unique if it has none. Returns where the item is now.
    pub(super) fn ensure_unique(&mut self, now: u32, hash: u64, item: Location) -> Location {
        if !self.uniques.are_on() || self.items().view(item).cas() != 0 {
            return item;
        }
        let Some(item) = self.make_cas_field(now, hash, item) else { return item };
        let unique = self.uniques.take();
        item_fields::set_cas(self.pages_mut(), item, unique);
        item
    }

    /// Gives a linked item this cas unique. Returns where the item is now. Without memory for the
    /// field the item has no unique, which no cas matches.
    pub(super) fn set_unique(
        &mut self,
        now: u32,
        hash: u64,
        item: Location,
        unique: u64,
    ) -> Location {
        let Some(item) = self.make_cas_field(now, hash, item) else { return item };
        item_fields::set_cas(self.pages_mut(), item, unique);
        item
    }

    fn make_cas_field(&mut self, now: u32, hash: u64, item: Location) -> Option<Location> {
        let exptime = self.items().view(item).exptime();
        self.widen(now, hash, item, exptime, CasField::Present)
    }

    /// Sets the exptime of a linked item. Returns where the item is now. Without memory for the
    /// field the item is dropped: `NotFound`.
    pub(super) fn change_exptime(
        &mut self,
        now: u32,
        hash: u64,
        item: Location,
        exptime: u32,
    ) -> Result<Location, Miss> {
        let view = self.items().view(item);
        if exptime == view.exptime() {
            return Ok(item);
        }
        let cas = if view.has_cas_field() { CasField::Present } else { CasField::Absent };
        let Some(item) = self.widen(now, hash, item, exptime, cas) else {
            self.items_mut().unlink(item);
            return Err(Miss::NotFound);
        };
        self.items_mut().set_exptime(item, exptime);
        if self.eviction().is_sampled(hash) {
            self.eviction_mut().note_sampled_exptime(hash, exptime);
        }
        Ok(item)
    }

    /// Gives an item fields for an exptime (unless 0) and a cas unique, in its chunk or in a longer
    /// one. Returns where the item is now.
    fn widen(
        &mut self,
        now: u32,
        hash: u64,
        item: Location,
        exptime: u32,
        cas: CasField,
    ) -> Option<Location> {
        let view = self.items().view(item);
        let needed = NeededFields { exptime: exptime != 0, cas: cas == CasField::Present };
        if needed.missing_bytes(view) == 0 {
            return Some(item);
        }
        if !view.is_held() && self.items_mut().widen(item, needed) {
            return Some(item);
        }
        self.rewrite(now, hash, item, exptime, cas)
    }

    /// Writes a linked item again with these fields, in another chunk. All else stays.
    fn rewrite(
        &mut self,
        now: u32,
        hash: u64,
        old: Location,
        exptime: u32,
        cas: CasField,
    ) -> Option<Location> {
        let view = self.items().view(old);
        let mut key = [0; KEY_BYTES_MAX];
        let key = &mut key[..view.key().len()];
        key.copy_from_slice(view.key());
        let (flags, unique, value_len) = (view.flags(), view.cas(), view.value_len());
        let fields = ItemFields { key: HashedKey::rejoin(key, hash), flags, exptime, cas };
        let guard = self.items_mut().guard(old);
        let new = self.build(now, fields, value_len, &[ValuePart::Item(old)]);
        self.items_mut().end_guard(guard);
        let new = new?;
        // The old item is alive, and so is the new one.
        self.items_mut().mark_new(new);
        let access = self.items().view(old).access();
        let pages = self.pages_mut();
        chunk::set_access(pages, new, access);
        if cas == CasField::Present {
            item_fields::set_cas(pages, new, unique);
        }
        self.items_mut().link(hash, new, Some(old));
        Some(new)
    }
}
