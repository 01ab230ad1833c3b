//! The miss-ratio curve: what the store would miss with a quarter to four times its memory, found
//! by a simulation of each size for a sample of the keys.
//!
//! A simulation keeps the access words of its items and evicts by the order and the segments of the
//! store, see `shadow_cache.rs`. It follows what clients do:
//!
//! - A read that the store hits and a smaller simulation misses puts the item there: a client would
//!   have stored it.
//! - A read that the store misses and a larger simulation hits counts as a hit; the client's store
//!   that follows changes nothing there.
//! - Stores, deletes, changes of the exptime and flushes are done in all simulations.
//!
//! A simulation evicts by recency until it has evicted half as many items as it has, as a store of
//! its size would, and then in the order that this store has chosen.
//!
//! The sample shrinks when a simulation is full. If items are far larger than expected, it is
//! widened, and the simulations begin again with what the store has. Smaller memories follow more
//! keys. Counts are halved after each [`CURVE_READS`] sampled reads, so that the curve follows the
//! load.
//!
//! What is not simulated: slab classes and the time that pages take to move between them, items in
//! TEMP, and the choice of another order at another size.

use crate::item::access::AccessWord;
use crate::item::eviction_order::EvictionOrder;
use crate::limits::{
    CURVE_ITEM_BYTES, CURVE_ITEMS_MAX, CURVE_ITEMS_MIN, CURVE_PART_BITS, CURVE_QUARTERS,
    CURVE_READS, CURVE_SIZES, CURVE_STORES, PAGE_BYTES,
};
use crate::policy::curve_counts::CurveCounts;
use crate::policy::key_sample::KeySample;
use crate::policy::segment_shares::SegmentShares;
use crate::policy::shadow_cache::{SampledItem, ShadowCache};

/// The largest size, whose simulation has most items.
const LARGEST: usize = CURVE_SIZES - 1;

/// What the simulations need to know of the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreMeasures {
    /// The order of eviction, and the mean bytes that it needs.
    pub(crate) order: EvictionOrder,
    pub(crate) mean_bytes: u32,
    /// Linked items, and their bytes.
    pub(crate) items: usize,
    pub(crate) bytes: usize,
    /// Bytes that linked items will have when the store is full.
    pub(crate) bytes_max: usize,
}

/// The curve of one store.
pub(crate) struct MissCurve {
    caches: [ShadowCache; CURVE_SIZES],
    sample: KeySample,
    /// The counts since the start, without reads and misses of all keys.
    sampled: CurveCounts,
    /// The counts of the window up to its last halving, and those since the start at that time.
    older: CurveCounts,
    counted: CurveCounts,
    /// Sampled stores until the next look at the size of the sample.
    stores_left: u64,
}

impl MissCurve {
    /// The curve of a store that will have about this many pages.
    pub(crate) fn new(pages_expected: usize) -> MissCurve {
        let bits = sample_bits(pages_expected * PAGE_BYTES / CURVE_ITEM_BYTES);
        MissCurve::with_sample(KeySample::one_in(bits).copied(), CURVE_ITEMS_MAX)
    }

    /// Has the sampled items of the store copied: it has items from the start.
    pub(crate) fn copy_items(&mut self) {
        if self.sample.has_keys() {
            self.sample = core::mem::replace(&mut self.sample, KeySample::none()).uncopied();
        }
    }

    /// No curve: nothing is sampled.
    pub(crate) fn off() -> MissCurve {
        MissCurve::with_sample(KeySample::none().copied(), [0; CURVE_SIZES])
    }

    fn with_sample(sample: KeySample, items_max: [usize; CURVE_SIZES]) -> MissCurve {
        let order = EvictionOrder::default();
        MissCurve {
            caches: items_max.map(|items_max| ShadowCache::new(order, items_max).with_segments()),
            sample,
            sampled: CurveCounts::default(),
            older: CurveCounts::default(),
            counted: CurveCounts::default(),
            stores_left: CURVE_STORES,
        }
    }

