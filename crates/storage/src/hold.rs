//! Holds: items whose memory stays while their value is being sent.
//!
//! A held item may be replaced, deleted or expire; it then leaves the table, and its
//! chunks are freed at the last release. Until then they are neither evicted nor moved, and the
//! value is not changed in place.

use alloc::vec::Vec;
use core::cell::Cell;

use crate::chain::ValueSpan;
use crate::item::{self, ChunkUse};
use crate::item_ref::ItemRef;
use crate::limits::HOLDS_MAX;
use crate::region::Location;
use crate::slab_allocator::NONE;
use crate::store::Store;

/// Keeps an item's memory. Given to [`Store::release`] in the end; dropped otherwise, the memory
/// stays held.
#[must_use = "a hold is released"]
#[derive(Debug)]
pub struct Hold {
    slot: u32,
    pub(crate) item: Location,
    /// The part of the value read last. Readers go forward, so the next part is one step away.
    part: Cell<ValueSpan>,
}

#[derive(Clone, Copy)]
struct HoldSlot {
    /// NONE: vacant, and `count` is the next vacant slot.
    item: Location,
    count: u32,
}

/// The held items, with a count each.
pub(crate) struct HoldTable {
    slots: Vec<HoldSlot>,
    vacant: u32,
    holds: usize,
}

impl HoldTable {
    pub(crate) fn new() -> HoldTable {
        HoldTable { slots: Vec::with_capacity(HOLDS_MAX), vacant: NONE, holds: 0 }
    }

    /// Holds alive.
    pub(crate) fn len(&self) -> usize {
        self.holds
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = Location> {
        self.slots.iter().filter_map(|slot| slot.item.some())
    }

    fn add(&mut self, item: Location, held_before: bool) -> u32 {
        self.holds += 1;
        if held_before {
            let slot = self.slots.iter().position(|slot| slot.item == item);
            let slot = slot.expect("a held item has a slot");
            self.slots[slot].count += 1;
            return slot as u32;
        }
        let new = HoldSlot { item, count: 1 };
        if self.vacant == NONE {
            self.slots.push(new);
            return self.slots.len() as u32 - 1;
        }
        let slot = self.vacant;
        self.vacant = self.slots[slot as usize].count;
        self.slots[slot as usize] = new;
        slot
    }

    /// True when this was the item's last hold.
    fn remove(&mut self, number: u32) -> bool {
        self.holds -= 1;
        let slot = &mut self.slots[number as usize];
        slot.count -= 1;
        let last = slot.count == 0;
        if last {
            *slot = HoldSlot { item: Location::NONE, count: self.vacant };
            self.vacant = number;
        }
        last
    }
}

impl Store {
    /// Holds the live item of a key. `None`: a miss, or [`HOLDS_MAX`](crate::HOLDS_MAX) holds are
    /// alive. Does not count as read.
    pub fn hold(&mut self, now: u32, hash: u64, key: &[u8]) -> Option<Hold> {
        self.find_live(now, hash, key).ok()?;
        self.hold_hit(hash, key)
    }

    /// Holds the item that the last get of this key found, with nothing else done since. The
    /// get may have given it an exptime that has passed: it is a hit all the same.
    pub fn hold_hit(&mut self, hash: u64, key: &[u8]) -> Option<Hold> {
        if self.holds.len() == HOLDS_MAX {
            return None;
        }
        let item = self.find_linked(hash, key)?;
        let held_before = item::is_held(&self.slabs.pages, item);
        if !held_before {
            item::set_held(&mut self.slabs.pages, item, true);
            self.slabs.set_item_pinned(item, true);
        }
        let slot = self.holds.add(item, held_before);
        let part = ItemRef::new(&self.slabs.pages, item).first_span();
        Some(Hold { slot, item, part: Cell::new(part) })
    }

    /// Ends a hold; frees the item if it is linked no more and this was the last.
    #[expect(clippy::needless_pass_by_value, reason = "the token ends here")]
    pub fn release(&mut self, hold: Hold) {
        let Hold { slot, item, .. } = hold;
        if !self.holds.remove(slot) {
            return;
        }
        item::set_held(&mut self.slabs.pages, item, false);
        self.slabs.set_item_pinned(item, false);
        if item::chunk_use(&self.slabs.pages, item) == ChunkUse::Unlinked {
            self.slabs.free_item(item);
        }
    }

    /// The held item.
    pub fn held_item(&self, hold: &Hold) -> ItemRef<'_> {
        ItemRef::new(&self.slabs.pages, hold.item)
    }

    /// The value's bytes from `offset` on that lie together; empty at the value's end.
    pub fn held_value_part(&self, hold: &Hold, offset: usize) -> &[u8] {
        let mut part = hold.part.get();
        if offset < part.offset {
            part = self.held_item(hold).first_span();
        }
        while offset >= part.offset + part.len {
            let Some(next) = part.following(&self.slabs.pages) else { return &[] };
            part = next;
        }
        hold.part.set(part);
        let skipped = offset - part.offset;
        self.slabs.pages.bytes(part.at + skipped, part.len - skipped)
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
