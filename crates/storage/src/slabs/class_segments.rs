//! The segments of one slab class: how many items each has, and the ages at which items leave HOT
//! and WARM.
//!
//! There are no lists. When an eviction looks at an item, it moves the item to the segment where it
//! belongs, see [`ClassSegments::place`]. So an item that nobody looks at stays where it is, longer
//! than its age allows; the counts are exact all the same.
//!
//! The ages are controlled: HOT and WARM shall have their shares of the class's items. An age grows
//! while its segment has too few items, and falls while it has too many. It changes by as much as
//! the error in the time of [`CONTROL_LOOKS`] looks at each item of the class, which is longer than
//! it takes to move all items that are too old. The ages also have limits: factors of the age of
//! the items that are evicted.

use crate::item::access::AccessWord;
use crate::item::segment::Segment;
use crate::limits::{CONTROL_LOOKS, HOT_TICKS_FIRST, TAIL_ITEMS, WARM_TICKS_FIRST};
use crate::slabs::segment_shares::SegmentShares;

/// Ages are counted in parts of a tick.
const TICK_SHIFT: u32 = 16;

/// An age that no item reaches.
const AGE_MAX: u64 = 1 << (32 + TICK_SHIFT);

/// The segments of one class.
pub(crate) struct ClassSegments {
    /// Linked items whose head chunk is of this class, by segment.
    items: [usize; Segment::ALL.len()],
    /// The controlled ages, in parts of a tick.
    hot_age: u64,
    warm_age: u64,
    /// Mean age of the items evicted lately that were not read twice, in parts of a tick. `None`:
    /// none was.
    tail_age: Option<u64>,
    /// Ages in ticks from which on items leave HOT and WARM.
    hot_ticks: u64,
    warm_ticks: u64,
}

impl ClassSegments {
    pub(super) fn new() -> ClassSegments {
        ClassSegments {
            items: [0; Segment::ALL.len()],
            hot_age: HOT_TICKS_FIRST << TICK_SHIFT,
            warm_age: WARM_TICKS_FIRST << TICK_SHIFT,
            tail_age: None,
            hot_ticks: HOT_TICKS_FIRST,
            warm_ticks: WARM_TICKS_FIRST,
        }
    }

    /// Items of all segments.
    pub(super) fn all(&self) -> usize {
        self.items.iter().sum()
    }

    /// Items by segment.
    pub(crate) fn items(&self) -> [usize; Segment::ALL.len()] {
        self.items
    }

    /// Items of one segment.
    #[inline]
    pub(crate) fn items_in(&self, segment: Segment) -> usize {
        self.items[segment as usize]
    }

    /// Counts an item in.
    #[inline]
    pub(crate) fn add(&mut self, segment: Segment) {
        self.items[segment as usize] += 1;
    }

    /// Counts an item out.
    #[inline]
    pub(crate) fn remove(&mut self, segment: Segment) {
        self.items[segment as usize] -= 1;
    }

    /// The segment where an item of this age in ticks belongs.
    ///
    /// As in memcached, what is read twice leaves HOT for WARM before it is old.
    #[inline]
    pub(crate) fn place(&self, access: AccessWord, age: u32) -> Segment {
        match access.segment() {
            Segment::Hot if access.is_active() => Segment::Warm,
            Segment::Hot if u64::from(age) > self.hot_ticks => Segment::Cold,
            Segment::Warm if u64::from(age) > self.warm_ticks => Segment::Cold,
            segment => segment,
        }
    }

    /// Notes the age of an item that is evicted because others are needed.
    #[inline]
    pub(crate) fn note_victim(&mut self, age: u32) {
        let age = u64::from(age) << TICK_SHIFT;
        let mean = self.tail_age.unwrap_or(age);
        self.tail_age = Some(mean - mean / TAIL_ITEMS + age / TAIL_ITEMS);
    }

    /// Adapts the ages, after this many looks at items of the class.
    pub(crate) fn control(&mut self, shares: SegmentShares, looks: usize) {
        if !shares.are_on() {
            (self.hot_ticks, self.warm_ticks) = (0, 0);
            return;
        }
        let all = self.all().max(1) as u64;
        let looks = (looks as u64).min(all);
        let limit = |factor: u64| {
            let tail = self.tail_age.map_or(AGE_MAX, |age| SegmentShares::scale(age, factor));
            tail >> TICK_SHIFT
        };
        let controlled = |age: u64, segment, percent: u64| {
            let (has, wanted) = (100 * self.items_in(segment) as u64, percent * all);
            let error = wanted.abs_diff(has).min(wanted.max(1));
            // At most the age itself times 2^24, in 2^72 parts: see `AGE_MAX`.
            let step = u128::from(age) * u128::from(error) * u128::from(looks)
                / u128::from(wanted.max(1) * CONTROL_LOOKS * all);
            let step = step as u64;
            let new = if has < wanted { age + step + 1 } else { age - step };
            new.clamp(1, AGE_MAX)
        };
        let (hot_percent, warm_percent) = shares.percents();
        let (hot_factor, warm_factor) = shares.factors();
        let hot_age = controlled(self.hot_age, Segment::Hot, hot_percent);
        let warm_age = controlled(self.warm_age, Segment::Warm, warm_percent);
        let (hot_limit, warm_limit) = (limit(hot_factor), limit(warm_factor));
        (self.hot_age, self.warm_age) = (hot_age, warm_age);
        self.hot_ticks = (hot_age >> TICK_SHIFT).min(hot_limit);
        self.warm_ticks = (warm_age >> TICK_SHIFT).min(warm_limit);
    }
}
