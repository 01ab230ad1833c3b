//! The storage commands: set, add, replace, append, prepend and cas.

use crate::item::chunk::set_linked;
use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::{Expiry, Moment};
use crate::item::hashed_key::HashedKey;
use crate::item::item_shape::{CasField, ItemShape};
use crate::item::key_copy::KeyCopy;
use crate::limits::LONG_VALUE_BYTES;
use crate::memory::region::Location;
use crate::store::reservation::{ItemFields, Reservation, ValuePart};
use crate::store::store::Store;

/// An item to be stored, with its whole value.
#[derive(Clone, Copy, Debug)]
pub struct NewItem<'a> {
    /// At most 16 KiB, and their hash.
    pub key: HashedKey<'a>,
    /// The value.
    pub value: &'a [u8],
    /// The client flags.
    pub flags: u32,
    /// When the item expires.
    pub expiry: Expiry,
}

/// A storage command: what it requires of the key's present item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreVerb {
    /// Nothing.
    Set,
    /// The key has no item.
    Add,
    /// The key has an item.
    Replace,
    /// The key has an item. The new value follows its value; its flags and expiry stay.
    Append,
    /// The key has an item. The new value precedes its value; its flags and expiry stay.
    Prepend,
    /// The item has this cas unique.
    Cas(u64),
}

/// The outcome of a storage command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOutcome {
    /// Stored.
    Stored,
    /// The verb's condition does not hold, or an append would exceed the item size limit.
    NotStored,
    /// Cas: the item has another unique, or none.
    Exists,
    /// Cas: the key has no item.
    NotFound,
    /// No memory. The present item of the key stays. After a set the caller deletes it, as
    /// memcached does.
    NoMemory,
}

/// What to do with an item once the verb's condition holds.
enum StoreDecision {
    /// Link it.
    Link,
    /// Join its value to that of the key's present item.
    Join(Location, Side),
}

/// The side of a value at which another one is joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Front,
    Back,
}

impl Store {
    /// Stores an item with its whole value.
    pub fn store(&mut self, now: Moment, item: &NewItem<'_>, verb: StoreVerb) -> StoreOutcome {
        self.has_long_values |= item.value.len() > LONG_VALUE_BYTES;
        if verb == StoreVerb::Set {
            return self.set(now, item);
        }
        if !self.allocation.prepare_insert(now) {
            return StoreOutcome::NoMemory;
        }
        let old = self.items_mut().find_live(now, item.key).ok();
        let old_class = old.map(|old| self.items().slabs().class_of(old));
        let outcome = match self.decide(item.key.key(), item.value.len(), old, verb) {
            Err(outcome) => outcome,
            Ok(StoreDecision::Link) => self.insert(now, item),
            Ok(StoreDecision::Join(old, side)) => {
                let new = ValuePart::Bytes(item.value);
                self.join(now, item.key, old, (new, item.value.len()), side)
            }
        };
        self.count_cas(verb, old_class, outcome);
        outcome
    }

    /// Stores an item, whether or not the key has one.
    #[inline]
    fn set(&mut self, now: Moment, item: &NewItem<'_>) -> StoreOutcome {
        let old = self.items_mut().find_live(now, item.key);
        if old.is_ok_and(|old| self.overwrite(now, old, item)) {
            return StoreOutcome::Stored;
        }
        if !self.allocation.prepare_insert(now) {
            return StoreOutcome::NoMemory;
        }
        if old.is_ok() {
            return self.insert(now, item);
        }
        let NewItem { key, flags, expiry, .. } = *item;
        let fields = ItemFields { key, flags, expiry, cas: CasField::Absent };
        let Some(new) = self.new_item(now, fields, item.value) else {
            return StoreOutcome::NoMemory;
        };
        self.link_first(now, key, new);
        StoreOutcome::Stored
    }

    /// Stores an item. The key may have one.
    #[inline]
    fn insert(&mut self, now: Moment, item: &NewItem<'_>) -> StoreOutcome {
        let NewItem { key, flags, expiry, .. } = *item;
        let fields = ItemFields { key, flags, expiry, cas: CasField::Absent };
        match self.new_item(now, fields, item.value) {
            Some(new) => {
                self.link_new(now, item.key, new);
                StoreOutcome::Stored
            }
            None => StoreOutcome::NoMemory,
        }
    }

