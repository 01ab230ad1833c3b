//! A simulation of a store, for a sample of its keys: which of them it would still have if it
//! evicted in another order. Sizes, reads and ages are kept, values are not.
//!
//! All of its memory is allocated when it is made: 24 bytes for each item that it may have, and 6
//! to 12 for the places of their keys.
//!
//! A simulation may have segments as the store has them, see `segment_ages.rs`.
//!
//! Waldspurger and others describe such simulations in "Cache Modeling and Optimization using
//! Miniature Simulations" (2017).

use alloc::vec::Vec;

use hashbrown::HashTable;

use crate::item::access::{AccessTick, AccessWord};
use crate::item::eviction_order::{EvictionOrder, Judge};
use crate::item::segment::Segment;
use crate::limits::{AGE_OFFSET_PART, SHADOW_EVICTIONS_MAX, SHADOW_ITEM_BYTES, SHADOW_LOOKS};
use crate::policy::access_clock::TURNOVER_TICKS;
use crate::policy::segment_ages::SegmentAges;
use crate::policy::segment_shares::SegmentShares;
use crate::slabs::candidates::rank_of;
use crate::slabs::sample::Sample;

/// Fractions of a tick.
const TICK_SHIFT: u32 = 16;

/// What a simulation knows of the item of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SampledItem {
    /// The hash of its key.
    pub(super) key: u64,
    /// Bytes of the item.
    pub(super) bytes: u32,
    /// Second at which it expires. 0: never.
    pub(super) exptime: u32,
}

impl SampledItem {
    /// The item of a key, of its bytes and its exptime.
    pub(super) fn new(key: u64, (bytes, exptime): (usize, u32)) -> SampledItem {
        SampledItem { key, bytes: bytes as u32, exptime }
    }
}

struct ShadowItem {
    item: SampledItem,
    access: AccessWord,
    /// A read found it here, but not in the store: a client is about to store it again.
    is_refetched: bool,
}

const _: () = assert!(size_of::<ShadowItem>() == SHADOW_ITEM_BYTES);

/// The hash of a key in the table of places, which needs other bits in the lowest places than those
/// that sampled keys have in common.
fn table_hash(key: u64) -> u64 {
    key.rotate_left(u32::BITS)
}

/// The segments of a simulation.
struct ShadowSegments {
    ages: SegmentAges,
    bytes: [usize; Segment::ALL.len()],
}

impl ShadowSegments {
    /// The access word of an item that was just read, as a store changes it.
    fn after_read(&mut self, access: AccessWord, bytes: u32) -> AccessWord {
        if !access.is_cold() || !access.is_active() || !self.ages.are_on() {
            return access;
        }
        self.bytes[Segment::Cold as usize] -= bytes as usize;
        self.bytes[Segment::Warm as usize] += bytes as usize;
        access.moved_to(Segment::Warm)
    }

    /// The access word of an item in the segment where it belongs.
    fn moved(&mut self, judge: Judge, access: AccessWord, bytes: u32) -> AccessWord {
        if access.is_cold() {
            return access;
        }
        let moved = access.moved_to(self.ages.place(access, judge.age(access)));
        self.bytes[access.segment() as usize] -= bytes as usize;
        self.bytes[moved.segment() as usize] += bytes as usize;
        moved
    }

    /// Adapts the ages after the looks of an eviction in a simulation of this many items.
    fn control(&mut self, order: EvictionOrder, items: usize, oldest_cold: Option<u32>) {
        if let Some(age) = oldest_cold {
            self.ages.note_cold(age);
        }
        self.ages.control(self.bytes, items, SHADOW_LOOKS as usize, order.new_ticks());
    }
}

/// The items that a store would have.
pub(super) struct ShadowCache {
    order: EvictionOrder,
    segments: Option<ShadowSegments>,
    items_max: usize,
    items: Vec<ShadowItem>,
    /// The place of each key's item.
    places: HashTable<u16>,
    bytes: u64,
    /// Ticks so far, in fractions.
    ticks: u64,
    sample: Sample,
    evictions: usize,
}

