//! Items of a snapshot, which are stored as they were: with their cas unique and their age.

use crate::item::access::AccessHistory;
use crate::item::expiry::Moment;
use crate::item::hashed_key::HashedKey;
use crate::item::item_fields;
use crate::item::item_shape::CasField;
use crate::limits::LONG_VALUE_BYTES;
use crate::memory::region::Location;
use crate::store::reservation::{ItemFields, Reservation};
use crate::store::store::Store;
use crate::store::store_verb::NewItem;

/// An item of a snapshot, without its value if that comes in parts.
#[derive(Clone, Copy, Debug)]
pub struct RestoredItem<'a> {
    /// The item.
    pub item: NewItem<'a>,
    /// Its cas unique; 0: it has none.
    pub cas: u64,
    /// How it was accessed.
    pub history: AccessHistory,
}

/// What became of an item of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreOutcome {
    /// It is stored.
    Restored,
    /// The key has an item, which stays.
    Present,
    /// There is no memory for it.
    NoMemory,
}

impl Store {
    /// Stores an item of a snapshot, unless its key has one. It counts as no request. If there is
    /// too little memory, items are evicted: by their ages, whatever the order in which they come.
    pub fn restore(&mut self, now: Moment, restored: &RestoredItem<'_>) -> RestoreOutcome {
        let NewItem { key, value, flags, expiry } = restored.item;
        self.has_long_values |= value.len() > LONG_VALUE_BYTES;
        if self.items_mut().find_live(now, key).is_ok() {
            return RestoreOutcome::Present;
        }
        if !self.allocation.prepare_insert(now) {
            return RestoreOutcome::NoMemory;
        }
        let has_cas = restored.cas != 0 && self.uniques.are_on();
        let cas = if has_cas { CasField::Present } else { CasField::Absent };
        let Some(new) = self.new_item(now, ItemFields { key, flags, expiry, cas }, value) else {
            return RestoreOutcome::NoMemory;
        };
        self.link_restored(key, new, restored);
        RestoreOutcome::Restored
    }

    /// As [`Self::restore`], for an item whose value was written into a reservation of its key.
    pub fn commit_restored(
        &mut self,
        now: Moment,
        reservation: Reservation,
        restored: &RestoredItem<'_>,
    ) -> RestoreOutcome {
        assert_eq!(reservation.missing(), 0, "a value is committed before it is complete");
        let key = restored.item.key;
        let is_present = self.items_mut().find_live(now, key).is_ok();
        if is_present || !self.allocation.prepare_insert(now) {
            self.abandon(reservation);
            return if is_present { RestoreOutcome::Present } else { RestoreOutcome::NoMemory };
        }
        let new = self.finish(reservation);
        self.link_restored(key, new, restored);
        RestoreOutcome::Restored
    }

    fn link_restored(&mut self, key: HashedKey<'_>, new: Location, restored: &RestoredItem<'_>) {
        if self.items().view(new).has_cas_field() && self.uniques.are_on() {
            item_fields::set_cas(self.pages_mut(), new, restored.cas);
        }
        self.eviction_mut().date_restored(new, &restored.history);
        self.items_mut().link(key.hash(), new, None);
        self.total_items += 1;
    }

    /// Hands out cas uniques above this one from now on. All stores of a server go on above the
    /// highest of a snapshot, before clients ask for any.
    pub fn go_on_above_unique(&mut self, unique: u64) {
        self.uniques.go_on_above(unique);
    }
}