    /// Writes an item over the key's live one, if both need a chunk of the same class and the old
    /// one is not held. False: it did not.
    fn overwrite(&mut self, now: Moment, item: Location, new: &NewItem<'_>) -> bool {
        let NewItem { key, value, flags, expiry } = *new;
        let sizes = self.items().slabs().sizes();
        let shape = ItemShape::new(sizes, key, value.len(), flags, expiry, CasField::Absent);
        let view = self.items().view(item);
        let fits = !shape.chained && !view.is_chained() && !view.is_held();
        let (head_bytes, old_access) = (view.head_bytes(), view.access());
        let slabs = self.items_mut().slabs_mut();
        if !fits || !slabs.replace_used(item, head_bytes, shape.head_bytes) {
            return false;
        }
        self.items_mut().count_out(item);
        let pages = self.pages_mut();
        shape.write(pages, item, key, flags, expiry);
        let at = pages.at(item) + shape.value_at;
        pages.bytes_mut(at, value.len()).copy_from_slice(value);
        let access = self.eviction_mut().date_new(now, item);
        set_linked(self.pages_mut(), item, true);
        self.items_mut().count_in(item);
        if !access.is_in_segment_of(old_access) {
            self.items_mut().recount_segment(item, old_access.segment(), access.segment());
        }
        self.count_store(now, key.hash(), item);
        true
    }

    /// Links a reservation whose value is complete, if the verb's condition holds. Frees it
    /// otherwise.
    pub fn commit(
        &mut self,
        now: Moment,
        reservation: Reservation,
        verb: StoreVerb,
    ) -> StoreOutcome {
        assert_eq!(reservation.missing(), 0, "a value is committed before it is complete");
        let (hash, head) = (reservation.hash, reservation.head);
        if !self.allocation.prepare_insert(now) {
            self.abandon(reservation);
            return StoreOutcome::NoMemory;
        }
        let view = self.items().view(head);
        let value_len = view.value_len();
        let key = KeyCopy::new(view.hashed_key(hash));
        let key = key.hashed_key();
        let old = self.items_mut().find_live(now, key).ok();
        let old_class = old.map(|old| self.items().slabs().class_of(old));
        let outcome = match self.decide(key.key(), value_len, old, verb) {
            Err(outcome) => outcome,
            Ok(StoreDecision::Link) => {
                let new = self.finish(reservation);
                self.link_new(now, key, new);
                self.count_cas(verb, old_class, StoreOutcome::Stored);
                return StoreOutcome::Stored;
            }
            Ok(StoreDecision::Join(old, side)) => {
                self.join(now, key, old, (ValuePart::Item(head), value_len), side)
            }
        };
        self.abandon(reservation);
        self.count_cas(verb, old_class, outcome);
        outcome
    }

    /// Checks the verb's condition. `Err`: it does not hold.
    fn decide(
        &self,
        key: &[u8],
        value_len: usize,
        old: Option<Location>,
        verb: StoreVerb,
    ) -> Result<StoreDecision, StoreOutcome> {
        let view = |old| self.items().view(old);
        match (verb, old) {
            (StoreVerb::Set, _) | (StoreVerb::Add, None) | (StoreVerb::Replace, Some(_)) => {
                Ok(StoreDecision::Link)
            }
            (StoreVerb::Cas(_), None) => Err(StoreOutcome::NotFound),
            (StoreVerb::Cas(unique), Some(old)) if unique != 0 && view(old).cas() == unique => {
                Ok(StoreDecision::Link)
            }
            (StoreVerb::Cas(_), Some(_)) => Err(StoreOutcome::Exists),
            (StoreVerb::Append | StoreVerb::Prepend, Some(old)) => {
                let joined = view(old).value_len() + value_len;
                if self.item_size_limit.is_exceeded(key.len(), view(old).flags(), joined) {
                    return Err(StoreOutcome::NotStored);
                }
                let side = if verb == StoreVerb::Prepend { Side::Front } else { Side::Back };
                Ok(StoreDecision::Join(old, side))
            }
            (StoreVerb::Add, Some(_)) => Err(StoreOutcome::NotStored),
            (_, None) => Err(StoreOutcome::NotStored),
        }
    }

    /// Replaces `old` by an item with both values.
    fn join(
        &mut self,
        now: Moment,
        key: HashedKey<'_>,
        old: Location,
        (new, new_len): (ValuePart<'_>, usize),
        side: Side,
    ) -> StoreOutcome {
        let view = self.items().view(old);
        let value_len = view.value_len() + new_len;
        let (flags, expiry) = (view.flags(), view.expiry());
        let fields = ItemFields { key, flags, expiry, cas: CasField::Absent };
        let parts = match side {
            Side::Front => [new, ValuePart::Item(old)],
            Side::Back => [ValuePart::Item(old), new],
        };
        let guard = self.items_mut().guard(old);
        let joined = self.build(now, fields, value_len, &parts);
        self.items_mut().end_guard(guard);
        let Some(joined) = joined else { return StoreOutcome::NoMemory };
        self.link_new(now, key, joined);
        StoreOutcome::Stored
    }

    /// Counts the outcome of a cas, for the class of the item that the key had.
    fn count_cas(&mut self, verb: StoreVerb, old: Option<SlabClassId>, outcome: StoreOutcome) {
        let (StoreVerb::Cas(_), Some(class)) = (verb, old) else { return };
        let counters = &mut self.items_mut().slabs_mut().class_mut(class).counters;
        match outcome {
            StoreOutcome::Stored => counters.cas_hits += 1,
            StoreOutcome::Exists => counters.cas_badval += 1,
            _ => {}
        }
    }
}
