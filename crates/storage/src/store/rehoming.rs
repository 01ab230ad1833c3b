//! Rehoming: the items of a server with another number of shards, other slab classes or more memory
//! move to the shards of this one. Nobody is served meanwhile.
//!
//! The page directory has the pages of both, of two generations (`memory/page_directory.rs`). Each
//! item is copied, with all that belongs to it, and then taken away from where it was:
//!
//! ```text
//! copy, not linked | copy: LINKED | old item: not LINKED | its chunks: free | its page: free
//! ```
//!
//! A process that ends anywhere leaves each item once or twice. Twice it is the same, because no
//! request changes it meanwhile. The next rehoming first finds the items that have arrived, as any
//! start does, then goes on with those that have not. An item whose key is there is dropped.
//!
//! An item keeps its age in ticks, its reads and its segment, so that the new shard evicts it when
//! the old one would have. If there is no room for all, the new shards evict as they always do.

use crate::item::chunk;
use crate::item::expiry::Moment;
use crate::item::hashed_key::HashedKey;
use crate::item::item_fields;
use crate::item::item_ref::ItemRef;
use crate::item::item_shape::CasField;
use crate::limits::{LEAVING_PAGES_GIVEN_UP, LONG_VALUE_BYTES, RECOVERY_GROUP};
use crate::memory::region::Location;
use crate::store::allocation::NoMemory;
use crate::store::leaving_items::{LeavingGroup, LeavingItems};
use crate::store::reservation::ItemFields;
use crate::store::store::Store;

impl Store {
    /// Grows the hash table for so many items that are to come, if the pool then has `pages_left`
    /// free pages.
    pub fn expect_items(&mut self, items: usize, pages_left: usize) {
        self.items_mut().split_ahead(items, pages_left);
    }

    /// Takes over the items of a group. Returns how many of them it had already.
    pub fn take_over(
        &mut self,
        now: Moment,
        leaving: &mut LeavingItems,
        group: &mut LeavingGroup,
    ) -> u64 {
        let mut twice = 0;
        for items in group.items.chunks(RECOVERY_GROUP) {
            for (hash, _) in items {
                self.items().prefetch_bucket(*hash);
            }
            for (hash, item) in items {
                twice += u64::from(self.take_over_item(now, leaving, *hash, *item));
            }
        }
        group.items.clear();
        twice
    }

    /// Takes over an item, unless it finds no memory. Returns whether it was there already.
    fn take_over_item(
        &mut self,
        now: Moment,
        leaving: &mut LeavingItems,
        hash: u64,
        item: Location,
    ) -> bool {
        for _ in 0..=LEAVING_PAGES_GIVEN_UP {
            let Some(source) = leaving.item(item) else { return false };
            let key = source.hashed_key(hash);
            if self.items().find_linked(key).is_some() {
                leaving.release(item);
                return true;
            }
            let age = leaving.age(source.access());
            if self.copy_in(now, key, source, age).is_ok() {
                leaving.release(item);
                return false;
            }
            if !leaving.give_up_page() {
                break;
            }
        }
        if leaving.item(item).is_some() {
            leaving.give_up(item);
        }
        false
    }

    /// Links a copy of an item of another store. `age`: ticks since it was accessed.
    fn copy_in(
        &mut self,
        now: Moment,
        key: HashedKey<'_>,
        source: ItemRef<'_>,
        age: u32,
    ) -> Result<(), NoMemory> {
        if !self.allocation.prepare_insert(now) {
            return Err(NoMemory);
        }
        self.has_long_values |= source.value_len() > LONG_VALUE_BYTES;
        let unique = source.cas();
        let cas = if unique == 0 { CasField::Absent } else { CasField::Present };
        let fields = ItemFields { key, flags: source.flags(), expiry: source.expiry(), cas };
        let copy = match source.value() {
            Some(value) => self.new_item(now, fields, value),
            None => self.build_from_parts(now, fields, source.value_len(), source.value_parts()),
        };
        let copy = copy.ok_or(NoMemory)?;
        let access = source.access().dated(self.eviction().tick().earlier(age));
        self.items_mut().mark_new(copy);
        chunk::set_access(self.pages_mut(), copy, access);
        if unique != 0 {
            item_fields::set_cas(self.pages_mut(), copy, unique);
        }
        self.items_mut().link(key.hash(), copy, None);
        Ok(())
    }
}
