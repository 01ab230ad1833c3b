//! What meta commands do to an item beside what the classic ones do: a read on terms, and later
//! changes of the exptime, the cas unique and the marks.

use crate::index::key_hasher::HashedKey;
use crate::item::access::Marks;
use crate::item::item;
use crate::item::item_ref::ItemRef;
use crate::memory::region::Location;
use crate::store::store::{Miss, Store};

/// How an item is read.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the request")]
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadTerms {
    /// It does not count as read.
    pub unseen: bool,
    /// New exptime: an absolute second; 0: never.
    pub exptime: Option<u32>,
    /// The item gets a cas unique if it has none.
    pub with_cas: bool,
    /// If the item dies before this second, one reader is asked to fetch the value anew; 0: no.
    pub recache: u32,
    /// It is the new exptime that `recache` is compared with.
    pub recache_after_touch: bool,
    /// [`ReadHit::idle`] is wanted.
    pub with_idle: bool,
    /// The request has read the item before: no hit is counted for it.
    pub again: bool,
}

/// An item, and what it was before it was read.
pub struct ReadHit<'a> {
    /// As it is now.
    pub item: ItemRef<'a>,
    /// Second at which it was to die; 0: never.
    pub exptime: u32,
    /// Cas unique; 0 if it had none.
    pub cas: u64,
    /// Whether it had been read since it was stored.
    pub fetched: bool,
    /// Seconds since it was accessed; 0 unless asked for.
    pub idle: u32,
    /// Its marks.
    pub marks: Marks,
    /// This reader is the one asked to fetch the value anew: the item is now marked as claimed.
    pub won: bool,
}

/// Which cas unique an item gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NewUnique {
    /// The one it has.
    #[default]
    Keep,
    /// Another than it has, if it has one.
    Renew,
    /// This one; not 0.
    Set(u64),
}

/// A change of all but the value and the client flags.
#[derive(Clone, Copy, Debug, Default)]
pub struct Amendment {
    /// New marks.
    pub marks: Option<Marks>,
    /// New exptime: an absolute second; 0: never.
    pub exptime: Option<u32>,
    /// New cas unique.
    pub unique: NewUnique,
    /// The item gets a cas unique if it has none after that.
    pub with_cas: bool,
    /// It counts as read.
    pub is_read: bool,
}

impl Store {
    /// The live item of a key, read on these terms. An item that cannot be extended for want of
    /// memory is dropped: `NotFound`.
    #[inline]
    pub fn read(
        &mut self,
        now: u32,
        key: HashedKey<'_>,
        terms: &ReadTerms,
    ) -> Result<ReadHit<'_>, Miss> {
        let mut item = self.find_live(now, key)?;
        let head = self.head(item);
        let before = ItemRef::with_head(&self.slabs.pages, head);
        let (exptime, fetched, access) = (before.exptime(), before.is_fetched(), before.access());
        let cas = before.cas();
        let idle = if terms.with_idle { self.clock.seconds_since(now, access.step()) } else { 0 };
        if !terms.unseen {
            self.note_read(now, head);
        }
        let marks = access.marks();
        let compared = terms.exptime.filter(|_| terms.recache_after_touch).unwrap_or(exptime);
        let is_due = compared != 0 && compared < terms.recache;
        let won = !marks.claimed && (marks.stale || is_due);
        if won {
            self.set_marks(item, Marks { claimed: true, ..marks });
        }
        if let Some(exptime) = terms.exptime {
            item = self.change_exptime(now, key.hash(), item, exptime)?;
        }
        if !terms.again {
            self.count_read(item, terms.exptime.is_some());
        }
        if terms.with_cas {
            item = self.ensure_unique(now, key.hash(), item);
        }
        let item = ItemRef::new(&self.slabs.pages, item);
        Ok(ReadHit { item, exptime, cas, fetched, idle, marks, won })
    }

    /// Amends the item of a key, dead or alive; what was just stored may have been dead at once.
    /// `None`: there is none, or there was no memory to extend it, and it is dropped.
    pub fn amend(
        &mut self,
        now: u32,
        key: HashedKey<'_>,
        amendment: &Amendment,
    ) -> Option<ItemRef<'_>> {
        let mut item = self.find_linked(key)?;
        if amendment.is_read {
            self.note_read(now, self.head(item));
        }
        if let Some(marks) = amendment.marks {
            self.set_marks(item, marks);
        }
        if let Some(exptime) = amendment.exptime {
            item = self.change_exptime(now, key.hash(), item, exptime).ok()?;
        }
        if self.config.cas {
            item = self.change_unique(now, key.hash(), item, amendment.unique);
        }
        if amendment.with_cas {
            item = self.ensure_unique(now, key.hash(), item);
        }
        Some(ItemRef::new(&self.slabs.pages, item))
    }

    /// Whether a cas unique is older than the item's. One that was not asked for its unique has the
    /// next that would be given out.
    pub fn is_older_unique(&self, unique: u64, item_unique: u64) -> bool {
        let newest = if item_unique == 0 { self.next_unique } else { item_unique };
        unique != 0 && unique < newest
    }

    /// Slab class of a key's item, dead or alive, numbered from 1, and seconds since the item was
    /// accessed.
    pub fn class_and_idle(&self, now: u32, key: HashedKey<'_>) -> Option<(usize, u32)> {
        let item = self.find_linked(key)?;
        let accessed = item::access(&self.slabs.pages, item).step();
        Some((self.slabs.class_of(item) + 1, self.clock.seconds_since(now, accessed)))
    }

    fn change_unique(
        &mut self,
        now: u32,
        hash: u64,
        item: Location,
        unique: NewUnique,
    ) -> Location {
        let view = ItemRef::new(&self.slabs.pages, item);
        let (exptime, has_unique) = (view.exptime(), view.cas() != 0);
        let unique = match unique {
            NewUnique::Renew if has_unique => self.new_unique(),
            NewUnique::Set(unique) => unique,
            NewUnique::Keep | NewUnique::Renew => return item,
        };
        // Without memory for the field the item has no unique, which matches no cas.
        let Some(item) = self.widen_item(now, hash, item, exptime, true) else { return item };
        item::set_cas(&mut self.slabs.pages, item, unique);
        item
    }

    fn set_marks(&mut self, item: Location, marks: Marks) {
        let access = item::access(&self.slabs.pages, item).marked(marks);
        item::set_access(&mut self.slabs.pages, item, access);
    }
}
