//! The ages at which items leave HOT and WARM, the segments that protect what is new or read.
//!
//! There are no lists. When an eviction looks at an item, it moves the item to the segment where it
//! belongs. So an item that nobody looks at stays where it is, longer than its age allows; the
//! counts are exact all the same. By how much items are overdue when they leave is known: overdue
//! items do not count in the share of their segment, because they are protected no longer.
//!
//! The ages are controlled: HOT and WARM shall have their shares of the bytes of all items. An age
//! grows while its segment has too few bytes, and falls while it has too many. It changes by as
//! much as the error in the time of [`CONTROL_LOOKS`] looks at each item of the store. That is
//! longer than it takes to move all items that are too old. The ages also have limits: factors of
//! the age of the oldest items in COLD.
//!
//! All classes have the same ages. Classes pass on their pages, so the memory of a store is one: a
//! value is protected for the same time whatever its size, even if its class has no other.

use crate::item::access::AccessWord;
use crate::item::segment::Segment;
use crate::limits::{AGE_SAMPLES, CONTROL_LOOKS};
use crate::memory::shard_record::RecordWords;
use crate::policy::access_clock::TURNOVER_TICKS;
use crate::policy::segment_shares::SegmentShares;

/// Ages are counted in parts of a tick.
const PART_SHIFT: u32 = 16;

/// An age that no item reaches, in parts of a tick.
const AGE_MAX: u64 = 1 << (25 + PART_SHIFT);

/// The share of bytes is controlled in KiB, so that 64 bits suffice.
const KIB_SHIFT: u32 = 10;

/// The age at which items leave a segment, in parts of a tick.
struct ControlledAge {
    age: u64,
    /// By how much items are older when an eviction looks at them, on average.
    overdue: u64,
}

impl ControlledAge {
    fn new() -> ControlledAge {
        ControlledAge { age: (TURNOVER_TICKS as u64) << PART_SHIFT, overdue: 0 }
    }

    fn keep(&mut self, words: &mut RecordWords) {
        words.keep(&mut self.age);
        words.keep(&mut self.overdue);
        let overdue_max = (TURNOVER_TICKS as u64) << PART_SHIFT;
        if !(1..=AGE_MAX).contains(&self.age) || self.overdue > overdue_max {
            words.refuse();
        }
    }

    /// Adapts the age of a segment that has and shall have these shares of the bytes, in any unit,
    /// after `looks` at `items` items.
    fn adapt(&mut self, has: u64, wanted: u64, (looks, items): (u64, u64)) {
        // What is overdue is protected no longer.
        let due = (self.age << PART_SHIFT) / (self.age + self.overdue);
        let has = (has * due) >> PART_SHIFT;
        let error = (wanted.abs_diff(has) << PART_SHIFT) / wanted.max(1);
        let full = (self.age * error.min(1 << PART_SHIFT)) >> PART_SHIFT;
        let step = full * looks.min(items) / (CONTROL_LOOKS * items.max(1));
        let age = if has < wanted { self.age + step + 1 } else { self.age - step };
        self.age = age.clamp(1, AGE_MAX);
    }

    /// Notes the age in ticks of an item that leaves the segment. `limit`: the age from which on
    /// items leave.
    fn note_leaving(&mut self, age: u32, limit: u64) {
        let overdue = (u64::from(age) - limit).min(TURNOVER_TICKS as u64) << PART_SHIFT;
        self.overdue = self.overdue - self.overdue / AGE_SAMPLES + overdue / AGE_SAMPLES;
    }

    /// The age in ticks, at most this factor times the age of COLD in ticks.
    fn ticks(&self, cold: Option<u64>, factor: u64) -> u64 {
        let limit = cold.map_or(u64::MAX, |cold| SegmentShares::scale(cold, factor));
        (self.age >> PART_SHIFT).min(limit)
    }
}

/// The ages of the segments of one store.
pub(crate) struct SegmentAges {
    shares: SegmentShares,
    hot: ControlledAge,
    warm: ControlledAge,
    /// Mean age of the oldest item in COLD of a sample, in parts of a tick. `None`: none was seen.
    cold_age: Option<u64>,
    /// Ages in ticks above which items leave HOT and WARM.
    hot_ticks: u64,
    warm_ticks: u64,
}