    /// The mask of the hashes that are in the sample.
    #[inline]
    pub(crate) fn sample_mask(&self) -> u32 {
        self.sample.mask()
    }

    /// Whether the key with this hash is in the sample.
    pub(crate) fn is_sampled(&self, hash: u64) -> bool {
        self.sample.has(hash)
    }

    /// Items of all simulations.
    pub(crate) fn items(&self) -> usize {
        self.caches.iter().map(ShadowCache::len).sum()
    }

    /// One key in this many is sampled. `None`: there is no curve.
    pub(crate) fn sampled_one_in(&self) -> Option<u64> {
        (CURVE_ITEMS_MAX[0] == self.caches[0].items_max()).then(|| 1 << self.sample.bits())
    }

    /// Sets the settings of the segments.
    pub(crate) fn set_segment_shares(&mut self, shares: SegmentShares) {
        self.caches.iter_mut().for_each(|cache| cache.set_segment_shares(shares));
    }

    /// The counts since the start, and those of the window. `reads` and `misses`: of all keys since
    /// the start.
    pub(crate) fn counts(&self, reads: u64, misses: u64) -> (CurveCounts, CurveCounts) {
        let all = CurveCounts { reads, misses, ..self.sampled };
        (all, self.older.plus(&all.since(&self.counted)))
    }

    /// Halves the counts of the window.
    pub(crate) fn halve_window(&mut self, reads: u64, misses: u64) {
        let (all, window) = self.counts(reads, misses);
        (self.older, self.counted) = (window.halved(), all);
    }

    /// Notes a read of a sampled key at this second. `found`: bytes and exptime of its item, if the
    /// store has one. True: the window is to be halved.
    pub(crate) fn note_read(
        &mut self,
        now: u32,
        hash: u64,
        found: Option<(usize, u32)>,
        store: &StoreMeasures,
    ) -> bool {
        if !self.make_room(hash) {
            return false;
        }
        let item = found.map(|size| SampledItem::new(hash, size));
        for size in self.sizes_with(hash) {
            let weight = 1 << (self.sample.bits() + CURVE_PART_BITS[size]);
            if item.is_none() {
                self.sampled.sampled_misses[size] += weight;
            }
            if self.caches[size].read(now, hash, item.is_some()).is_none() {
                self.sampled.simulated_misses[size] += weight;
                if let Some(item) = item {
                    self.store(now, size, item, store);
                }
            }
        }
        self.sampled.sampled += 1;
        self.sampled.sampled - self.counted.sampled >= CURVE_READS
    }

    /// Notes that an item of a sampled key was stored: bytes and exptime.
    pub(crate) fn note_store(
        &mut self,
        now: u32,
        hash: u64,
        size: (usize, u32),
        store: &StoreMeasures,
    ) {
        self.stores_left -= 1;
        if self.stores_left == 0 {
            self.stores_left = CURVE_STORES;
            self.widen_if_due(store);
        }
        if self.make_room(hash) {
            let item = SampledItem::new(hash, size);
            self.sizes_with(hash).for_each(|size| self.store(now, size, item, store));
        }
    }

    /// Notes that the item of a sampled key was removed.
    pub(crate) fn note_removal(&mut self, hash: u64) {
        self.caches.iter_mut().for_each(|cache| cache.remove(hash));
    }

    /// Notes the new exptime of the item of a sampled key.
    pub(crate) fn note_exptime(&mut self, hash: u64, exptime: u32) {
        self.caches.iter_mut().for_each(|cache| cache.set_exptime(hash, exptime));
    }

    /// Forgets all items: a flush has ended them.
    pub(crate) fn clear(&mut self) {
        self.caches.iter_mut().for_each(|cache| cache.retain(|_| false));
    }

    /// Whether nothing of the store is to be copied to the simulations.
    #[inline]
    pub(crate) fn is_copied(&self) -> bool {
        self.sample.is_copied()
    }

