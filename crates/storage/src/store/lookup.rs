//! Finding a key's item, and reading it.

use crate::index::hints::Hinted;
use crate::index::key_hasher::HashedKey;
use crate::item::access::AccessWord;
use crate::item::item_head::ItemHead;
use crate::item::item_ref::ItemRef;
use crate::limits::CACHE_LINE_BYTES;
use crate::memory::region::Location;
use crate::store::store::{Miss, Store};

impl Store {
    /// The live item of a key, which counts as read.
    #[expect(clippy::inline_always, reason = "most requests are this one")]
    #[inline(always)]
    pub fn get(&mut self, now: u32, key: HashedKey<'_>) -> Result<ItemRef<'_>, Miss> {
        let head = self.read_head(now, key)?;
        Ok(ItemRef::with_head(&self.slabs.pages, head))
    }

    /// As [`Self::get`], and gives the item a cas unique if it has none. The unique is 0 with
    /// cas off, and when no memory could be had for it.
    pub fn get_with_cas(&mut self, now: u32, key: HashedKey<'_>) -> Result<ItemRef<'_>, Miss> {
        let head = self.read_head(now, key)?;
        if ItemRef::with_head(&self.slabs.pages, head).cas() != 0 {
            return Ok(ItemRef::with_head(&self.slabs.pages, head));
        }
        let item = self.ensure_unique(now, key.hash(), head.location(&self.slabs.pages));
        Ok(ItemRef::new(&self.slabs.pages, item))
    }

    /// The head of the live item of a key, which counts as read.
    #[expect(clippy::inline_always, reason = "most requests do this")]
    #[inline(always)]
    fn read_head(&mut self, now: u32, key: HashedKey<'_>) -> Result<ItemHead, Miss> {
        let head = match self.hints.get(key.hash(), &self.index) {
            Hinted::Nothing => return Err(Miss::NotFound),
            Hinted::Item(item) if self.is_hit(now, self.head(item), key.key()) => self.head(item),
            _ => self.find_live(now, key).map(|item| self.head(item))?,
        };
        let access = self.note_read(now, head);
        self.slabs.count_hit(head.at);
        Ok(head.accessed(access))
    }

    /// As [`Self::get`] or [`Self::get_with_cas`], with a new exptime (absolute second; 0: never).
    /// An item that cannot be extended for want of memory is dropped: `NotFound`.
    pub fn get_and_touch(
        &mut self,
        now: u32,
        key: HashedKey<'_>,
        exptime: u32,
        with_cas: bool,
    ) -> Result<ItemRef<'_>, Miss> {
        let mut item = self.find_live(now, key)?;
        self.note_read(now, self.head(item));
        item = self.change_exptime(now, key.hash(), item, exptime)?;
        self.counters_of(item).touch_hits += 1;
        if with_cas {
            item = self.ensure_unique(now, key.hash(), item);
        }
        Ok(ItemRef::new(&self.slabs.pages, item))
    }

    /// The live item of a key; does not count as read.
    pub fn peek(&mut self, now: u32, key: HashedKey<'_>) -> Result<ItemRef<'_>, Miss> {
        let item = self.find_live(now, key)?;
        Ok(ItemRef::new(&self.slabs.pages, item))
    }

    /// As [`Self::peek`], and gives the item a cas unique if it has none: for replies that name
    /// the unique of what was just stored.
    pub fn peek_with_cas(&mut self, now: u32, key: HashedKey<'_>) -> Result<ItemRef<'_>, Miss> {
        let item = self.find_live(now, key)?;
        let item = self.ensure_unique(now, key.hash(), item);
        Ok(ItemRef::new(&self.slabs.pages, item))
    }

    /// Sets the exptime (absolute second; 0: never). An item that cannot be extended for want of
    /// memory is dropped: `NotFound`.
    pub fn touch(&mut self, now: u32, key: HashedKey<'_>, exptime: u32) -> Result<(), Miss> {
        let item = self.find_live(now, key)?;
        self.note_read(now, self.head(item));
        let item = self.change_exptime(now, key.hash(), item, exptime)?;
        self.counters_of(item).touch_hits += 1;
        Ok(())
    }

    /// Asks the processor for the key's bucket.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.index.prefetch(&self.slabs.pages, hash);
    }

    /// Begins a group of prefetched items; what the last one has found is forgotten.
    #[inline]
    pub fn begin_group(&self) {
        self.hints.begin();
    }

    /// Asks the processor for the first item under this hash; the bucket was prefetched before. The
    /// lookups of a group should follow in the order of their prefetches.
    #[inline]
    pub fn prefetch_item(&self, hash: u64) {
        let pages = &self.slabs.pages;
        let item = self.index.find(pages, hash, |_| true);
        if let Some(item) = item {
            // Header and key; the value's start.
            pages.prefetch(pages.at(item));
            pages.prefetch(pages.at(item) + CACHE_LINE_BYTES);
        }
        self.hints.put(hash, item, &self.index);
    }

    #[inline]
    pub(crate) fn head(&self, item: Location) -> ItemHead {
        ItemHead::read(&self.slabs.pages, item)
    }

    /// Notes that an item is read; returns its new access word. Writes only when something changes,
    /// so that a busy item's line stays clean.
    #[inline]
    pub(crate) fn note_read(&mut self, now: u32, head: ItemHead) -> AccessWord {
        let step = self.clock.advance(now, self.index.items);
        let old = head.access();
        let new = old.after_read(step);
        if new != old {
            head.set_access(&mut self.slabs.pages, new);
        }
        if self.liveliness.is_sampled() {
            self.note_tail_hit(now, head.location(&self.slabs.pages), old);
        }
        new
    }

    /// Whether a key has a live item; neither is touched.
    pub fn is_live(&self, now: u32, key: HashedKey<'_>) -> bool {
        self.find_linked(key).is_some_and(|item| self.death_of(now, item).is_none())
    }

    /// The live item of a key. A dead one is unlinked on the way.
    #[inline]
    pub(crate) fn find_live(&mut self, now: u32, key: HashedKey<'_>) -> Result<Location, Miss> {
        debug_assert_eq!(key, self.hasher.hash(key.key()), "the hash is another key's");
        let item = self.find_linked(key).ok_or(Miss::NotFound)?;
        match self.death_of(now, item) {
            None => Ok(item),
            Some(miss) => Err(self.meet_dead(item, miss)),
        }
    }

    /// Takes back a dead item that a request has met, and counts it: whatever it was asked for, as
    /// in memcached.
    #[cold]
    fn meet_dead(&mut self, item: Location, miss: Miss) -> Miss {
        match miss {
            Miss::Expired => self.expired_met += 1,
            Miss::Flushed => self.flushed_met += 1,
            Miss::NotFound => {}
        }
        self.unlink(item);
        miss
    }

    /// The item of a key, dead or alive.
    #[inline]
    pub(crate) fn find_linked(&self, key: HashedKey<'_>) -> Option<Location> {
        let pages = &self.slabs.pages;
        match self.hints.get(key.hash(), &self.index) {
            Hinted::Nothing => return None,
            Hinted::Item(item) if self.head(item).has_key(pages, key.key()) => return Some(item),
            _ => {}
        }
        self.index.find(pages, key.hash(), |item| self.head(item).has_key(pages, key.key()))
    }

    #[inline]
    fn is_hit(&self, now: u32, head: ItemHead, key: &[u8]) -> bool {
        head.has_key(&self.slabs.pages, key) && self.judge(now, head).is_none()
    }

    /// Why a linked item is no hit any more, if so.
    #[inline]
    pub(crate) fn death_of(&self, now: u32, item: Location) -> Option<Miss> {
        self.judge(now, self.head(item))
    }

    #[inline]
    fn judge(&self, now: u32, head: ItemHead) -> Option<Miss> {
        let exptime = head.exptime(&self.slabs.pages);
        if !self.epochs.is_live(head.epoch()) && self.is_flushed(head.at) {
            Some(Miss::Flushed)
        } else if exptime != 0 && exptime <= now {
            Some(Miss::Expired)
        } else {
            None
        }
    }
}
