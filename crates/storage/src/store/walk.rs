//! A walk over all items of a store, a few at a time. The store may change during a walk.
//!
//! The walk goes through the hash values with their bits reversed, from 0 to 2^32. The hashes of a
//! bucket have the same low bits, so their reversed values are an interval. The buckets cover all
//! values without overlap, whatever the size of the table: a split halves an interval, a merge
//! joins two. So a position is all that a walk keeps. Items whose reversed hash is at or above it
//! were not seen yet, items below were, even if the table grew or shrank meanwhile. An item that is
//! in the store during the whole walk is seen exactly once, and no item is seen twice.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use crate::item::access::AccessHistory;
use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::Moment;
use crate::item::item_ref::ItemRef;
use crate::memory::region::Location;
use crate::store::store::Store;

/// The end of a walk, above all hashes.
const END: u64 = 1 << u32::BITS;

/// The position of a walk. A walk begins at 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalkPosition(u64);

impl WalkPosition {
    /// The position that [`Self::bits`] returned.
    pub const fn from_bits(bits: u64) -> WalkPosition {
        WalkPosition(bits)
    }

    /// The position as a number, for a message.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The position after the items at this one: for a walk that has taken the item with which it
    /// ended.
    #[must_use]
    pub const fn after(self) -> WalkPosition {
        WalkPosition(self.0.saturating_add(1))
    }

    /// Whether the walk has seen all items.
    pub const fn is_end(self) -> bool {
        self.0 >= END
    }
}

/// An item that a walk sees.
#[derive(Debug)]
pub struct Walked<'a> {
    /// The item.
    pub item: ItemRef<'a>,
    /// Its slab class.
    pub class: SlabClassId,
    /// Seconds since it was accessed.
    pub idle: u32,
    /// How it was accessed.
    pub history: AccessHistory,
}

impl Store {
    /// Shows live items of the slab classes in `classes` (bit n: class n) from `position` on, until
    /// about `looks` items and buckets were looked at. Returns the position to go on from. No item
    /// counts as read.
    pub fn walk(
        &self,
        now: Moment,
        position: WalkPosition,
        classes: u64,
        looks: usize,
        mut show: impl FnMut(&Walked<'_>),
    ) -> WalkPosition {
        if !self.has_items_of(classes) {
            return WalkPosition(END);
        }
        let slabs = self.items().slabs();
        let is_wanted = |item| is_in(classes, slabs.class_of(item));
        let show_item = |item| show(&self.walked(now, item));
        self.walk_items(now, position, looks, is_wanted, show_item)
    }

    /// Shows the live items that are wanted.
    fn walk_items(
        &self,
        now: Moment,
        position: WalkPosition,
        looks: usize,
        is_wanted: impl Fn(Location) -> bool,
        mut show: impl FnMut(Location),
    ) -> WalkPosition {
        let (mut at, mut left, items) = (position.0, looks, self.items());
        while at < END && left > 0 {
            let bucket = items.index().bucket_at_reversed(at as u32);
            // If buckets were merged since, some items of this one were seen.
            let is_partly_seen = at > bucket.start;
            let is_seen = |item| (items.hash_of(item) as u32).reverse_bits() < at as u32;
            let show_wanted = |item| {
                let is_live = items.death_of(now, item).is_none();
                if is_wanted(item) && is_live && !(is_partly_seen && is_seen(item)) {
                    show(item);
                }
            };
            let seen = items.index().for_each_in_bucket(self.pages(), bucket.number, show_wanted);
            at = bucket.end;
            left = left.saturating_sub(seen + 1);
        }
        WalkPosition(at)
    }

    /// Shows live items of one database, for a dialect whose clients keep the position as a number.
    /// `cursor`: 0 to begin, then what the last call returned, which is below 2^32; 0: all were
    /// seen. About `looks` items and buckets are looked at, of all databases. An item that is in
    /// the store from begin to end is shown exactly once.
    pub fn scan(
        &self,
        now: Moment,
        cursor: u64,
        database: u8,
        looks: usize,
        mut show: impl FnMut(ItemRef<'_>),
    ) -> u64 {
        let items = self.items();
        let is_wanted = |item| items.view(item).database() == database;
        let show_item = |item| show(items.view(item));
        let next = self.walk_items(now, WalkPosition(cursor), looks, is_wanted, show_item);
        if next.is_end() { 0 } else { next.0 }
    }

    /// As [`Self::walk`] over all classes, but in the order of the reversed hashes. It also ends at
    /// an item that `take` does not take; a walk from the returned position begins with that item.
    pub fn walk_while(
        &self,
        now: Moment,
        position: WalkPosition,
        looks: usize,
        mut take: impl FnMut(&Walked<'_>) -> ControlFlow<()>,
    ) -> WalkPosition {
        let (mut at, mut left, mut found) = (position.0, looks, Vec::new());
        while at < END && left > 0 {
            let items = self.items();
            let bucket = items.index().bucket_at_reversed(at as u32);
            let find = |item| {
                let reversed = u64::from((items.hash_of(item) as u32).reverse_bits());
                if reversed >= at && items.death_of(now, item).is_none() {
                    found.push((reversed, item));
                }
            };
            let seen = items.index().for_each_in_bucket(self.pages(), bucket.number, find);
            found.sort_unstable_by_key(|it| it.0);
            for (reversed, item) in found.drain(..) {
                if take(&self.walked(now, item)).is_break() {
                    return WalkPosition(reversed);
                }
            }
            at = bucket.end;
            left = left.saturating_sub(seen + 1);
        }
        WalkPosition(at)
    }

    fn walked(&self, now: Moment, location: Location) -> Walked<'_> {
        let (items, eviction) = (self.items(), self.eviction());
        let item = items.view(location);
        let (idle, history) = (eviction.idle(now, item.access()), eviction.history(item.access()));
        Walked { item, class: items.slabs().class_of(location), idle, history }
    }

    fn has_items_of(&self, classes: u64) -> bool {
        let slabs = self.items().slabs();
        slabs.populated_classes().any(|(id, class)| is_in(classes, id) && class.items() > 0)
    }
}

/// Whether a class is in a set of classes, in which bit n is class number n.
fn is_in(classes: u64, class: SlabClassId) -> bool {
    classes >> class.number() & 1 == 1
}
