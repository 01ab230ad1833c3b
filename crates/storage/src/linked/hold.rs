//! Holds: items whose memory stays while their value is being sent.
//!
//! A held item may be replaced, deleted or expire. It then leaves the hash table, and its chunks
//! are freed when the last hold ends. Until then they are neither evicted nor moved, and the value
//! is not changed in place. So a [`Hold`] can be read on any thread without the store.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use core::cell::Cell;
use core::ops::Range;
use core::{fmt, iter};

use crate::item::body::ValueSpan;
use crate::item::chunk::{self, ChunkUse};
use crate::item::item_ref::ItemRef;
use crate::memory::region::{Location, PinnedChunks};
use crate::slabs::slab_allocator::SlabAllocator;

/// Keeps an item's memory, and reads its value. Must be given to [`Store::release`]; if it is
/// dropped instead, the memory stays held.
///
/// [`Store::release`]: crate::Store::release
#[must_use = "a hold is released"]
pub struct Hold {
    item: Location,
    /// Where the bytes that are read begin in the value, and how many they are.
    begin: usize,
    value_bytes: usize,
    chunks: PinnedChunks,
    /// The part of the value in the head chunk. Only the store reads the head itself, because its
    /// header changes while it is held.
    first: ValueSpan,
    /// The part that was read last. Readers go forward, so the next read is near.
    last: Cell<ValueSpan>,
}

impl Hold {
    /// Bytes of the value, or of the part that is read.
    pub fn value_bytes(&self) -> usize {
        self.value_bytes
    }

    /// The same hold, of a part of the value only.
    ///
    /// # Panics
    ///
    /// If the value has no such part.
    pub fn of_part(self, part: Range<usize>) -> Hold {
        assert!(part.start <= part.end && part.end <= self.value_bytes, "a part of the value");
        Hold { begin: self.begin + part.start, value_bytes: part.len(), ..self }
    }

    /// The value's bytes from `offset` on, as contiguous parts in order. None is empty.
    pub fn parts(&self, offset: usize) -> impl Iterator<Item = &[u8]> {
        let pages = self.chunks.pages();
        let mut left = self.value_bytes.saturating_sub(offset);
        let offset = self.begin + offset;
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
        let parts = spans.map_while(move |span| {
            let skipped = core::mem::take(&mut skipped).min(span.len);
            let bytes = (span.len - skipped).min(left);
            let is_end = left == 0;
            left -= bytes;
            (!is_end).then(|| pages.bytes(span.at + skipped, bytes))
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

/// The held items, and the number of holds of each. The callers bound it: the server lets a
/// connection hold a limited number.
#[derive(Default)]
pub(crate) struct HoldTable {
    counts: BTreeMap<Location, u32>,
    holds: usize,
}

impl HoldTable {
    /// Holds alive.
    pub(crate) fn holds(&self) -> usize {
        self.holds
    }

    /// The held items, for the recount.
    pub(crate) fn items(&self) -> impl Iterator<Item = Location> {
        self.counts.keys().copied()
    }

    /// Holds a linked item.
    pub(crate) fn hold(&mut self, slabs: &mut SlabAllocator, item: Location) -> Hold {
        if !chunk::is_held(slabs.pages(), item) {
            chunk::set_held(slabs.pages_mut(), item, true);
            slabs.pin_item(item);
        }
        self.holds += 1;
        *self.counts.entry(item).or_insert(0) += 1;
        let view = ItemRef::new(slabs.pages(), item);
        let (first, value_bytes) = (view.first_span(), view.value_len());
        let chunks = slabs.pages().pinned_chunks();
        Hold { item, begin: 0, value_bytes, chunks, first, last: Cell::new(first) }
    }

    /// Ends a hold. Frees the item if this was its last hold and it is no longer linked.
    #[expect(clippy::needless_pass_by_value, reason = "the token ends here")]
    pub(crate) fn release(&mut self, slabs: &mut SlabAllocator, hold: Hold) {
        let item = hold.item;
        if self.remove(item) {
            end_hold(slabs, item);
        }
    }

    /// Ends all holds: those who read by them have ended.
    pub(crate) fn release_all(&mut self, slabs: &mut SlabAllocator) {
        self.holds = 0;
        for item in core::mem::take(&mut self.counts).into_keys() {
            end_hold(slabs, item);
        }
    }

    /// True if this was the item's last hold.
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

/// Notes that nobody holds an item any more.
fn end_hold(slabs: &mut SlabAllocator, item: Location) {
    chunk::set_held(slabs.pages_mut(), item, false);
    slabs.unpin_item(item);
    if chunk::chunk_use(slabs.pages(), item) == ChunkUse::Unlinked {
        slabs.free_item(item);
    }
}