impl SegmentAges {
    pub(crate) fn new(shares: SegmentShares) -> SegmentAges {
        SegmentAges {
            shares,
            hot: ControlledAge::new(),
            warm: ControlledAge::new(),
            cold_age: None,
            hot_ticks: TURNOVER_TICKS as u64,
            warm_ticks: TURNOVER_TICKS as u64,
        }
    }

    /// Keeps the ages.
    pub(crate) fn keep(&mut self, words: &mut RecordWords) {
        self.hot.keep(words);
        self.warm.keep(words);
        words.keep(&mut self.cold_age);
        words.keep(&mut self.hot_ticks);
        words.keep(&mut self.warm_ticks);
    }

    /// Whether there are segments.
    #[inline]
    pub(crate) fn are_on(&self) -> bool {
        self.shares.are_on()
    }

    /// Sets the settings. Items change their segments when evictions look at them.
    pub(crate) fn set_shares(&mut self, shares: SegmentShares) {
        self.shares = shares;
    }

    /// The segment where an item of this age in ticks belongs.
    ///
    /// As in memcached, what is read twice leaves HOT for WARM before it is old.
    #[inline]
    pub(crate) fn place(&mut self, access: AccessWord, age: u32) -> Segment {
        match access.segment() {
            Segment::Hot if access.is_active() => Segment::Warm,
            Segment::Hot if u64::from(age) > self.hot_ticks => {
                self.hot.note_leaving(age, self.hot_ticks);
                Segment::Cold
            }
            Segment::Warm if u64::from(age) > self.warm_ticks => {
                self.warm.note_leaving(age, self.warm_ticks);
                Segment::Cold
            }
            segment => segment,
        }
    }

    /// Notes the age in ticks of the oldest item in COLD of a sample.
    #[inline]
    pub(crate) fn note_cold(&mut self, age: u32) {
        let age = u64::from(age) << PART_SHIFT;
        let mean = self.cold_age.unwrap_or(age);
        self.cold_age = Some(mean - mean / AGE_SAMPLES + age / AGE_SAMPLES);
    }

