//! New items with their whole value: how they are written, dated and linked.

use crate::item::expiry::Moment;
use crate::item::hashed_key::HashedKey;
use crate::item::item_shape::ItemShape;
use crate::memory::region::Location;
use crate::store::reservation::{ItemFields, ValuePart};
use crate::store::store::Store;

impl Store {
    /// An item with a whole value, neither linked nor pinned.
    pub(super) fn new_item(
        &mut self,
        now: Moment,
        fields: ItemFields<'_>,
        value: &[u8],
    ) -> Option<Location> {
        let ItemFields { key, flags, expiry, cas } = fields;
        let sizes = self.items().slabs().sizes();
        let shape = ItemShape::new(sizes, key, value.len(), flags, expiry, cas);
        if shape.chained {
            return self.build(now, fields, value.len(), &[ValuePart::Bytes(value)]);
        }
        let item = self.allocation.allocate(now, shape.head_bytes)?;
        let pages = self.pages_mut();
        shape.write(pages, item, key, flags, expiry);
        let at = pages.at(item) + shape.value_at;
        pages.bytes_mut(at, value.len()).copy_from_slice(value);
        Some(item)
    }

    /// Links a new item in place of the key's present one. The item that the key had when the verb
    /// was checked may have been evicted for the new item's memory.
    pub(super) fn link_new(&mut self, now: Moment, key: HashedKey<'_>, new: Location) {
        let old = self.items_mut().find_live(now, key).ok();
        self.link_over(now, key, new, old);
    }

    /// Links a new item of a key that has none.
    pub(super) fn link_first(&mut self, now: Moment, key: HashedKey<'_>, new: Location) {
        self.link_over(now, key, new, None);
    }

    fn link_over(&mut self, now: Moment, key: HashedKey<'_>, new: Location, old: Option<Location>) {
        self.eviction_mut().date_new(now, new);
        self.items_mut().link(key.hash(), new, old);
        self.count_store(now, key.hash(), new);
    }

    /// Counts an item that was just stored.
    pub(super) fn count_store(&mut self, now: Moment, hash: u64, item: Location) {
        if self.eviction().is_sampled(hash) {
            self.eviction_mut().note_sampled_store(now, hash, item);
        }
        let class = self.items().slabs().class_of(item);
        self.eviction_mut().note_store(now, class);
        self.last_stored = class;
        self.total_items += 1;
    }
}
