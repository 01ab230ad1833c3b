//! Holds: items whose memory stays while their value is being sent.
//!
//! A held item may be replaced, deleted or expire; it then leaves the table, and its
//! chunks are freed at the last release. Until then they are neither evicted nor moved, and the
//! value is not changed in place. So whoever has a [`Hold`] may read the value, on any thread and
//! without the store.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use core::cell::Cell;
use core::{fmt, iter};

use crate::index::key_hasher::HashedKey;
use crate::item::chain::ValueSpan;
use crate::item::item::{self, ChunkUse};
use crate::item::item_ref::ItemRef;
use crate::memory::region::{Location, PinnedChunks};
use crate::store::store::Store;

/// Keeps an item's memory, and reads its value. Given to [`Store::release`] in the end; dropped
/// otherwise, the memory stays held.
#[must_use = "a hold is released"]
pub struct Hold {
    item: Location,
    value_bytes: usize,
    chunks: PinnedChunks,
    /// The part of the value in the head chunk. The head itself is its store's to read: what is in
    /// its header changes while it is held.
    first: ValueSpan,
    /// The part that was read from last. Readers go forward, so the next is near.
    last: Cell<ValueSpan>,
}

impl Hold {
    /// Bytes of the value.
    pub fn value_bytes(&self) -> usize {
        self.value_bytes
    }

    /// The value's bytes from `offset` on, in order, in runs that lie together, none of them empty.
    pub fn parts(&self, offset: usize) -> impl Iterator<Item = &[u8]> {
        let pages = self.chunks.pages();
        let mut span = self.last.get();
        if offset < span.offset {
            span = self.first;
        }
        while offset >= span.offset + span.len
            && let Some(next) = span.following(pages)
        {
            span = next;
        }
        self.last.set(span);
        let mut skipped = offset - span.offset;
        let spans = iter::successors(Some(span), move |span| span.following(pages));
        let parts = spans.map(move |span| {
            let skipped = core::mem::take(&mut skipped).min(span.len);
            pages.bytes(span.at + skipped, span.len - skipped)
        });
        parts.filter(|part| !part.is_empty())
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Hold");
        text.field("item", &self.item).field("value_bytes", &self.value_bytes);
        text.finish_non_exhaustive()
    }
}

/// The held items, with a count each. Their number is bounded by those who hold: the server lets a
/// connection hold so much and no more.
pub(crate) struct HoldTable {
    counts: BTreeMap<Location, u32>,
    holds: usize,
}

impl HoldTable {
    pub(crate) fn new() -> HoldTable {
        HoldTable { counts: BTreeMap::new(), holds: 0 }
    }

    /// Holds alive.
    pub(crate) fn len(&self) -> usize {
        self.holds
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = Location> {
        self.counts.keys().copied()
    }

    fn add(&mut self, item: Location) {
        self.holds += 1;
        *self.counts.entry(item).or_insert(0) += 1;
    }

    /// True when this was the item's last hold.
    fn remove(&mut self, item: Location) -> bool {
        let Entry::Occupied(mut count) = self.counts.entry(item) else {
            unreachable!("a hold of this store")
        };
        self.holds -= 1;
        *count.get_mut() -= 1;
        let last = *count.get() == 0;
        if last {
            count.remove();
        }
        last
    }
}

impl Store {
    /// Holds the live item of a key. `None`: a miss. Does not count as read.
    pub fn hold(&mut self, now: u32, key: HashedKey<'_>) -> Option<Hold> {
        self.find_live(now, key).ok()?;
        self.hold_hit(key)
    }

    /// Holds the item that the last get of this key found, with nothing else done since. The
    /// get may have given it an exptime that has passed: it is a hit all the same.
    pub fn hold_hit(&mut self, key: HashedKey<'_>) -> Option<Hold> {
        let item = self.find_linked(key)?;
        if !item::is_held(&self.slabs.pages, item) {
            item::set_held(&mut self.slabs.pages, item, true);
            self.slabs.set_item_pinned(item, true);
        }
        self.holds.add(item);
        let view = ItemRef::new(&self.slabs.pages, item);
        let (first, value_bytes) = (view.first_span(), view.value_len());
        let chunks = self.slabs.pages.pinned_chunks();
        Some(Hold { item, value_bytes, chunks, first, last: Cell::new(first) })
    }

    /// Ends a hold of this store; frees the item if it is linked no more and this was the last.
    #[expect(clippy::needless_pass_by_value, reason = "the token ends here")]
    pub fn release(&mut self, hold: Hold) {
        let item = hold.item;
        if !self.holds.remove(item) {
            return;
        }
        item::set_held(&mut self.slabs.pages, item, false);
        self.slabs.set_item_pinned(item, false);
        if item::chunk_use(&self.slabs.pages, item) == ChunkUse::Unlinked {
            self.slabs.free_item(item);
        }
    }

    /// Keeps a linked item in its place, and linked, during an allocation. The result goes to
    /// [`Self::unguard`].
    pub(crate) fn guard(&mut self, item: Location) -> bool {
        assert!(self.guarded.is_none(), "one item is guarded at a time");
        self.guarded = Some(item);
        let held_before = item::is_held(&self.slabs.pages, item);
        if !held_before {
            item::set_held(&mut self.slabs.pages, item, true);
            self.slabs.set_item_pinned(item, true);
        }
        !held_before
    }

    pub(crate) fn unguard(&mut self, item: Location, guarded: bool) {
        self.guarded = None;
        if guarded {
            item::set_held(&mut self.slabs.pages, item, false);
            self.slabs.set_item_pinned(item, false);
        }
    }
}