impl ShadowCache {
    /// A simulation without items, which never has more than `items_max`, and no segments.
    pub(super) fn new(order: EvictionOrder, items_max: usize) -> ShadowCache {
        assert!(items_max <= 1 << u16::BITS, "the place of an item is two bytes");
        ShadowCache {
            order,
            segments: None,
            items_max,
            items: Vec::with_capacity(items_max),
            // A table that is at most half full never grows: what removals leave behind is cleared
            // in place.
            places: HashTable::with_capacity(2 * items_max),
            bytes: 0,
            ticks: 0,
            sample: Sample::new(order as u64),
            evictions: 0,
        }
    }

    pub(super) fn order(&self) -> EvictionOrder {
        self.order
    }

    /// The same simulation, with the standard segments.
    pub(super) fn with_segments(self) -> ShadowCache {
        let ages = SegmentAges::new(SegmentShares::standard());
        let segments = ShadowSegments { ages, bytes: [0; Segment::ALL.len()] };
        ShadowCache { segments: Some(segments), ..self }
    }

    /// Sets the settings of the segments, if it has segments.
    pub(super) fn set_segment_shares(&mut self, shares: SegmentShares) {
        if let Some(segments) = &mut self.segments {
            segments.ages.set_shares(shares);
        }
    }

    /// Sets the order in which it evicts.
    pub(super) fn set_order(&mut self, order: EvictionOrder) {
        self.order = order;
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// How many items it may have.
    pub(super) fn items_max(&self) -> usize {
        self.items_max
    }

    /// Whether there is no room for another item.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() == self.items_max
    }

    /// Mean bytes of its items. 0: it has none.
    pub(super) fn mean_bytes(&self) -> u64 {
        self.bytes.checked_div(self.items.len() as u64).unwrap_or(0)
    }

    /// Whether it has evicted half as many items as it has.
    pub(super) fn is_turned_over(&self) -> bool {
        self.evictions > self.items.len() / 2
    }

    /// Adds an item of the store, with its reads and its age in ticks, unless the key has one.
    /// The simulation must not be full.
    pub(super) fn copy(&mut self, item: SampledItem, access: AccessWord, age: u32) {
        if self.place(item.key).is_none() {
            let tick = (self.ticks >> TICK_SHIFT) as u32;
            self.add(item, access.dated(AccessTick::new(tick.wrapping_sub(age))));
        }
    }

    /// Reads a key at this second. Returns the item if there is one. `is_stored`: the store has it.
    pub(super) fn read(&mut self, now: u32, key: u64, is_stored: bool) -> Option<SampledItem> {
        let place = self.place(key)?;
        let exptime = self.items[place].item.exptime;
        if exptime != 0 && exptime <= now {
            self.remove_at(place);
            return None;
        }
        let tick = self.advance();
        let mut access = self.items[place].access.after_read(tick);
        if let Some(segments) = &mut self.segments {
            access = segments.after_read(access, self.items[place].item.bytes);
        }
        let found = &mut self.items[place];
        found.access = access;
        found.is_refetched = !is_stored;
        Some(found.item)
    }

    /// Stores an item. Evicts others, a bounded number at a time, until all fit this many bytes.
    /// `None`: nothing is evicted. The simulation must not be full.
    pub(super) fn store(
        &mut self,
        now: u32,
        item: SampledItem,
        bytes_max: Option<u64>,
        mean_bytes: u32,
    ) {
        let place = self.place(item.key);
        let refetched = place.filter(|place| self.items[*place].is_refetched);
        if let Some(place) = refetched {
            let access = self.items[place].access;
            self.count_out(place);
            self.items[place] = ShadowItem { item, access, is_refetched: false };
            self.count_in(place);
        } else {
            if let Some(place) = place {
                self.remove_at(place);
            }
            let mut access = AccessWord::stored(self.advance());
            if self.segments.as_ref().is_some_and(|segments| !segments.ages.are_on()) {
                access = access.moved_to(Segment::Cold);
            }
            self.add(item, access);
        }
        if let Some(bytes_max) = bytes_max {
            self.evict_to(now, bytes_max, mean_bytes);
        }
    }

    /// Evicts a bounded number of items, until all fit this many bytes. The last one stays.
    pub(super) fn evict_to(&mut self, now: u32, bytes_max: u64, mean_bytes: u32) {
        for _ in 0..SHADOW_EVICTIONS_MAX {
            if self.items.len() <= 1 || self.bytes <= bytes_max {
                break;
            }
            self.evict(now, mean_bytes);
        }
    }

