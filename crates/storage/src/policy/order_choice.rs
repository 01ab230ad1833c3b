//! The choice of the order of eviction. Each order is simulated for a sample of the store's keys,
//! with the same share of its memory. The store evicts in the order that misses least, by requests
//! and by bytes: the product of both shares counts, because a database is asked for both.
//!
//! No order is the best for all loads. Of the recorded traces, a web cache's wants what is small
//! and often read, a block cache's loop over more than the memory wants old items to stay, and one
//! just below the memory wants them to go exactly in the order in which they were stored.
//!
//! A store that evicts nothing simulates nothing. With the first evictions the sampled items are
//! copied to the simulations, a few at a time, with their reads and ages: until then all orders
//! would have kept the same. The sample shrinks and grows with the number of items, so that a
//! simulation has a bounded number of them. Misses count once every simulation has evicted half as
//! many items as it has: only then do the orders differ. A load that changes is seen in a shorter
//! count, where the difference must be large.

use crate::item::access::{AccessTick, AccessWord};
use crate::item::eviction_order::{EvictionOrder, Judge};
use crate::limits::{
    ORDER_GAIN_PERCENT, RECENT_GAIN_PERCENT, RECENT_REQUESTS, SHADOW_COPIES_MAX, SHADOW_ITEMS_MAX,
    SHADOW_REQUESTS,
};
use crate::memory::shard_record::{RecordWord, RecordWords};
use crate::policy::key_sample::KeySample;
use crate::policy::shadow_cache::{SampledItem, ShadowCache};

impl RecordWord for EvictionOrder {
    fn word(&self) -> u64 {
        EvictionOrder::ALL.iter().position(|order| order == self).expect("all orders") as u64
    }

    fn of_word(word: u64) -> Option<EvictionOrder> {
        EvictionOrder::ALL.get(usize::try_from(word).ok()?).copied()
    }
}

/// The largest sample: one key in four.
const SAMPLE_BITS_MIN: u32 = 2;

/// Requests between two comparisons.
const COMPARISON_REQUESTS: u64 = 64;

/// Requests before the first comparison.
const COMPARISON_REQUESTS_MIN: u64 = 32 * COMPARISON_REQUESTS;

/// Sampled items over whose stores the mean of bytes is averaged.
const MEAN_ITEMS: u64 = 256;

/// What a simulation has missed, older misses weighted less.
#[derive(Clone, Copy, Default)]
struct Misses {
    requests: u64,
    bytes: u64,
}

impl Misses {
    fn add(&mut self, bytes: u32) {
        self.requests += 1;
        self.bytes += u64::from(bytes);
    }

    fn halve(&mut self) {
        self.requests /= 2;
        self.bytes /= 2;
    }

    /// Whether the product of requests and bytes is less by this many percent.
    fn are_fewer(self, than: Misses, percent: u32) -> bool {
        let product = |misses: Misses| u128::from(misses.requests) * u128::from(misses.bytes);
        product(self) * 100 < product(than) * u128::from(100 - percent)
    }
}

/// A simulation, and what it has missed in the long run and lately.
struct SimulatedOrder {
    cache: ShadowCache,
    all: Misses,
    recent: Misses,
}

/// The orders of one store.
pub(crate) struct OrderChoice {
    chosen: EvictionOrder,
    simulated: [SimulatedOrder; EvictionOrder::ALL.len()],
    sample: KeySample,
    /// Sampled requests in the long run, older ones weighted less, and lately.
    requests: u64,
    recent_requests: u64,
    /// The mean bytes of the sampled items stored lately, times [`MEAN_ITEMS`].
    mean_sum: u64,
}

impl OrderChoice {
    pub(crate) fn new() -> OrderChoice {
        let simulation = |order| SimulatedOrder {
            cache: ShadowCache::new(order, SHADOW_ITEMS_MAX),
            all: Misses::default(),
            recent: Misses::default(),
        };
        OrderChoice {
            chosen: EvictionOrder::default(),
            simulated: EvictionOrder::ALL.map(simulation),
            sample: KeySample::none(),
            requests: 0,
            recent_requests: 0,
            mean_sum: 0,
        }
    }

    /// Keeps the order that was chosen. The simulations begin again, with the items of the store.
    pub(crate) fn keep(&mut self, words: &mut RecordWords) {
        words.keep(&mut self.chosen);
        words.keep(&mut self.mean_sum);
    }