    /// Adapts the ages, after this many looks at items of a store. `bytes`: of its items, by
    /// segment. `items`: their number. `new_ticks`: no item is in HOT for longer.
    pub(crate) fn control(
        &mut self,
        bytes: [usize; Segment::ALL.len()],
        items: usize,
        looks: usize,
        new_ticks: u64,
    ) {
        if !self.shares.are_on() {
            (self.hot_ticks, self.warm_ticks) = (0, 0);
            return;
        }
        let kib = |bytes: usize| bytes as u64 >> KIB_SHIFT;
        let all = kib(bytes.iter().sum());
        let looks = (looks as u64, items as u64);
        let (hot_percent, warm_percent) = self.shares.percents();
        self.hot.adapt(100 * kib(bytes[Segment::Hot as usize]), hot_percent * all, looks);
        self.warm.adapt(100 * kib(bytes[Segment::Warm as usize]), warm_percent * all, looks);
        let (hot_factor, warm_factor) = self.shares.factors();
        let cold = self.cold_age.map(|age| age >> PART_SHIFT);
        self.hot_ticks = self.hot.ticks(cold, hot_factor).min(new_ticks);
        self.warm_ticks = self.warm.ticks(cold, warm_factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::access::AccessTick;

    const ITEMS: usize = 10_000;

    fn unread(segment: Segment) -> AccessWord {
        AccessWord::stored(AccessTick::new(0)).moved_to(segment)
    }

    fn ages(hot_percent: u32, hot_factor: f64) -> SegmentAges {
        SegmentAges::new(SegmentShares::new(hot_percent, 40, hot_factor, 2.0))
    }

    /// Bytes in HOT and COLD, by segment.
    fn bytes(hot: usize, cold: usize) -> [usize; Segment::ALL.len()] {
        let mut bytes = [0; Segment::ALL.len()];
        bytes[Segment::Hot as usize] = hot;
        bytes[Segment::Cold as usize] = cold;
        bytes
    }

    /// A store of new items, each of which is looked at this many times.
    fn play(ages: &mut SegmentAges, looks: usize) {
        for _ in 0..looks * ITEMS / 16 {
            let hot = (ages.hot_ticks as usize).min(TURNOVER_TICKS) * ITEMS / TURNOVER_TICKS;
            let cold = ITEMS - hot;
            ages.control(bytes(hot * 500, cold * 500), ITEMS, 16, u64::MAX);
        }
    }

    #[test]
    fn the_age_of_hot_follows_its_share() {
        for percent in [20, 80, 5] {
            let mut ages = ages(percent, 5.0);
            play(&mut ages, 40);
            let share = 100 * ages.hot_ticks / TURNOVER_TICKS as u64;
            assert!(share.abs_diff(u64::from(percent)) <= 2, "{share} of {percent} percent");
        }
    }

    /// As many bytes are overdue as are not: the marks say twice the share.
    #[test]
    fn what_is_overdue_does_not_count() {
        let mut ages = ages(20, 5.0);
        for _ in 0..40 * ITEMS / 16 {
            let limit = ages.hot_ticks.max(1);
            ages.place(unread(Segment::Hot), 2 * limit as u32);
            let hot = (2 * ages.hot_ticks as usize).min(TURNOVER_TICKS) * ITEMS / TURNOVER_TICKS;
            ages.control(bytes(hot * 500, (ITEMS - hot) * 500), ITEMS, 16, u64::MAX);
        }
        let share = 100 * ages.hot_ticks / TURNOVER_TICKS as u64;
        assert!(share.abs_diff(20) <= 2, "{share} of 20 percent");
    }

    #[test]
    fn no_age_is_longer_than_its_factor_of_the_age_of_cold() {
        let mut ages = ages(80, 0.5);
        (0..1_000).for_each(|_| ages.note_cold(300));
        play(&mut ages, 20);
        assert!((148..=150).contains(&ages.hot_ticks), "{}", ages.hot_ticks);
        // Nothing is in WARM, so only the factor limits its age.
        assert!((596..=600).contains(&ages.warm_ticks), "{}", ages.warm_ticks);
        // Ages stay in their range, whatever is asked of them.
        (0..100_000).for_each(|_| ages.control(bytes(0, 1 << 48), 1, 16, u64::MAX));
        assert_eq!((ages.hot.age, ages.warm.age), (AGE_MAX, AGE_MAX));
        (0..100_000).for_each(|_| ages.control(bytes(1 << 48, 0), 1, 16, u64::MAX));
        assert!(ages.hot.age < 1 << PART_SHIFT && ages.warm.age == AGE_MAX);
    }

    #[test]
    fn items_leave_when_they_are_read_twice_or_too_old() {
        let mut ages = ages(20, 0.2);
        (0..10).for_each(|_| ages.note_cold(500));
        ages.control(bytes(0, 1 << 20), ITEMS, 16, u64::MAX);
        let (hot, warm) = (ages.hot_ticks as u32, ages.warm_ticks as u32);
        for (segment, age, place) in [
            (Segment::Hot, hot, Segment::Hot),
            (Segment::Hot, hot + 1, Segment::Cold),
            (Segment::Warm, warm, Segment::Warm),
            (Segment::Warm, warm + 1, Segment::Cold),
            (Segment::Cold, 0, Segment::Cold),
            (Segment::Temporary, u32::MAX, Segment::Temporary),
        ] {
            assert_eq!(ages.place(unread(segment), age), place, "{segment:?}, {age}");
        }
        ages.control(bytes(0, 1 << 20), ITEMS, 16, 51);
        assert_eq!(ages.place(unread(Segment::Hot), 52), Segment::Cold);
        assert_eq!(ages.place(unread(Segment::Warm), warm), Segment::Warm);
        let once = unread(Segment::Hot).after_read(AccessTick::new(1));
        assert_eq!(ages.place(once, 1), Segment::Hot);
        assert_eq!(ages.place(once.after_read(AccessTick::new(2)), 1), Segment::Warm);
    }

    #[test]
    fn without_segments_all_items_are_cold() {
        let mut ages = SegmentAges::new(SegmentShares::FLAT);
        ages.control(bytes(1 << 20, 0), ITEMS, 16, u64::MAX);
        assert_eq!(ages.place(unread(Segment::Hot), 1), Segment::Cold);
        assert_eq!(ages.place(unread(Segment::Warm), 1), Segment::Cold);
    }
}
