//! Amendments: later changes of an item's expiry, cas unique and marks.

use crate::item::access::Marks;
use crate::item::expiry::{Expiry, Moment};
use crate::item::hashed_key::HashedKey;
use crate::item::item_ref::ItemRef;
use crate::memory::region::Location;
use crate::store::store::Store;

/// The cas unique that an item gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NewUnique {
    /// The present one.
    #[default]
    Keep,
    /// A new one, if it has one.
    Renew,
    /// This one. Not 0.
    Set(u64),
}

/// A change of an item. Its value and client flags stay.
#[derive(Clone, Copy, Debug, Default)]
pub struct Amendment {
    /// New marks.
    pub marks: Option<Marks>,
    /// New expiry.
    pub expiry: Option<Expiry>,
    /// New cas unique.
    pub unique: NewUnique,
    /// The item gets a cas unique if it then has none.
    pub with_cas: bool,
    /// The item counts as read.
    pub is_read: bool,
}

impl Store {
    /// Amends the item of a key, dead or alive: an item that was just stored may be dead already.
    /// `None`: there is none, or there was no memory for an expiry and the item is dropped.
    pub fn amend(
        &mut self,
        now: Moment,
        key: HashedKey<'_>,
        amendment: &Amendment,
    ) -> Option<ItemRef<'_>> {
        let mut item = self.items().find_linked(key)?;
        if amendment.is_read {
            let head = self.items().head(item);
            self.eviction_mut().note_read(now, head);
        }
        if let Some(marks) = amendment.marks {
            self.set_marks(item, marks);
        }
        if let Some(expiry) = amendment.expiry {
            item = self.change_expiry(now, key.hash(), item, expiry).ok()?;
        }
        let unique = self.new_unique(item, amendment.unique);
        if let Some(unique) = unique {
            item = self.set_unique(now, key.hash(), item, unique);
        }
        if amendment.with_cas {
            item = self.ensure_unique(now, key.hash(), item);
        }
        Some(self.items().view(item))
    }

    /// Whether a cas unique is older than the item's. An item without a unique counts as if it had
    /// the next one.
    pub fn is_older_unique(&self, unique: u64, item_unique: u64) -> bool {
        let newest = if item_unique == 0 { self.uniques.next() } else { item_unique };
        unique != 0 && unique < newest
    }

    /// The unique to be written into an item. `None`: what it has stays.
    fn new_unique(&mut self, item: Location, unique: NewUnique) -> Option<u64> {
        match unique {
            _ if !self.uniques.are_on() => None,
            NewUnique::Keep => None,
            NewUnique::Renew if self.items().view(item).cas() == 0 => None,
            NewUnique::Renew => Some(self.uniques.take()),
            NewUnique::Set(unique) => Some(unique),
        }
    }
}