    /// The order of eviction now.
    pub(crate) fn chosen(&self) -> EvictionOrder {
        self.chosen
    }

    /// Mean bytes of the items that are stored.
    pub(crate) fn mean_bytes(&self) -> u32 {
        (self.mean_sum / MEAN_ITEMS) as u32
    }

    /// What judges items at this tick.
    #[inline]
    pub(crate) fn judge(&self, now: AccessTick) -> Judge {
        Judge::new(self.chosen, now, self.mean_bytes())
    }

    /// Whether the simulations have all that they need. Else the store copies items to them with
    /// its evictions, see [`Self::next_copy`].
    #[inline]
    pub(crate) fn is_simulated(&self) -> bool {
        self.sample.is_copied()
    }

    /// The reversed hash from which on the sampled items of the store are to be copied. `None`: all
    /// were copied. The first time, sampling begins in a store of this many items.
    pub(crate) fn next_copy(&mut self, items: usize) -> Option<u32> {
        if !self.sample.has_keys() {
            self.sample = KeySample::one_in(SAMPLE_BITS_MIN);
            while items >> self.sample.bits() > SHADOW_COPIES_MAX {
                self.sample.narrow();
            }
        }
        self.sample.next_copy()
    }

    /// Notes that all items below this reversed hash were copied.
    pub(crate) fn note_copied(&mut self, below: u64) {
        self.sample.note_copied(below);
        if self.mean_sum == 0 && self.is_simulated() {
            self.mean_sum = MEAN_ITEMS * self.simulated[0].cache.mean_bytes();
        }
    }

    /// Copies an item of the store, whose access word has this age in ticks, unless its key is not
    /// sampled.
    pub(crate) fn copy(&mut self, hash: u64, size: (usize, u32), access: AccessWord, age: u32) {
        if !self.is_sampled(hash) || !self.make_room(hash) {
            return;
        }
        let item = SampledItem::new(hash, size);
        for simulation in &mut self.simulated {
            simulation.cache.copy(item, access, age);
        }
    }

    /// Whether the key with this hash is in the sample. While nothing is sampled, this holds for
    /// one hash of 2^32.
    #[inline]
    pub(crate) fn is_sampled(&self, hash: u64) -> bool {
        self.sample.has(hash)
    }

    /// The mask of the hashes that are in the sample.
    #[inline]
    pub(crate) fn sample_mask(&self) -> u32 {
        self.sample.mask()
    }

    /// Makes room for one more item in each simulation, by a smaller sample. False: the key with
    /// this hash is not in the sample.
    fn make_room(&mut self, hash: u64) -> bool {
        while self.simulated.iter().any(|simulation| simulation.cache.is_full()) {
            self.sample.narrow();
            let sample = &self.sample;
            for simulation in &mut self.simulated {
                simulation.cache.retain(|key| sample.has_keys() && sample.has(key));
            }
        }
        self.sample.has_keys() && self.sample.has(hash)
    }

    /// Notes a read of a sampled key at this second. `found`: bytes and exptime of its item, if the
    /// store has one. True: another order is chosen now.
    pub(crate) fn note_read(&mut self, now: u32, hash: u64, found: Option<(usize, u32)>) -> bool {
        if !self.make_room(hash) {
            return false;
        }
        let found = found.map(|size| SampledItem::new(hash, size));
        let read =
            |simulation: &mut SimulatedOrder| simulation.cache.read(now, hash, found.is_some());
        let known = self.simulated.each_mut().map(read);
        let item = found.or_else(|| known.iter().flatten().next().copied());
        let bytes = item.map_or(self.mean_bytes(), |item| item.bytes);
        self.requests += 1;
        self.recent_requests += 1;
        for (simulation, _) in self.simulated.iter_mut().zip(known).filter(|(_, has)| has.is_none())
        {
            simulation.all.add(bytes);
            simulation.recent.add(bytes);
            // No client stores what the store has.
            if let Some(item) = found {
                simulation.cache.store(now, item, None, 1);
            }
        }
        if self.requests >= SHADOW_REQUESTS {
            self.requests /= 2;
            self.simulated.iter_mut().for_each(|simulation| simulation.all.halve());
        }
        if self.recent_requests >= RECENT_REQUESTS {
            self.recent_requests /= 2;
            self.simulated.iter_mut().for_each(|simulation| simulation.recent.halve());
        }
        self.requests.is_multiple_of(COMPARISON_REQUESTS) && self.compare()
    }

