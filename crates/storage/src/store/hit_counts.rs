//! Hits and storage commands that the caller counts. They are counted by slab class only, so the
//! counts of the classes and of the store agree.

use crate::item::expiry::Expiry;
use crate::item::hashed_key::HashedKey;
use crate::item::item_shape::{CasField, ItemShape};
use crate::item::segment::Segment;
use crate::memory::region::Location;
use crate::store::store::Store;

/// A hit that the store does not count by itself, because the caller looked the item up for another
/// purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// A get found the item.
    Get,
    /// A get or touch found the item and set its exptime.
    Touch,
    /// A delete found the item.
    Delete,
    /// A cas that came too late was accepted, and the item is stale.
    Cas,
    /// A request has added to the number in the item.
    Incr,
    /// A request has subtracted from the number in the item.
    Decr,
}

impl Store {
    /// Counts a hit on the item of a key, dead or alive.
    pub fn count_hit(&mut self, key: HashedKey<'_>, hit: Hit) {
        let Some(item) = self.items().find_linked(key) else { return };
        if hit == Hit::Get {
            let segment = self.items().head(item).access().segment();
            return self.count_get(item, segment);
        }
        let counters = self.items_mut().slabs_mut().counters_of(item);
        match hit {
            Hit::Get => {}
            Hit::Touch => counters.touch_hits += 1,
            Hit::Delete => counters.delete_hits += 1,
            Hit::Cas => counters.cas_hits += 1,
            Hit::Incr => counters.incr_hits += 1,
            Hit::Decr => counters.decr_hits += 1,
        }
    }

    /// Counts a get of an item that was in this segment.
    #[inline]
    pub(super) fn count_get(&mut self, item: Location, segment: Segment) {
        let at = self.pages().at(item);
        self.items_mut().slabs_mut().count_hit(at, segment);
    }

    /// Counts a storage command, for the item that was stored last.
    #[inline]
    pub fn count_set(&mut self) {
        let class = self.last_stored;
        self.items_mut().slabs_mut().count_set(class);
    }

    /// Counts a storage command that had memory for an item of this key, value length, flags
    /// and expiry, and did not store it.
    #[inline(never)]
    pub fn count_set_in_vain(
        &mut self,
        key: HashedKey<'_>,
        value_len: usize,
        flags: u32,
        expiry: Expiry,
    ) {
        let slabs = self.items_mut().slabs_mut();
        let shape = ItemShape::new(slabs.sizes(), key, value_len, flags, expiry, CasField::Absent);
        let class = slabs.sizes().class_for(shape.head_bytes);
        slabs.count_set(class);
    }
}
