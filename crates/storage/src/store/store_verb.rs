//! Storing: what set, add, replace, append, prepend and cas do to the item that is there.

use crate::index::key_hasher::HashedKey;
use crate::item::access::AccessWord;
use crate::item::item::{ItemShape, set_access, set_linked};
use crate::item::item_ref::ItemRef;
use crate::item::item_size_limit::ItemSizeLimit;
use crate::limits::{KEY_BYTES_MAX, LONG_VALUE_BYTES};
use crate::memory::region::Location;
use crate::store::reservation::{ItemFields, Reservation, ValuePart};
use crate::store::store::Store;

/// An item to be stored, with its whole value.
#[derive(Clone, Copy, Debug)]
pub struct NewItem<'a> {
    /// 1 to 250 bytes, and their hash.
    pub key: HashedKey<'a>,
    /// The value.
    pub value: &'a [u8],
    /// The client's flags.
    pub flags: u32,
    /// Second at which the item dies; 0: never.
    pub exptime: u32,
}

/// How an item is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreVerb {
    /// Whatever is there.
    Set,
    /// Only if the key has no item.
    Add,
    /// Only if the key has an item.
    Replace,
    /// Behind the value of the item, whose flags and exptime stay.
    Append,
    /// Before the value of the item, whose flags and exptime stay.
    Prepend,
    /// Only if the item has this cas unique.
    Cas(u64),
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOutcome {
    /// Stored.
    Stored,
    /// The verb's condition does not hold, or an append would pass the item size.
    NotStored,
    /// Cas: the item has another unique or none.
    Exists,
    /// Cas: the key has no item.
    NotFound,
    /// No memory. The old item is still there; after a set the caller deletes it, as memcached
    /// does.
    NoMemory,
}

/// How to go on once the verb's condition holds.
enum Plan {
    Link,
    Join { front: bool },
}

impl Store {
    /// Stores an item with its whole value.
    pub fn store(&mut self, now: u32, item: &NewItem<'_>, verb: StoreVerb) -> StoreOutcome {
        self.has_long_values |= item.value.len() > LONG_VALUE_BYTES;
        if verb == StoreVerb::Set && self.overwrite(now, item) {
            return StoreOutcome::Stored;
        }
        if !self.prepare_insert(now) {
            return StoreOutcome::NoMemory;
        }
        if verb == StoreVerb::Set {
            return self.insert(now, item);
        }
        let old = self.find_live(now, item.key).ok();
        let old_class = old.map(|old| self.slabs.class_of(old));
        let outcome = match self.plan(item.key.key(), item.value.len(), old, verb) {
            Err(outcome) => outcome,
            Ok(Plan::Link) => self.insert(now, item),
            Ok(Plan::Join { front }) => {
                let old = old.expect("joined to an item that is there");
                let new = ValuePart::Bytes(item.value);
                self.join(now, item.key, old, (new, item.value.len()), front)
            }
        };
        self.count_cas(verb, old_class, outcome);
        outcome
    }

    /// Stores an item whatever is there.
    #[inline]
    fn insert(&mut self, now: u32, item: &NewItem<'_>) -> StoreOutcome {
        let fields =
            ItemFields { key: item.key, flags: item.flags, exptime: item.exptime, with_cas: false };
        match self.new_item(now, fields, item.value) {
            Some(new) => {
                self.link_new(now, item.key, new);
                StoreOutcome::Stored
            }
            None => StoreOutcome::NoMemory,
        }
    }

    /// Writes an item in the place of the key's live one, if its chunk would be of the same class
    /// and nobody holds the old one.
    fn overwrite(&mut self, now: u32, new: &NewItem<'_>) -> bool {
        let Ok(item) = self.find_live(now, new.key) else { return false };
        let NewItem { key, value, flags, exptime } = *new;
        let shape =
            ItemShape::new(&self.slabs.sizes, key.key().len(), value.len(), flags, exptime, false);
        let view = ItemRef::new(&self.slabs.pages, item);
        let fits = !shape.chained && !view.is_chained() && !view.is_held();
        if !fits || !self.slabs.exchange_requested(item, view.head_bytes(), shape.head_bytes) {
            return false;
        }
        self.count(item, false);
        let pages = &mut self.slabs.pages;
        shape.write(pages, item, key.key(), flags, exptime);
        let at = pages.at(item) + shape.value_at();
        pages.bytes_mut(at, value.len()).copy_from_slice(value);
        self.date_new(now, item);
        set_linked(&mut self.slabs.pages, item, true);
        self.count(item, true);
        self.count_store(now, item);
        true
    }