    /// Notes that an item of a sampled key was stored: bytes and exptime. `store_bytes`: of all
    /// linked items.
    pub(crate) fn note_store(
        &mut self,
        now: u32,
        hash: u64,
        size: (usize, u32),
        store_bytes: usize,
    ) {
        if !self.make_room(hash) {
            return;
        }
        if self.is_simulated() {
            self.mean_sum = self.mean_sum - self.mean_sum / MEAN_ITEMS + size.0 as u64;
        }
        let share = store_bytes as u64 >> self.sample.bits();
        let bytes_max = self.is_simulated().then_some(share);
        let item = SampledItem::new(hash, size);
        let mean_bytes = self.mean_bytes();
        for simulation in &mut self.simulated {
            simulation.cache.store(now, item, bytes_max, mean_bytes);
        }
        let is_small = |simulation: &SimulatedOrder| simulation.cache.len() < SHADOW_ITEMS_MAX / 4;
        if self.is_simulated() && self.simulated.iter().all(is_small) {
            // The keys that come in are copied with the next evictions.
            self.sample.widen(SAMPLE_BITS_MIN);
        }
    }

    /// Notes that the item of a sampled key was removed.
    pub(crate) fn note_removal(&mut self, hash: u64) {
        for simulation in &mut self.simulated {
            simulation.cache.remove(hash);
        }
    }

    /// Notes the new exptime of the item of a sampled key.
    pub(crate) fn note_exptime(&mut self, hash: u64, exptime: u32) {
        for simulation in &mut self.simulated {
            simulation.cache.set_exptime(hash, exptime);
        }
    }

    /// Forgets all items: a flush has ended them.
    pub(crate) fn clear(&mut self) {
        for simulation in &mut self.simulated {
            simulation.cache.retain(|_| false);
        }
    }

    fn forget_misses(&mut self) {
        (self.requests, self.recent_requests) = (0, 0);
        for simulation in &mut self.simulated {
            (simulation.all, simulation.recent) = (Misses::default(), Misses::default());
        }
    }

    /// Chooses the order that misses clearly less than the present one in the long run, or far less
    /// lately. True: another is chosen.
    fn compare(&mut self) -> bool {
        if !self.simulated.iter().all(|simulation| simulation.cache.is_turned_over()) {
            self.forget_misses();
            return false;
        }
        if self.recent_requests >= RECENT_REQUESTS / 2
            && self.take_better(|simulation| simulation.recent, RECENT_GAIN_PERCENT)
        {
            // What was before says nothing of the load as it is now.
            self.requests = self.recent_requests;
            for simulation in &mut self.simulated {
                simulation.all = simulation.recent;
            }
            return true;
        }
        self.requests >= COMPARISON_REQUESTS_MIN
            && self.take_better(|simulation| simulation.all, ORDER_GAIN_PERCENT)
    }