    /// The reversed hash from which on items of the store are to be copied.
    pub(crate) fn next_copy(&self) -> Option<u32> {
        self.sample.next_copy()
    }

    /// Notes that all items below this reversed hash were copied.
    pub(crate) fn note_copied(&mut self, below: u64) {
        self.sample.note_copied(below);
    }

    /// Copies an item of the store, whose access word has this age in ticks, unless its key is not
    /// sampled.
    pub(crate) fn copy(
        &mut self,
        now: u32,
        hash: u64,
        size: (usize, u32),
        (access, age): (AccessWord, u32),
        store: &StoreMeasures,
    ) {
        if !self.is_sampled(hash) || !self.make_room(hash) {
            return;
        }
        let item = SampledItem::new(hash, size);
        for size in self.sizes_with(hash) {
            self.caches[size].copy(item, access, age);
            let bytes_max = self.bytes_max(size, store);
            self.caches[size].evict_to(now, bytes_max, store.mean_bytes);
        }
    }

    /// The sizes whose simulations follow the key with this hash.
    fn sizes_with(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let has = CURVE_PART_BITS.map(|bits| self.sample.part_has(bits, hash));
        (0..CURVE_SIZES).filter(move |size| has[*size])
    }

    /// Bytes that the items of a simulation may have.
    fn bytes_max(&self, size: usize, store: &StoreMeasures) -> u64 {
        let bits = self.sample.bits() + CURVE_PART_BITS[size];
        (store.bytes_max as u64 * CURVE_QUARTERS[size] / 4) >> bits
    }

    fn store(&mut self, now: u32, size: usize, item: SampledItem, store: &StoreMeasures) {
        let bytes_max = self.bytes_max(size, store);
        let cache = &mut self.caches[size];
        let order = if cache.is_turned_over() { store.order } else { EvictionOrder::default() };
        cache.set_order(order);
        cache.store(now, item, Some(bytes_max), store.mean_bytes);
    }

    /// Makes room for one more item in each simulation, by a smaller sample. False: the key with
    /// this hash is not in the sample.
    fn make_room(&mut self, hash: u64) -> bool {
        while self.sample.has_keys() && self.caches.iter().any(ShadowCache::is_full) {
            self.sample.narrow();
            let sample = &self.sample;
            for (cache, bits) in self.caches.iter_mut().zip(CURVE_PART_BITS) {
                cache.retain(|key| sample.has_keys() && sample.part_has(bits, key));
            }
        }
        self.sample.has_keys() && self.sample.has(hash)
    }

    /// Begins again with a wider sample if the largest simulation will have too few items.
    pub(crate) fn widen_if_due(&mut self, store: &StoreMeasures) {
        let is_off = self.sampled_one_in().is_none();
        if is_off || store.items < CURVE_ITEMS_MIN || !self.is_copied() {
            return;
        }
        let items = store.bytes_max / (store.bytes / store.items).max(1);
        let bits = sample_bits(items);
        // The sample that fits varies by a factor of two as items come and go.
        if self.sample.bits() > bits + 1 {
            self.clear();
            self.sample = KeySample::one_in(bits);
        }
    }
}

