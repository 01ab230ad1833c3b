//! Reads on terms: what a read changes of an item, and what it returns of the item's state before.

use crate::item::access::Marks;
use crate::item::chunk;
use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::{Expiry, Moment};
use crate::item::hashed_key::HashedKey;
use crate::item::item_ref::ItemRef;
use crate::linked::linked_items::Miss;
use crate::memory::region::Location;
use crate::store::store::Store;

/// How an item is read.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the request")]
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadTerms {
    /// The item does not count as read.
    pub unseen: bool,
    /// New expiry.
    pub expiry: Option<Expiry>,
    /// The item gets a cas unique if it has none.
    pub with_cas: bool,
    /// If the item expires before this second, one reader is asked to fetch the value again. 0: no.
    pub recache: u32,
    /// `recache` is compared with the new expiry.
    pub recache_after_touch: bool,
    /// [`ReadHit::idle`] is needed.
    pub with_idle: bool,
    /// The request has read the item before, so no hit is counted.
    pub again: bool,
}

/// An item, and its state before it was read.
pub struct ReadHit<'a> {
    /// The item as it is now.
    pub item: ItemRef<'a>,
    /// Second at whose begin it would have expired. 0: never.
    pub exptime: u32,
    /// Cas unique. 0: it had none.
    pub cas: u64,
    /// Whether it had been read since it was stored.
    pub fetched: bool,
    /// Seconds since it was accessed. 0 unless [`ReadTerms::with_idle`].
    pub idle: u32,
    /// Marks.
    pub marks: Marks,
    /// Whether this reader is asked to fetch the value again. The item is then marked as claimed.
    pub won: bool,
}

impl Store {
    /// The live item of a key, read on these terms. If there is no memory to give the item an
    /// expiry, it is dropped: `NotFound`.
    #[inline]
    pub fn read(
        &mut self,
        now: Moment,
        key: HashedKey<'_>,
        terms: &ReadTerms,
    ) -> Result<ReadHit<'_>, Miss> {
        let found = self.items_mut().find_live(now, key);
        if !terms.unseen && !terms.again {
            self.note_look(now, key.hash(), found.ok());
        } else if !terms.again && found.is_err() {
            self.eviction_mut().count_read_miss();
        }
        let mut item = found?;
        let head = self.items().head(item);
        let before = ItemRef::with_head(self.pages(), head);
        let (exptime, fetched, access) = (before.exptime(), before.is_fetched(), before.access());
        let cas = before.cas();
        let idle = if terms.with_idle { self.eviction().idle(now, access) } else { 0 };
        if !terms.unseen {
            self.eviction_mut().note_read(now, head);
        }
        let marks = access.marks();
        let compared =
            terms.expiry.filter(|_| terms.recache_after_touch).map_or(exptime, Expiry::whole_tick);
        let is_due = compared != 0 && compared < terms.recache;
        let won = !marks.claimed && (marks.stale || is_due);
        if won {
            self.set_marks(item, Marks { claimed: true, ..marks });
        }
        if let Some(expiry) = terms.expiry {
            item = self.change_expiry(now, key.hash(), item, expiry)?;
        }
        if !terms.again {
            if terms.expiry.is_some() {
                self.items_mut().slabs_mut().counters_of(item).touch_hits += 1;
            } else {
                self.count_get(item, access.segment());
            }
        }
        if terms.with_cas {
            item = self.ensure_unique(now, key.hash(), item);
        }
        let item = self.items().view(item);
        Ok(ReadHit { item, exptime, cas, fetched, idle, marks, won })
    }

    /// The slab class of a key's item, dead or alive, and the seconds since the item was accessed.
    pub fn class_and_idle(&self, now: Moment, key: HashedKey<'_>) -> Option<(SlabClassId, u32)> {
        let item = self.items().find_linked(key)?;
        let idle = self.eviction().idle(now, self.items().view(item).access());
        Some((self.items().slabs().class_of(item), idle))
    }

    pub(super) fn set_marks(&mut self, item: Location, marks: Marks) {
        let access = self.items().view(item).access().marked(marks);
        chunk::set_access(self.pages_mut(), item, access);
    }
}