    /// Chooses the order whose misses are fewer than the present one's by this many percent. False:
    /// there is none.
    fn take_better(&mut self, misses: impl Fn(&SimulatedOrder) -> Misses, percent: u32) -> bool {
        let present = self.simulated.iter().find(|it| it.cache.order() == self.chosen);
        let Some(mut best) = present else { return false };
        let mut gain = percent;
        for simulation in &self.simulated {
            if misses(simulation).are_fewer(misses(best), gain) {
                (best, gain) = (simulation, 0);
            }
        }
        let is_other = best.cache.order() != self.chosen;
        if is_other {
            self.chosen = best.cache.order();
        }
        is_other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    use crate::slabs::sample::Sample;

    /// Begins to simulate a store without items.
    fn begun() -> OrderChoice {
        let mut choice = OrderChoice::new();
        assert_eq!(choice.next_copy(0), Some(0));
        choice.note_copied(1 << u32::BITS);
        assert_eq!(choice.next_copy(0), None);
        choice
    }

    fn hash_of(key: u64) -> u64 {
        Sample::new(key).draw(0)
    }

    /// A store that has what the chosen order would keep: nothing. Its clients store what it
    /// misses. Returns the choice after these keys.
    fn choice_after(keys: impl Iterator<Item = u64>, items_max: usize) -> OrderChoice {
        let mut choice = begun();
        for hash in keys.map(hash_of) {
            if choice.is_sampled(hash) {
                choice.note_read(1, hash, None);
                choice.note_store(1, hash, (100, 0), items_max * 100);
            }
        }
        choice
    }

    fn lens(choice: &OrderChoice) -> [usize; 3] {
        choice.simulated.each_ref().map(|simulation| simulation.cache.len())
    }

    #[test]
    fn a_loop_over_more_than_the_memory_wants_old_items_to_stay() {
        let choice = choice_after((0..400_000).map(|number| number % 8_000), 4_000);
        assert_eq!(choice.chosen(), EvictionOrder::ReadFirst);
        // A load that is read again at once: no order is better than another.
        let choice = choice_after((0..400_000).map(|number| number / 4), 4_000);
        assert_eq!(choice.chosen(), EvictionOrder::Recency);
    }

    #[test]
    fn the_mean_follows_the_sizes() {
        let mut choice = begun();
        for (bytes, mean) in [(60, 60), (100, 100), (20_000, 20_000), (60, 60)] {
            (0..3_000).for_each(|number| choice.note_store(1, number << 32, (bytes, 0), 0));
            assert!(choice.mean_bytes().abs_diff(mean) <= 1, "{}", choice.mean_bytes());
        }
    }

    #[test]
    fn the_sample_is_a_bounded_share() {
        let choice = choice_after(0..1_000_000, 500_000);
        assert!(lens(&choice).iter().all(|len| *len <= SHADOW_ITEMS_MAX));
        let sampled = (0..1_000_000).filter(|key| choice.is_sampled(hash_of(*key))).count();
        let share = 1_000_000 >> choice.sample.bits();
        assert!(sampled.abs_diff(share) < share / 5, "{sampled} {share}");
        assert!(sampled > SHADOW_ITEMS_MAX / 4, "{sampled}");
    }

    /// A store that has many items, most of which are read before the next one is stored.
    #[test]
    fn reads_of_unknown_items_do_not_overfill_it() {
        let mut choice = begun();
        for hash in (0..100_000).map(hash_of).filter(|hash| hash.trailing_zeros() >= 2) {
            choice.note_read(1, hash, Some((100, 0)));
        }
        let [len, ..] = lens(&choice);
        assert!((SHADOW_ITEMS_MAX / 4..=SHADOW_ITEMS_MAX).contains(&len), "{len}");
        // Keys that agree in all bits that could tell samples apart.
        (0..3_000).for_each(|number| choice.note_store(1, number << 32, (100, 0), usize::MAX));
        assert!(lens(&choice).iter().all(|len| *len <= SHADOW_ITEMS_MAX));
    }

    #[test]
    fn the_items_of_the_store_are_copied_once() {
        let mut choice = OrderChoice::new();
        let hashes: Vec<u64> = (0..20_000).map(hash_of).collect();
        let reversed = |hash: u64| u64::from((hash as u32).reverse_bits());
        let mut looks = 0;
        while let Some(from) = choice.next_copy(hashes.len()) {
            // A step ends in the middle of the sampled items, too.
            let below = u64::from(from) + (1 << 24);
            for hash in &hashes {
                if (u64::from(from)..below).contains(&reversed(*hash)) {
                    let access = AccessWord::stored(AccessTick::new(7));
                    choice.copy(*hash, (100, 0), access, 5);
                    looks += 1;
                }
            }
            choice.note_copied(below);
        }
        let sampled = hashes.iter().filter(|hash| choice.is_sampled(**hash)).count();
        assert_eq!((lens(&choice), choice.mean_bytes()), ([sampled; 3], 100));
        assert!(sampled > SHADOW_COPIES_MAX / 3 && looks < 2 * sampled, "{sampled} {looks}");
    }

    #[test]
    fn nothing_is_sampled_before_it_begins() {
        let mut choice = OrderChoice::new();
        assert!((1..1_000).all(|hash| !choice.is_sampled(hash)));
        assert!(!choice.note_read(1, 0, Some((100, 0))));
        choice.note_store(1, 0, (100, 0), 1_000);
        assert_eq!(lens(&choice), [0; 3]);
        assert!(!choice.is_simulated());
    }

    #[test]
    fn a_flush_ends_all_items() {
        let mut choice = choice_after(0..1_000, 4_000);
        assert!(lens(&choice).iter().all(|len| *len > 0));
        choice.clear();
        assert_eq!(lens(&choice), [0; 3]);
    }
}