/// The bits of the sample with which the largest simulation is at most half full, for a store of
/// this many items.
fn sample_bits(items: usize) -> u32 {
    let largest = items as u64 * CURVE_QUARTERS[LARGEST] / 4;
    let per_item = largest.div_ceil(CURVE_ITEMS_MAX[LARGEST] as u64 / 2).max(1);
    per_item.next_power_of_two().ilog2().saturating_sub(CURVE_PART_BITS[LARGEST])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use crate::slabs::sample::Sample;

    fn hash_of(key: u64) -> u64 {
        Sample::new(key).draw(0)
    }

    /// A store with room for this many items of 100 bytes.
    fn measures(items_max: usize) -> StoreMeasures {
        StoreMeasures {
            order: EvictionOrder::Recency,
            mean_bytes: 100,
            items: items_max,
            bytes: 100 * items_max,
            bytes_max: 100 * items_max,
        }
    }

    /// A curve, and a store beside it that keeps all keys, or none.
    struct Load {
        curve: MissCurve,
        store: StoreMeasures,
        kept: Option<BTreeSet<u64>>,
        reads: u64,
        misses: u64,
    }

    impl Load {
        fn new(items_max: usize, keeps: bool) -> Load {
            Load {
                curve: MissCurve::new(items_max * CURVE_ITEM_BYTES / PAGE_BYTES),
                store: measures(items_max),
                kept: keeps.then(BTreeSet::new),
                reads: 0,
                misses: 0,
            }
        }

        /// Asks for a key as a cache-aside client does.
        fn fetch(&mut self, now: u32, key: u64, exptime: u32) {
            let hash = hash_of(key);
            let has = self.kept.as_ref().is_some_and(|kept| kept.contains(&key));
            self.reads += 1;
            self.misses += u64::from(!has);
            if self.curve.is_sampled(hash) {
                let found = has.then_some((100, exptime));
                if self.curve.note_read(now, hash, found, &self.store) {
                    self.curve.halve_window(self.reads, self.misses);
                }
            }
            if !has {
                if let Some(kept) = &mut self.kept {
                    kept.insert(key);
                }
                if self.curve.is_sampled(hash) {
                    self.curve.note_store(now, hash, (100, exptime), &self.store);
                }
            }
        }

        fn lens(&self) -> [usize; CURVE_SIZES] {
            self.curve.caches.each_ref().map(ShadowCache::len)
        }

        /// Predicted misses in percent of the window's reads.
        fn percent(&self) -> [u64; CURVE_SIZES] {
            let (_, window) = self.curve.counts(self.reads, self.misses);
            core::array::from_fn(|size| 100 * window.predicted_misses(size) / window.reads)
        }
    }

    /// Keys of which low ones are asked for more often.
    fn skewed(number: u64, keys: u64) -> u64 {
        let draw = |seed| Sample::new(seed).draw(number) % keys;
        draw(1 << 40) * draw(2 << 40) / keys
    }

    #[test]
    fn more_memory_misses_less() {
        for keeps in [true, false] {
            let mut load = Load::new(50_000, keeps);
            (0..1_000_000).for_each(|number| load.fetch(1, skewed(number, 400_000), 0));
            let percent = load.percent();
            assert!(percent.is_sorted_by(|smaller, larger| smaller > larger), "{percent:?}");
            assert!(percent[0] > 60 && percent[LARGEST] < 35, "{percent:?}");
        }
    }

    /// A loop hits everything or, in an order by age, next to nothing.
    #[test]
    fn a_loop_fits_or_does_not() {
        let mut load = Load::new(50_000, true);
        (0..2_000_000).for_each(|number| load.fetch(1, number % 70_000, 0));
        let percent = load.percent();
        assert!(percent[..2].iter().all(|percent| *percent > 85), "{percent:?}");
        assert!(percent[3..].iter().all(|percent| *percent < 5), "{percent:?}");
    }

    #[test]
    fn the_window_follows_the_load() {
        let mut load = Load::new(50_000, true);
        (0..2_000_000).for_each(|number| load.fetch(1, number % 200_000, 0));
        assert!(load.percent()[2] > 50);
        (0..20_000_000_u64).for_each(|number| load.fetch(1, number % 1_000, 0));
        let (all, window) = load.curve.counts(load.reads, load.misses);
        assert!(load.percent()[2] < 3, "{window:?}");
        assert_eq!((all.reads, all.misses), (load.reads, load.misses));
        assert!(window.reads < all.reads && window.sampled < 2 * CURVE_READS);
    }

    #[test]
    fn flushes_deletes_and_exptimes_are_followed() {
        let mut load = Load::new(50_000, true);
        let sampled: alloc::vec::Vec<u64> =
            (0..8_000).filter(|key| load.curve.is_sampled(hash_of(*key))).collect();
        (0..8_000).for_each(|key| load.fetch(1, key, 5));
        let before = load.lens();
        assert!(before.iter().all(|len| *len > 0), "{before:?}");
        load.curve.note_exptime(hash_of(sampled[0]), 0);
        load.curve.note_removal(hash_of(sampled[1]));
        let reads = |load: &mut Load, now: u32, key: u64| {
            let hash = hash_of(key);
            let missed = load.curve.sampled.simulated_misses;
            load.curve.note_read(now, hash, None, &load.store);
            load.curve.sampled.simulated_misses != missed
        };
        let missed = [0, 1, 2].map(|at| reads(&mut load, 4, sampled[at]));
        assert_eq!(missed, [false, true, false]);
        let missed = [0, 1, 2].map(|at| reads(&mut load, 5, sampled[at]));
        assert_eq!(missed, [false, true, true]);
        load.curve.clear();
        assert_eq!(load.lens(), [0; CURVE_SIZES]);
    }

    #[test]
    fn a_sample_that_is_too_small_begins_again() {
        // Items of 100 kB where some of 128 bytes were expected.
        let mut curve = MissCurve::new(4_096);
        let store = StoreMeasures { items: 2_600, bytes: 260 << 20, ..measures(0) };
        let store = StoreMeasures { bytes_max: 260 << 20, ..store };
        assert!(curve.sample.bits() > 6 && curve.is_copied());
        for key in 0..200_000 {
            if curve.is_sampled(hash_of(key)) {
                curve.note_store(1, hash_of(key), (100_000, 0), &store);
            }
            if !curve.is_copied() {
                break;
            }
        }
        assert!(curve.sample.bits() == 0 && curve.items() <= CURVE_SIZES, "{}", curve.items());
        for key in 0..2_600 {
            let access = (AccessWord::default(), 7);
            curve.copy(1, hash_of(key), (100_000, 0), access, &store);
        }
        curve.note_copied(1 << 32);
        assert!(curve.is_copied());
        let lens = curve.caches.each_ref().map(ShadowCache::len);
        // The smaller ones are full, and the larger ones have all of their part.
        let of_part = |key: &u64| curve.sample.part_has(2, hash_of(*key));
        let copied = (0..2_600).filter(of_part).count();
        assert!(lens[0] < 700 && lens[1] < 1_400 && lens[LARGEST] >= copied, "{lens:?} {copied}");
    }

    #[test]
    fn without_a_curve_nothing_is_sampled() {
        let mut curve = MissCurve::off();
        assert!((1..10_000).all(|key| !curve.is_sampled(hash_of(key))));
        assert!(!curve.note_read(1, 0, None, &measures(10)));
        curve.note_store(1, 0, (100, 0), &measures(10));
        assert_eq!((curve.items(), curve.sampled_one_in()), (0, None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 24 }))]

        /// Whatever the store says of its items, no simulation has too many.
        #[test]
        fn the_items_are_bounded(
            bytes in 1_usize..10_000,
            bytes_max in 1_usize..1 << 40,
            keys in 1_u64..300_000,
        ) {
            let mut curve = MissCurve::new(64);
            let store = StoreMeasures { bytes_max, items: 300, bytes: 300 * bytes, ..measures(0) };
            for key in 0..if cfg!(miri) { keys / 1_000 } else { keys } {
                let hash = hash_of(key);
                if curve.is_sampled(hash) {
                    curve.note_store(1, hash, (bytes, 0), &store);
                    curve.note_copied(1 << 32);
                }
                for (cache, items_max) in curve.caches.iter().zip(CURVE_ITEMS_MAX) {
                    prop_assert!(cache.len() <= items_max);
                }
            }
        }
    }
}
