//! Questions about a key's item that change nothing.

use crate::index::key_hasher::HashedKey;
use crate::item::chunk_sizes::SlabClassId;
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
    /// Second at which the item expires. 0: never.
    pub exptime: u32,
    /// Cas unique. 0: it has none.
    pub cas: u64,
}

impl Store {
    /// Looks at a key's item. It does not count as read, and a dead one is not taken back.
    pub fn glance(&self, now: u32, key: HashedKey<'_>) -> Result<Glance, Miss> {
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

    /// The slab class that an item of these lengths would be stored in.
    pub fn class_of_new(
        &self,
        key_bytes: usize,
        value_bytes: usize,
        flags: u32,
        exptime: u32,
    ) -> SlabClassId {
        let sizes = self.items().slabs().sizes();
        let shape = ItemShape::new(sizes, key_bytes, value_bytes, flags, exptime, CasField::Absent);
        sizes.class_for(shape.head_bytes)
    }
}
