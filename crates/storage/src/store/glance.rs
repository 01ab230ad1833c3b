//! Questions about a key's item that change nothing.

use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::{Expiry, Moment};
use crate::item::hashed_key::HashedKey;
use crate::item::item_shape::{CasField, ItemShape};
use crate::linked::linked_items::Miss;
use crate::store::store::Store;

/// What is known of a key's item.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    /// Slab class.
    pub class: SlabClassId,
    /// Bytes of the value.
    pub value_bytes: usize,
    /// Second at whose begin the item has expired. 0: never.
    pub exptime: u32,
    /// Cas unique. 0: it has none.
    pub cas: u64,
}

impl Store {
    /// Looks at a key's item. It does not count as read, and a dead one is not taken back.
    pub fn glance(&self, now: Moment, key: HashedKey<'_>) -> Result<Glance, Miss> {
        let item = self.items().find_linked(key).ok_or(Miss::NotFound)?;
        if let Some(miss) = self.items().death_of(now, item) {
            return Err(miss);
        }
        let view = self.items().view(item);
        Ok(Glance {
            class: self.items().slabs().class_of(item),
            value_bytes: view.value_len(),
            exptime: view.exptime(),
            cas: view.cas(),
        })
    }

    /// The slab class that an item of this key, value length, flags and expiry would be stored in.
    pub fn class_of_new(
        &self,
        key: HashedKey<'_>,
        value_bytes: usize,
        flags: u32,
        expiry: Expiry,
    ) -> SlabClassId {
        let sizes = self.items().slabs().sizes();
        let shape = ItemShape::new(sizes, key, value_bytes, flags, expiry, CasField::Absent);
        sizes.class_for(shape.head_bytes)
    }
}