    /// Sets the exptime of a key's item.
    pub(super) fn set_exptime(&mut self, key: u64, exptime: u32) {
        if let Some(place) = self.place(key) {
            self.items[place].item.exptime = exptime;
        }
    }

    /// Removes the item of a key.
    pub(super) fn remove(&mut self, key: u64) {
        if let Some(place) = self.place(key) {
            self.remove_at(place);
        }
    }

    /// Keeps only the items whose keys are wanted.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(u64) -> bool) {
        for place in (0..self.items.len()).rev() {
            if !is_wanted(self.items[place].item.key) {
                self.remove_at(place);
            }
        }
        self.evictions /= 2;
    }

    /// The place of a key's item.
    fn place(&self, key: u64) -> Option<usize> {
        let is_of_key = |place: &u16| self.items[usize::from(*place)].item.key == key;
        self.places.find(table_hash(key), is_of_key).copied().map(usize::from)
    }

    /// Adds an item of a key that has none.
    fn add(&mut self, item: SampledItem, access: AccessWord) {
        assert!(!self.is_full(), "a simulation has too many items");
        let place = self.items.len() as u16;
        self.items.push(ShadowItem { item, access, is_refetched: false });
        let hash_of = |place: &u16| table_hash(self.items[usize::from(*place)].item.key);
        self.places.insert_unique(table_hash(item.key), place, hash_of);
        self.count_in(usize::from(place));
    }

    /// Counts the bytes of the item at this place.
    fn count_in(&mut self, place: usize) {
        let ShadowItem { item, access, .. } = &self.items[place];
        self.bytes += u64::from(item.bytes);
        if let Some(segments) = &mut self.segments {
            segments.bytes[access.segment() as usize] += item.bytes as usize;
        }
    }

    /// Counts the bytes of the item at this place no longer.
    fn count_out(&mut self, place: usize) {
        let ShadowItem { item, access, .. } = &self.items[place];
        self.bytes -= u64::from(item.bytes);
        if let Some(segments) = &mut self.segments {
            segments.bytes[access.segment() as usize] -= item.bytes as usize;
        }
    }

    /// Removes the item at this place. The last one takes the place.
    fn remove_at(&mut self, place: usize) {
        self.count_out(place);
        self.replace_place(place, None);
        let last = self.items.len() - 1;
        if place != last {
            self.replace_place(last, Some(place));
        }
        self.items.swap_remove(place);
    }

    /// Changes the place of an item in the table. `None`: the item is removed.
    fn replace_place(&mut self, old: usize, new: Option<usize>) {
        let hash = table_hash(self.items[old].item.key);
        let entry = self.places.find_entry(hash, |place| usize::from(*place) == old);
        let mut entry = entry.expect("each item is in the table");
        match new {
            Some(new) => *entry.get_mut() = new as u16,
            None => drop(entry.remove()),
        }
    }

    /// Counts a request.
    fn advance(&mut self) -> AccessTick {
        let turnover = (TURNOVER_TICKS as u64) << TICK_SHIFT;
        self.ticks += turnover / self.items.len().max(TURNOVER_TICKS / 64) as u64;
        AccessTick::new((self.ticks >> TICK_SHIFT) as u32)
    }

    /// Evicts the costliest of a sample of the items, or an expired one. The last one stored stays.
    fn evict(&mut self, now: u32, mean_bytes: u32) {
        let offset = (TURNOVER_TICKS / AGE_OFFSET_PART) as u64;
        let tick = AccessTick::new(((self.ticks >> TICK_SHIFT) + offset) as u32);
        let judge = Judge::new(self.order, tick, mean_bytes);
        let places = self.items.len() as u64 - 1;
        let (mut victim, mut oldest_cold) = ((0, 0), None);
        for number in 0..SHADOW_LOOKS {
            let draw = self.sample.draw(number) >> 32;
            let place = ((draw * places) >> 32) as usize;
            let ShadowItem { item, access, .. } = &mut self.items[place];
            if let Some(segments) = &mut self.segments {
                *access = segments.moved(judge, *access, item.bytes);
            }
            if access.is_cold() {
                oldest_cold = oldest_cold.max(Some(judge.age(*access)));
            }
            let cost = judge.cost(*access, item.bytes as usize);
            let is_expired = item.exptime != 0 && item.exptime <= now;
            let rank = match &self.segments {
                _ if is_expired => u64::MAX,
                Some(_) => rank_of(*access, cost),
                None => cost,
            };
            victim = victim.max((rank, place));
        }
        if let Some(segments) = &mut self.segments {
            segments.control(self.order, self.items.len(), oldest_cold);
        }
        self.sample.advance(SHADOW_LOOKS);
        self.remove_at(victim.1);
        self.evictions += 1;
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::limits::SHADOW_ITEMS_MAX;

    fn item(key: u64) -> SampledItem {
        SampledItem { key, bytes: 100, exptime: 0 }
    }

    fn filled(order: EvictionOrder, keys: core::ops::Range<u64>) -> ShadowCache {
        let mut cache = ShadowCache::new(order, SHADOW_ITEMS_MAX);
        keys.for_each(|key| cache.store(1, item(key), Some(10_000), 100));
        cache
    }

    #[test]
    fn the_bytes_are_a_limit_and_the_newest_stays() {
        for order in EvictionOrder::ALL {
            let mut cache = ShadowCache::new(order, SHADOW_ITEMS_MAX);
            for key in 0..1_000 {
                cache.store(1, item(key), Some(10_000), 100);
                assert!(cache.bytes <= 10_000 && cache.len() == cache.places.len());
                assert!(cache.read(1, key, true).is_some(), "{order:?}");
            }
            assert_eq!(cache.len(), 100);
            assert!(cache.is_turned_over());
        }
    }

    /// A loop over twice as much as fits: in the order of ages nothing is ever hit.
    #[test]
    fn a_loop_tells_the_orders_apart() {
        let hits = EvictionOrder::ALL.map(|order| {
            let (mut cache, mut hits) = (ShadowCache::new(order, SHADOW_ITEMS_MAX), 0);
            for request in 0..20_000 {
                let key = request % 200;
                if cache.read(1, key, false).is_some() {
                    hits += 1;
                } else {
                    cache.store(1, item(key), Some(10_000), 100);
                }
            }
            hits
        });
        let [recency, _, read_first] = hits;
        assert!(read_first > 4_000 && recency < read_first / 2, "{hits:?}");
    }

    #[test]
    fn what_is_fetched_again_keeps_its_age() {
        let mut cache = filled(EvictionOrder::Recency, 0..50);
        let ticks = cache.ticks;
        assert!(cache.read(1, 7, false).is_some());
        let read = cache.ticks;
        cache.store(1, SampledItem { bytes: 150, ..item(7) }, None, 100);
        assert!(read > ticks && cache.ticks == read);
        let read_once =
            filled(EvictionOrder::Recency, 0..8).items[7].access.after_read(AccessTick::new(0));
        assert_eq!((cache.bytes, cache.items[7].access), (5_050, read_once));
        // A store without such a read is a new item.
        cache.store(1, item(7), None, 100);
        let stored_at = AccessTick::new((cache.ticks >> TICK_SHIFT) as u32);
        assert_eq!(cache.read(1, 7, true), Some(item(7)));
        let place = cache.place(7).unwrap();
        assert_eq!((cache.bytes, cache.items[place].access.tick()), (5_000, stored_at));
    }

    #[test]
    fn expired_items_are_missed() {
        let mut cache = ShadowCache::new(EvictionOrder::Worth, SHADOW_ITEMS_MAX);
        cache.store(1, SampledItem { exptime: 5, ..item(1) }, None, 100);
        assert!(cache.read(4, 1, true).is_some());
        assert!(cache.read(5, 1, true).is_none());
        assert_eq!((cache.len(), cache.bytes), (0, 0));
    }

    #[test]
    fn a_smaller_sample_keeps_its_items() {
        let mut cache = filled(EvictionOrder::Worth, 0..100);
        cache.retain(|key| key % 2 == 0);
        assert_eq!((cache.len(), cache.bytes), (50, 5_000));
        assert!((0..100).all(|key| cache.read(1, key, true).is_some() == (key % 2 == 0)));
    }

    #[test]
    fn a_copy_keeps_reads_and_age() {
        let mut cache = filled(EvictionOrder::Recency, 0..100);
        let access = AccessWord::stored(AccessTick::new(3)).after_read(AccessTick::new(3));
        cache.copy(item(200), access, 90_000);
        cache.copy(item(99), access, 90_000);
        let now = AccessTick::new((cache.ticks >> TICK_SHIFT) as u32);
        let [copied, present] = [200, 99].map(|key| cache.items[cache.place(key).unwrap()].access);
        assert_eq!(copied, access.dated(copied.tick()));
        assert_eq!((copied.tick().until(now), present.tick().until(now)), (90_000, 0));
    }

    /// Nothing is allocated after the start: neither list nor table grow.
    #[test]
    fn a_full_simulation_keeps_its_memory() {
        let mut cache = ShadowCache::new(EvictionOrder::Worth, SHADOW_ITEMS_MAX);
        let memory = (cache.items.capacity(), cache.places.allocation_size());
        let draws = Sample::new(0);
        // Sampled keys agree in low bits.
        let key = |number| draws.draw(number) << 12;
        let churn = if cfg!(miri) { 3_000 } else { 300_000 };
        for number in 0..churn {
            if cache.is_full() {
                let victim = draws.draw(number + churn) as usize % cache.len();
                cache.remove(cache.items[victim].item.key);
            }
            cache.store(1, item(key(number)), None, 100);
        }
        assert!(cache.is_full() && cache.places.len() == cache.len());
        assert!((0..cache.len()).all(|at| cache.place(cache.items[at].item.key) == Some(at)));
        assert_eq!((cache.items.capacity(), cache.places.allocation_size()), memory);
    }

    /// What a simulation is asked.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Read(u64),
        Store(SampledItem, Option<u64>),
        Copy(SampledItem),
        Remove(u64),
        Retain(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let key = 0..200_u64;
        let item = (key.clone(), 1..500_u32, prop_oneof![Just(0_u32), 1..10_u32])
            .prop_map(|(key, bytes, exptime)| SampledItem { key, bytes, exptime });
        let bytes_max = prop_oneof![Just(None), (1..20_000_u64).prop_map(Some)];
        let step = prop_oneof![
            6 => key.clone().prop_map(Step::Read),
            9 => (item.clone(), bytes_max).prop_map(|(item, max)| Step::Store(item, max)),
            2 => item.prop_map(Step::Copy),
            2 => key.clone().prop_map(Step::Remove),
            1 => key.prop_map(Step::Retain),
        ];
        vec(step, 1..if cfg!(miri) { 50 } else { 400 })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 256 }))]

        /// The items are those of a map that takes the same steps, without the evicted ones.
        #[test]
        fn the_items_are_those_of_a_map(steps in steps()) {
            const NOW: u32 = 5;
            let mut cache = ShadowCache::new(EvictionOrder::Worth, SHADOW_ITEMS_MAX);
            let mut map: BTreeMap<u64, SampledItem> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Read(key) => {
                        map.retain(|other, item| {
                            *other != key || item.exptime == 0 || item.exptime > NOW
                        });
                        prop_assert_eq!(cache.read(NOW, key, key % 3 == 0), map.get(&key).copied());
                    }
                    Step::Store(item, bytes_max) => {
                        map.insert(item.key, item);
                        cache.store(NOW, item, bytes_max, 100);
                        if bytes_max.is_some() {
                            map.retain(|key, _| cache.place(*key).is_some());
                        }
                    }
                    Step::Copy(item) => {
                        map.entry(item.key).or_insert(item);
                        cache.copy(item, AccessWord::default(), 1);
                    }
                    Step::Remove(key) => {
                        map.remove(&key);
                        cache.remove(key);
                    }
                    Step::Retain(part) => {
                        map.retain(|key, _| key % 5 != part % 5);
                        cache.retain(|key| key % 5 != part % 5);
                    }
                }
                let items: BTreeMap<_, _> =
                    cache.items.iter().map(|shadow| (shadow.item.key, shadow.item)).collect();
                prop_assert_eq!(&items, &map);
                prop_assert_eq!((cache.len(), cache.places.len()), (map.len(), map.len()));
                let bytes: u64 = map.values().map(|item| u64::from(item.bytes)).sum();
                prop_assert_eq!(cache.bytes, bytes);
            }
        }
    }
}
