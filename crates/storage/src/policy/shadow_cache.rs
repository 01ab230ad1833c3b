//! A simulation of a store, for a sample of its keys: which of them it would still have if it
//! evicted in another order. Sizes, reads and ages are kept, values are not.
//!
//! Waldspurger and others describe such simulations in "Cache Modeling and Optimization using
//! Miniature Simulations" (2017).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::item::access::{AccessTick, AccessWord};
use crate::item::eviction_order::{EvictionOrder, Judge};
use crate::limits::{AGE_OFFSET_PART, SHADOW_EVICTIONS_MAX, SHADOW_LOOKS};
use crate::policy::access_clock::TURNOVER_TICKS;
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

struct ShadowItem {
    item: SampledItem,
    access: AccessWord,
    /// A read found it here, but not in the store: a client is about to store it again.
    is_refetched: bool,
}

/// The items that a store would have.
pub(super) struct ShadowCache {
    order: EvictionOrder,
    items: Vec<ShadowItem>,
    /// The place of each key's item.
    places: BTreeMap<u64, usize>,
    bytes: u64,
    /// Ticks so far, in fractions.
    ticks: u64,
    sample: Sample,
    evictions: usize,
}

impl ShadowCache {
    pub(super) fn new(order: EvictionOrder) -> ShadowCache {
        ShadowCache {
            order,
            items: Vec::new(),
            places: BTreeMap::new(),
            bytes: 0,
            ticks: 0,
            sample: Sample::new(order as u64),
            evictions: 0,
        }
    }

    pub(super) fn order(&self) -> EvictionOrder {
        self.order
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it has evicted half as many items as it has.
    pub(super) fn is_turned_over(&self) -> bool {
        self.evictions > self.items.len() / 2
    }

    /// Reads a key at this second. Returns the item if there is one. `is_stored`: the store has it.
    pub(super) fn read(&mut self, now: u32, key: u64, is_stored: bool) -> Option<SampledItem> {
        let place = *self.places.get(&key)?;
        let exptime = self.items[place].item.exptime;
        if exptime != 0 && exptime <= now {
            self.remove(key);
            return None;
        }
        let tick = self.advance();
        let found = &mut self.items[place];
        found.access = found.access.after_read(tick);
        found.is_refetched = !is_stored;
        Some(found.item)
    }

    /// Stores an item. Evicts others, a bounded number at a time, until all fit this many bytes.
    /// `None`: nothing is evicted.
    pub(super) fn store(&mut self, item: SampledItem, bytes_max: Option<u64>, mean_bytes: u32) {
        let refetched = self.places.get(&item.key).copied();
        let refetched = refetched.filter(|place| self.items[*place].is_refetched);
        if let Some(place) = refetched {
            let present = &mut self.items[place];
            self.bytes = self.bytes - u64::from(present.item.bytes) + u64::from(item.bytes);
            present.item = item;
            present.is_refetched = false;
        } else {
            self.remove(item.key);
            let access = AccessWord::stored(self.advance());
            self.places.insert(item.key, self.items.len());
            self.items.push(ShadowItem { item, access, is_refetched: false });
            self.bytes += u64::from(item.bytes);
        }
        for _ in 0..SHADOW_EVICTIONS_MAX {
            if self.items.len() <= 1 || bytes_max.is_none_or(|max| self.bytes <= max) {
                break;
            }
            self.evict(mean_bytes);
        }
    }

    /// Removes the item of a key.
    pub(super) fn remove(&mut self, key: u64) {
        if let Some(place) = self.places.remove(&key) {
            self.remove_at(place);
        }
    }

    /// Keeps only the items whose keys are wanted.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(u64) -> bool) {
        let unwanted: Vec<u64> =
            self.places.keys().copied().filter(|key| !is_wanted(*key)).collect();
        for key in unwanted {
            self.remove(key);
        }
        self.evictions /= 2;
    }

    /// Removes the item at this place, which the map of places does not have any more.
    fn remove_at(&mut self, place: usize) {
        let removed = self.items.swap_remove(place);
        self.bytes -= u64::from(removed.item.bytes);
        if let Some(moved) = self.items.get(place) {
            self.places.insert(moved.item.key, place);
        }
    }

    /// Counts a request.
    fn advance(&mut self) -> AccessTick {
        let turnover = (TURNOVER_TICKS as u64) << TICK_SHIFT;
        self.ticks += turnover / self.items.len().max(TURNOVER_TICKS / 64) as u64;
        AccessTick::new((self.ticks >> TICK_SHIFT) as u32)
    }

    /// Evicts the costliest of a sample of the items. The last one stored stays.
    fn evict(&mut self, mean_bytes: u32) {
        let offset = (TURNOVER_TICKS / AGE_OFFSET_PART) as u64;
        let now = AccessTick::new(((self.ticks >> TICK_SHIFT) + offset) as u32);
        let judge = Judge::new(self.order, now, mean_bytes);
        let places = self.items.len() as u64 - 1;
        let looks = (0..SHADOW_LOOKS).map(|number| {
            let draw = self.sample.draw(number) >> 32;
            let place = ((draw * places) >> 32) as usize;
            let ShadowItem { item, access, .. } = &self.items[place];
            (judge.cost(*access, item.bytes as usize), place)
        });
        let (_, place) = looks.max().expect("a look");
        self.sample.advance(SHADOW_LOOKS);
        self.places.remove(&self.items[place].item.key);
        self.remove_at(place);
        self.evictions += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: u64) -> SampledItem {
        SampledItem { key, bytes: 100, exptime: 0 }
    }

    fn filled(order: EvictionOrder, keys: core::ops::Range<u64>) -> ShadowCache {
        let mut cache = ShadowCache::new(order);
        keys.for_each(|key| cache.store(item(key), Some(10_000), 100));
        cache
    }

    #[test]
    fn the_bytes_are_a_limit_and_the_newest_stays() {
        for order in EvictionOrder::ALL {
            let mut cache = ShadowCache::new(order);
            for key in 0..1_000 {
                cache.store(item(key), Some(10_000), 100);
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
            let (mut cache, mut hits) = (ShadowCache::new(order), 0);
            for request in 0..20_000 {
                let key = request % 200;
                if cache.read(1, key, false).is_some() {
                    hits += 1;
                } else {
                    cache.store(item(key), Some(10_000), 100);
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
        cache.store(SampledItem { bytes: 150, ..item(7) }, None, 100);
        assert!(read > ticks && cache.ticks == read);
        let read_once =
            filled(EvictionOrder::Recency, 0..8).items[7].access.after_read(AccessTick::new(0));
        assert_eq!((cache.bytes, cache.items[7].access), (5_050, read_once));
        // A store without such a read is a new item.
        cache.store(item(7), None, 100);
        let stored_at = AccessTick::new((cache.ticks >> TICK_SHIFT) as u32);
        assert_eq!(cache.read(1, 7, true), Some(item(7)));
        let place = cache.places[&7];
        assert_eq!((cache.bytes, cache.items[place].access.tick()), (5_000, stored_at));
    }

    #[test]
    fn expired_items_are_missed() {
        let mut cache = ShadowCache::new(EvictionOrder::Worth);
        cache.store(SampledItem { exptime: 5, ..item(1) }, None, 100);
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
}
