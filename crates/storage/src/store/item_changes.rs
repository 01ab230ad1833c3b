//! Changes of a linked item's expiry and cas unique. The item moves if its chunk is too short.

use crate::item::chunk;
use crate::item::expiry::{Expiry, Moment};
use crate::item::item_fields::{self, NeededFields};
use crate::item::item_shape::CasField;
use crate::item::key_copy::KeyCopy;
use crate::linked::linked_items::Miss;
use crate::memory::region::Location;
use crate::store::reservation::{ItemFields, ValuePart};
use crate::store::store::Store;

impl Store {
    /// Gives a linked item a cas unique if it has none. Returns where the item is now.
    pub(super) fn ensure_unique(&mut self, now: Moment, hash: u64, item: Location) -> Location {
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
        now: Moment,
        hash: u64,
        item: Location,
        unique: u64,
    ) -> Location {
        let Some(item) = self.make_cas_field(now, hash, item) else { return item };
        item_fields::set_cas(self.pages_mut(), item, unique);
        item
    }

    /// Renews the cas unique of an item that has one.
    pub(super) fn renew_unique(&mut self, item: Location) {
        if self.uniques.are_on() && self.items().view(item).cas() != 0 {
            let unique = self.uniques.take();
            item_fields::set_cas(self.pages_mut(), item, unique);
        }
    }

    fn make_cas_field(&mut self, now: Moment, hash: u64, item: Location) -> Option<Location> {
        let expiry = self.items().view(item).expiry();
        self.widen(now, hash, item, expiry, CasField::Present)
    }

    /// Sets the expiry of a linked item. Returns where the item is now. Without memory for the
    /// millisecond the item expires at the next second; without memory for the second it is
    /// dropped: `NotFound`.
    pub(super) fn change_expiry(
        &mut self,
        now: Moment,
        hash: u64,
        item: Location,
        expiry: Expiry,
    ) -> Result<Location, Miss> {
        let view = self.items().view(item);
        if expiry == view.expiry() {
            return Ok(item);
        }
        let cas = if view.has_cas_field() { CasField::Present } else { CasField::Absent };
        let (mut expiry, mut wide) = (expiry, self.widen(now, hash, item, expiry, cas));
        if wide.is_none() && expiry.millisecond() != 0 {
            expiry = Expiry::at(expiry.whole_tick());
            wide = self.widen(now, hash, item, expiry, cas);
        }
        let Some(item) = wide else {
            self.items_mut().unlink(item);
            return Err(Miss::NotFound);
        };
        self.items_mut().set_expiry(item, expiry);
        if self.eviction().is_sampled(hash) {
            self.eviction_mut().note_sampled_exptime(hash, expiry.whole_tick());
        }
        Ok(item)
    }

    /// Gives an item fields for an expiry (unless it is never) and a cas unique, in its chunk or in
    /// a longer one. Returns where the item is now.
    fn widen(
        &mut self,
        now: Moment,
        hash: u64,
        item: Location,
        expiry: Expiry,
        cas: CasField,
    ) -> Option<Location> {
        let view = self.items().view(item);
        let needed = NeededFields {
            exptime: !expiry.is_never(),
            cas: cas == CasField::Present,
            extension: expiry.millisecond() != 0,
        };
        if needed.missing_bytes(view) == 0 {
            return Some(item);
        }
        // A chained item's head chunk is full.
        if !view.is_held() && !view.is_chained() && self.items_mut().widen(item, needed) {
            return Some(item);
        }
        self.rewrite(now, hash, item, expiry, cas)
    }

    /// Writes a linked item again with these fields, in another chunk. All else stays.
    fn rewrite(
        &mut self,
        now: Moment,
        hash: u64,
        old: Location,
        expiry: Expiry,
        cas: CasField,
    ) -> Option<Location> {
        let view = self.items().view(old);
        let key = KeyCopy::new(view.hashed_key(hash));
        let (flags, unique, value_len) = (view.flags(), view.cas(), view.value_len());
        let fields = ItemFields { key: key.hashed_key(), flags, expiry, cas };
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
