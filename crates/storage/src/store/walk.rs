//! A walk over all items of a store, a few at a time, while the store goes on changing.
//!
//! The walk follows the hash values with their bits reversed, from 0 up to 2^32. A bucket holds the
//! hashes that agree in their low bits, so reversed it is an interval, and the buckets in any state
//! of the table cover all of them without overlap: a split halves an interval, a merge joins two.
//! So a position is all that must be kept between two parts of a walk. Each item whose reversed
//! hash lies at or above it has not been seen yet, and each below has, however the table grew or
//! shrank meanwhile: whoever is in the store throughout is seen exactly once, and nobody twice.

use crate::item::item;
use crate::item::item_ref::ItemRef;
use crate::memory::region::Location;
use crate::store::store::Store;

/// Where a walk ends: above all hashes.
const END: u64 = 1 << u32::BITS;

/// How far a walk has come. Position 0 begins one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalkPosition(u64);

impl WalkPosition {
    /// What [`Self::bits`] gave.
    pub const fn from_bits(bits: u64) -> WalkPosition {
        WalkPosition(bits)
    }

    /// As a number, for a message.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether all items were seen.
    pub const fn is_end(self) -> bool {
        self.0 >= END
    }
}

/// An item that a walk meets.
#[derive(Debug)]
pub struct Walked<'a> {
    /// The item.
    pub item: ItemRef<'a>,
    /// Its slab class, numbered from 1.
    pub class: usize,
    /// Seconds since it was accessed.
    pub idle: u32,
}

impl Store {
    /// Shows live items of the slab classes in `classes` (bit n: class n) from `position` on, until
    /// about `looks` items and buckets were looked at; returns where to go on. Reads nothing as a
    /// client would.
    pub fn walk(
        &self,
        now: u32,
        position: WalkPosition,
        classes: u64,
        looks: usize,
        mut show: impl FnMut(&Walked<'_>),
    ) -> WalkPosition {
        if !self.has_items_of(classes) {
            return WalkPosition(END);
        }
        let (mut at, mut left) = (position.0, looks);
        while at < END && left > 0 {
            let bucket = self.index.bucket_at_reversed(at as u32);
            // Buckets were merged since: some of this one's items were seen.
            let seen_below = (at > bucket.start).then_some(at as u32);
            let seen = self.index.for_each_in_bucket(&self.slabs.pages, bucket.number, |item| {
                self.show_if_wanted(now, item, seen_below, classes, &mut show);
            });
            at = bucket.end;
            left = left.saturating_sub(seen + 1);
        }
        WalkPosition(at)
    }

    fn has_items_of(&self, classes: u64) -> bool {
        let wanted = |number: usize| classes >> (number + 1) & 1 == 1;
        self.slabs.classes.iter().enumerate().any(|(n, class)| wanted(n) && class.items > 0)
    }

    fn show_if_wanted(
        &self,
        now: u32,
        location: Location,
        seen_below: Option<u32>,
        classes: u64,
        show: &mut impl FnMut(&Walked<'_>),
    ) {
        let class = self.slabs.class_of(location) + 1;
        let is_below = |at: u32| ((self.hash_of(location) as u32).reverse_bits()) < at;
        let is_wanted = classes >> class & 1 == 1 && self.death_of(now, location).is_none();
        if !is_wanted || seen_below.is_some_and(is_below) {
            return;
        }
        let accessed = item::access(&self.slabs.pages, location).step();
        let idle = self.clock.seconds_since(now, accessed);
        show(&Walked { item: ItemRef::new(&self.slabs.pages, location), class, idle });
    }
}