    /// Links a reservation whose value is complete, if the verb's condition holds; else frees it.
    pub fn commit(&mut self, now: u32, reservation: Reservation, verb: StoreVerb) -> StoreOutcome {
        assert_eq!(reservation.missing(), 0, "a value is committed before it is complete");
        let (hash, head) = (reservation.hash, reservation.head);
        if !self.prepare_insert(now) {
            self.abandon(reservation);
            return StoreOutcome::NoMemory;
        }
        let view = ItemRef::new(&self.slabs.pages, head);
        let value_len = view.value_len();
        let mut key = [0; KEY_BYTES_MAX];
        let key = &mut key[..view.key().len()];
        key.copy_from_slice(view.key());
        let key = HashedKey::rejoin(key, hash);
        let old = self.find_live(now, key).ok();
        let old_class = old.map(|old| self.slabs.class_of(old));
        let outcome = match self.plan(key.key(), value_len, old, verb) {
            Err(outcome) => outcome,
            Ok(Plan::Link) => {
                let new = self.finish(reservation);
                self.link_new(now, key, new);
                self.count_cas(verb, old_class, StoreOutcome::Stored);
                return StoreOutcome::Stored;
            }
            Ok(Plan::Join { front }) => {
                let old = old.expect("joined to an item that is there");
                self.join(now, key, old, (ValuePart::Item(head), value_len), front)
            }
        };
        self.abandon(reservation);
        self.count_cas(verb, old_class, outcome);
        outcome
    }

    fn plan(
        &self,
        key: &[u8],
        value_len: usize,
        old: Option<Location>,
        verb: StoreVerb,
    ) -> Result<Plan, StoreOutcome> {
        let old = old.map(|old| ItemRef::new(&self.slabs.pages, old));
        match (verb, old) {
            (StoreVerb::Set, _) | (StoreVerb::Add, None) | (StoreVerb::Replace, Some(_)) => {
                Ok(Plan::Link)
            }
            (StoreVerb::Cas(_), None) => Err(StoreOutcome::NotFound),
            (StoreVerb::Cas(unique), Some(old)) if unique != 0 && old.cas() == unique => {
                Ok(Plan::Link)
            }
            (StoreVerb::Cas(_), Some(_)) => Err(StoreOutcome::Exists),
            (StoreVerb::Append | StoreVerb::Prepend, Some(old)) => {
                let joined = old.value_len() + value_len;
                if self.item_size_limit().is_exceeded(key.len(), old.flags(), joined) {
                    return Err(StoreOutcome::NotStored);
                }
                Ok(Plan::Join { front: verb == StoreVerb::Prepend })
            }
            (StoreVerb::Add, Some(_)) => Err(StoreOutcome::NotStored),
            (_, None) => Err(StoreOutcome::NotStored),
        }
    }

    fn item_size_limit(&self) -> ItemSizeLimit {
        ItemSizeLimit { item_bytes_max: self.config.item_bytes_max, cas: self.config.cas }
    }

    /// Replaces `old` by an item of both values.
    fn join(
        &mut self,
        now: u32,
        key: HashedKey<'_>,
        old: Location,
        (new, new_len): (ValuePart<'_>, usize),
        front: bool,
    ) -> StoreOutcome {
        let view = ItemRef::new(&self.slabs.pages, old);
        let value_len = view.value_len() + new_len;
        let fields =
            ItemFields { key, flags: view.flags(), exptime: view.exptime(), with_cas: false };
        let parts = if front { [new, ValuePart::Item(old)] } else { [ValuePart::Item(old), new] };
        let guard = self.guard(old);
        let joined = self.build(now, fields, value_len, &parts);
        self.unguard(old, guard);
        let Some(joined) = joined else { return StoreOutcome::NoMemory };
        self.link_new(now, key, joined);
        StoreOutcome::Stored
    }

    /// An item with a whole value, neither linked nor pinned.
    pub(crate) fn new_item(
        &mut self,
        now: u32,
        fields: ItemFields<'_>,
        value: &[u8],
    ) -> Option<Location> {
        let ItemFields { key, flags, exptime, with_cas } = fields;
        let shape = ItemShape::new(
            &self.slabs.sizes,
            key.key().len(),
            value.len(),
            flags,
            exptime,
            with_cas,
        );
        if shape.chained {
            return self.build(now, fields, value.len(), &[ValuePart::Bytes(value)]);
        }
        let item = self.allocate(now, shape.head_bytes)?;
        let pages = &mut self.slabs.pages;
        shape.write(pages, item, key.key(), flags, exptime);
        let at = pages.at(item) + shape.value_at();
        pages.bytes_mut(at, value.len()).copy_from_slice(value);
        Some(item)
    }

    /// Links a new item in the place of whatever the key has now: what was there when the verb was
    /// checked may have been evicted for the new item's memory.
    pub(crate) fn link_new(&mut self, now: u32, key: HashedKey<'_>, new: Location) {
        let old = self.find_live(now, key).ok();
        self.date_new(now, new);
        self.link(key.hash(), new, old);
        self.count_store(now, new);
    }

    fn date_new(&mut self, now: u32, item: Location) {
        self.mark_new(item);
        let access = AccessWord::stored(self.clock.advance(now, self.index.items));
        set_access(&mut self.slabs.pages, item, access);
    }

    fn count_store(&mut self, now: u32, item: Location) {
        let class = self.slabs.class_of(item);
        self.slabs.classes[class].window_stores += 1;
        self.last_stored = class;
        self.sharing.note_store(now);
        self.total_items += 1;
    }
}
