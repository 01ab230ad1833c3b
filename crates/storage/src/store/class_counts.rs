//! What requests did to the items of each slab class. Hits are counted nowhere else, so that the
//! classes and the store agree.

use crate::index::key_hasher::HashedKey;
use crate::item::item::ItemShape;
use crate::limits::CLASS_COUNTS;
use crate::memory::region::Location;
use crate::slabs::stats::ClassCounters;
use crate::store::store::Store;
use crate::store::store_verb::{StoreOutcome, StoreVerb};

/// A hit that the store cannot know of, as it was asked for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// A get found the item.
    Get,
    /// A get or touch found the item and set its exptime.
    Touch,
    /// A delete found the item.
    Delete,
    /// A cas that came too late was let through.
    Cas,
}

impl Store {
    /// Counts a hit on the item of a key, dead or alive.
    pub fn count_hit(&mut self, key: HashedKey<'_>, hit: Hit) {
        let Some(item) = self.find_linked(key) else { return };
        match hit {
            Hit::Get | Hit::Touch => self.count_read(item, hit == Hit::Touch),
            Hit::Delete => self.counters_of(item).delete_hits += 1,
            Hit::Cas => self.counters_of(item).cas_hits += 1,
        }
    }

    /// Counts a storage command, for the item that it has just stored.
    #[inline]
    pub fn count_set(&mut self) {
        self.slabs.sets[self.last_stored % CLASS_COUNTS] += 1;
    }

    /// Counts a storage command that got memory for an item of these lengths and flags, with an
    /// exptime or without, and has not stored it.
    #[inline(never)]
    pub fn count_set_in_vain(
        &mut self,
        key_len: usize,
        value_len: usize,
        flags: u32,
        expires: bool,
    ) {
        let sizes = &self.slabs.sizes;
        let shape = ItemShape::new(sizes, key_len, value_len, flags, u32::from(expires), false);
        let class = sizes.class_for(shape.head_bytes);
        self.slabs.sets[class] += 1;
    }

    #[inline]
    pub(crate) fn counters_of(&mut self, item: Location) -> &mut ClassCounters {
        let class = self.slabs.class_of(item);
        &mut self.slabs.classes[class].counters
    }

    #[inline]
    pub(crate) fn count_read(&mut self, item: Location, is_touch: bool) {
        if is_touch {
            self.counters_of(item).touch_hits += 1;
        } else {
            self.slabs.count_hit(self.slabs.pages.at(item));
        }
    }

    /// Counts how a cas ended, for the class of the item that was there.
    pub(crate) fn count_cas(&mut self, verb: StoreVerb, old: Option<usize>, end: StoreOutcome) {
        let (StoreVerb::Cas(_), Some(class)) = (verb, old) else { return };
        let counters = &mut self.slabs.classes[class].counters;
        match end {
            StoreOutcome::Stored => counters.cas_hits += 1,
            StoreOutcome::Exists => counters.cas_badval += 1,
            _ => {}
        }
    }
}
