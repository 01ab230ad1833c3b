//! Lookups of a key's item, and reads of it.

use crate::item::expiry::{Expiry, Moment};
use crate::item::hashed_key::HashedKey;
use crate::item::item_head::ItemHead;
use crate::item::item_ref::ItemRef;
use crate::linked::linked_items::Miss;
use crate::memory::region::Location;
use crate::store::store::Store;

impl Store {
    /// The live item of a key. It counts as read.
    #[expect(clippy::inline_always, reason = "most requests are this one")]
    #[inline(always)]
    pub fn get(&mut self, now: Moment, key: HashedKey<'_>) -> Result<ItemRef<'_>, Miss> {
        let head = self.read_head(now, key)?;
        Ok(ItemRef::with_head(self.pages(), head))
    }

    /// As [`Self::get`], and gives the item a cas unique if it has none. The unique is 0 if cas is
    /// off or there is no memory for it.
    pub fn get_with_cas(&mut self, now: Moment, key: HashedKey<'_>) -> Result<ItemRef<'_>, Miss> {
        let head = self.read_head(now, key)?;
        if ItemRef::with_head(self.pages(), head).cas() != 0 {
            return Ok(ItemRef::with_head(self.pages(), head));
        }
        let item = self.ensure_unique(now, key.hash(), head.location(self.pages()));
        Ok(self.items().view(item))
    }

    /// The header of the live item of a key. It counts as read.
    #[expect(clippy::inline_always, reason = "most requests do this")]
    #[inline(always)]
    fn read_head(&mut self, now: Moment, key: HashedKey<'_>) -> Result<ItemHead, Miss> {
        if self.eviction().is_sampled(key.hash()) {
            return self.read_sampled_head(now, key);
        }
        match self.items_mut().find_live_head(now, key) {
            Ok(head) => Ok(self.note_get(now, head)),
            Err(miss) => {
                self.eviction_mut().count_read_miss();
                Err(miss)
            }
        }
    }

    /// As [`Self::read_head`], for a sampled key.
    #[cold]
    #[inline(never)]
    fn read_sampled_head(&mut self, now: Moment, key: HashedKey<'_>) -> Result<ItemHead, Miss> {
        let found = self.items_mut().find_live(now, key);
        self.note_look(now, key.hash(), found.ok());
        let head = self.items().head(found?);
        Ok(self.note_get(now, head))
    }

    /// Counts a read that found an item. Returns its header after that.
    #[expect(clippy::inline_always, reason = "most requests do this")]
    #[inline(always)]
    fn note_get(&mut self, now: Moment, head: ItemHead) -> ItemHead {
        let access = self.eviction_mut().note_read(now, head);
        self.items_mut().slabs_mut().count_hit(head.at(), head.access().segment());
        head.accessed(access)
    }

    /// Notes a read of a key for the simulations, and counts a miss. `found`: its item, if it has
    /// one.
    pub(super) fn note_look(&mut self, now: Moment, hash: u64, found: Option<Location>) {
        if found.is_none() {
            self.eviction_mut().count_read_miss();
        }
        if self.eviction().is_sampled(hash) {
            self.eviction_mut().note_sampled_read(now, hash, found);
        }
    }

    /// As [`Self::get`] or [`Self::get_with_cas`], with a new expiry. If there is no memory to give
    /// the item one, it is dropped: `NotFound`.
    pub fn get_and_touch(
        &mut self,
        now: Moment,
        key: HashedKey<'_>,
        expiry: Expiry,
        with_cas: bool,
    ) -> Result<ItemRef<'_>, Miss> {
        let mut item = self.touch_item(now, key, expiry)?;
        if with_cas {
            item = self.ensure_unique(now, key.hash(), item);
        }
        Ok(self.items().view(item))
    }

    /// The live item of a key. It does not count as read.
    pub fn peek(&mut self, now: Moment, key: HashedKey<'_>) -> Result<ItemRef<'_>, Miss> {
        let item = self.items_mut().find_live(now, key)?;
        Ok(self.items().view(item))
    }

    /// As [`Self::peek`], and gives the item a cas unique if it has none: for replies with the
    /// unique of the item that was just stored.
    pub fn peek_with_cas(&mut self, now: Moment, key: HashedKey<'_>) -> Result<ItemRef<'_>, Miss> {
        let item = self.items_mut().find_live(now, key)?;
        let item = self.ensure_unique(now, key.hash(), item);
        Ok(self.items().view(item))
    }

    /// Sets the expiry. If there is no memory to give the item one, it is dropped: `NotFound`.
    pub fn touch(&mut self, now: Moment, key: HashedKey<'_>, expiry: Expiry) -> Result<(), Miss> {
        self.touch_item(now, key, expiry).map(drop)
    }

    /// Sets the expiry for the Redis dialect: as [`Self::touch`], but it is no touch in the counts,
    /// and the cas unique is renewed if the item has one. The item counts as read.
    pub fn set_expiry(
        &mut self,
        now: Moment,
        key: HashedKey<'_>,
        expiry: Expiry,
    ) -> Result<(), Miss> {
        let found = self.items_mut().find_live(now, key);
        self.note_look(now, key.hash(), found.ok());
        let item = found?;
        let head = self.items().head(item);
        self.eviction_mut().note_read(now, head);
        let item = self.change_expiry(now, key.hash(), item, expiry)?;
        self.renew_unique(item);
        Ok(())
    }

    /// As [`Self::touch`]. Returns where the item is now.
    fn touch_item(
        &mut self,
        now: Moment,
        key: HashedKey<'_>,
        expiry: Expiry,
    ) -> Result<Location, Miss> {
        let found = self.items_mut().find_live(now, key);
        self.note_look(now, key.hash(), found.ok());
        let item = found?;
        let head = self.items().head(item);
        self.eviction_mut().note_read(now, head);
        let item = self.change_expiry(now, key.hash(), item, expiry)?;
        self.items_mut().slabs_mut().counters_of(item).touch_hits += 1;
        Ok(item)
    }

    /// Asks the processor for the key's bucket.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.items().prefetch_bucket(hash);
    }

    /// Begins a group of prefetched items. What was found for the last group is forgotten.
    #[inline]
    pub fn begin_group(&self) {
        self.items().begin_group();
    }

    /// Asks the processor for the first item with this hash, whose bucket was prefetched before.
    /// The lookups of a group should come in the order of their prefetches.
    #[inline]
    pub fn prefetch_item(&self, hash: u64) {
        self.items().prefetch_item(hash);
    }

    /// Whether a key has a live item. Changes nothing.
    pub fn is_live(&self, now: Moment, key: HashedKey<'_>) -> bool {
        let item = self.items().find_linked(key);
        item.is_some_and(|item| self.items().death_of(now, item).is_none())
    }
}
