//! The choice of the order of eviction. Each order is simulated for a sample of the store's keys,
//! with the same share of its memory. The store evicts in the order that misses least, by requests
//! and by bytes: the product of both shares counts, because a database is asked for both.
//!
//! No order is the best for all loads. Of the recorded traces, a web cache's wants what is small
//! and often read, a block cache's loop over more than the memory wants old items to stay, and one
//! just below the memory wants them to go exactly in the order in which they were stored.
//!
//! The sample begins with the first eviction, and shrinks so that a simulation has a bounded
//! number of items. Misses count once every simulation has evicted half as many items as it has:
//! the first reads of all keys say nothing. A load that changes is seen in a shorter count, where
//! the difference must be large.

use crate::item::access::AccessTick;
use crate::item::eviction_order::{EvictionOrder, Judge};
use crate::limits::{
    ORDER_GAIN_PERCENT, RECENT_GAIN_PERCENT, RECENT_REQUESTS, SHADOW_ITEMS_MAX, SHADOW_REQUESTS,
};
use crate::policy::shadow_cache::{SampledItem, ShadowCache};

/// A quarter of the keys.
const SAMPLED_BELOW_MAX: u32 = 1 << (u32::BITS - 2);

/// Requests between two comparisons.
const COMPARISON_REQUESTS: u64 = 64;

/// Requests before the first comparison.
const COMPARISON_REQUESTS_MIN: u64 = 8 * COMPARISON_REQUESTS;

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
    /// Keys are sampled the low half of whose hash is below this. 0: none.
    sampled_below: u32,
    /// Sampled requests in the long run, older ones weighted less, and lately.
    requests: u64,
    recent_requests: u64,
    /// The mean bytes of the sampled items stored lately, times [`MEAN_ITEMS`].
    mean_sum: u64,
    /// Whether the store has evicted a live item.
    has_evicted: bool,
}

impl OrderChoice {
    pub(crate) fn new() -> OrderChoice {
        let simulation = |order| SimulatedOrder {
            cache: ShadowCache::new(order),
            all: Misses::default(),
            recent: Misses::default(),
        };
        OrderChoice {
            chosen: EvictionOrder::default(),
            simulated: EvictionOrder::ALL.map(simulation),
            sampled_below: 0,
            requests: 0,
            recent_requests: 0,
            mean_sum: 0,
            has_evicted: false,
        }
    }

    /// The order of eviction now.
    #[cfg(test)]
    pub(crate) fn chosen(&self) -> EvictionOrder {
        self.chosen
    }

    /// Mean bytes of the items that are stored.
    fn mean_bytes(&self) -> u32 {
        (self.mean_sum / MEAN_ITEMS) as u32
    }

    /// What judges items at this tick.
    #[inline]
    pub(crate) fn judge(&self, now: AccessTick) -> Judge {
        Judge::new(self.chosen, now, self.mean_bytes())
    }

    /// Begins to sample: one key of four, and soon fewer.
    fn begin(&mut self) {
        self.sampled_below = SAMPLED_BELOW_MAX;
    }

    /// Notes that the store evicts live items: its memory is full. The first time, sampling begins.
    #[inline]
    pub(crate) fn note_eviction(&mut self) {
        if !self.has_evicted {
            self.has_evicted = true;
            self.begin();
        }
    }

    /// Whether the key with this hash is in the sample.
    #[inline]
    pub(crate) fn is_sampled(&self, hash: u64) -> bool {
        // The high half chooses the shard.
        (hash as u32) < self.sampled_below
    }

    /// Notes a read of a sampled key at this second. `found`: bytes and exptime of its item, if the
    /// store has one. True: another order is chosen now.
    pub(crate) fn note_read(&mut self, now: u32, hash: u64, found: Option<(usize, u32)>) -> bool {
        let found =
            found.map(|(bytes, exptime)| SampledItem { key: hash, bytes: bytes as u32, exptime });
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
                simulation.cache.store(item, None, 1);
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

    /// Notes that an item of a sampled key was stored. `store_bytes`: of all linked items.
    pub(crate) fn note_store(&mut self, hash: u64, bytes: usize, exptime: u32, store_bytes: usize) {
        let item = SampledItem { key: hash, bytes: bytes as u32, exptime };
        if self.mean_sum == 0 {
            self.mean_sum = MEAN_ITEMS * bytes as u64;
        }
        self.mean_sum = self.mean_sum - self.mean_sum / MEAN_ITEMS + bytes as u64;
        let share = (store_bytes as u64 * u64::from(self.sampled_below)) >> u32::BITS;
        let bytes_max = self.has_evicted.then_some(share);
        let mean_bytes = self.mean_bytes();
        for simulation in &mut self.simulated {
            simulation.cache.store(item, bytes_max, mean_bytes);
        }
        let lens = self.simulated.each_ref().map(|simulation| simulation.cache.len());
        if lens.iter().any(|len| *len > SHADOW_ITEMS_MAX) {
            self.sampled_below /= 2;
            let below = self.sampled_below;
            for simulation in &mut self.simulated {
                simulation.cache.retain(|key| (key as u32) < below);
            }
        } else if self.has_evicted && lens.iter().all(|len| *len < SHADOW_ITEMS_MAX / 4) {
            self.sampled_below = (2 * self.sampled_below).min(SAMPLED_BELOW_MAX);
        }
    }

    /// Notes that the item of a sampled key was removed.
    pub(crate) fn note_removal(&mut self, hash: u64) {
        for simulation in &mut self.simulated {
            simulation.cache.remove(hash);
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
            self.forget_misses();
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
    use alloc::collections::BTreeSet;

    /// A store that has what the chosen order would keep: nothing. Its clients store what it
    /// misses. Returns the choice after these keys.
    fn choice_after(keys: impl Iterator<Item = u64>, items_max: usize) -> OrderChoice {
        let mut choice = OrderChoice::new();
        choice.begin();
        choice.note_eviction();
        for hash in keys.map(|key| key.wrapping_mul(0xff51_afd7_ed55_8ccd)) {
            if choice.is_sampled(hash) {
                choice.note_read(1, hash, None);
                choice.note_store(hash, 100, 0, items_max * 100);
            }
        }
        choice
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
        let mut choice = OrderChoice::new();
        choice.begin();
        for (bytes, mean) in [(60, 60), (100, 100), (20_000, 20_000), (60, 60)] {
            (0..3_000).for_each(|hash| choice.note_store(hash, bytes, 0, 0));
            assert!(choice.mean_bytes().abs_diff(mean) <= 1, "{}", choice.mean_bytes());
        }
    }

    #[test]
    fn the_sample_is_a_bounded_share() {
        let choice = choice_after(0..1_000_000, 500_000);
        assert!(
            choice.simulated.iter().all(|simulation| simulation.cache.len() <= SHADOW_ITEMS_MAX)
        );
        let sampled = (0..1_000_000_u64)
            .filter(|key| choice.is_sampled(key.wrapping_mul(0xff51_afd7_ed55_8ccd)))
            .collect::<BTreeSet<_>>();
        let share = f64::from(choice.sampled_below) / f64::from(u32::MAX);
        assert!((sampled.len() as f64 / (1_000_000.0 * share) - 1.0).abs() < 0.2);
        assert!(sampled.len() > SHADOW_ITEMS_MAX / 4, "{}", sampled.len());
    }

    #[test]
    fn nothing_is_sampled_before_it_begins() {
        let mut choice = OrderChoice::new();
        assert!((0..1_000).all(|hash| !choice.is_sampled(hash)));
        choice.begin();
        choice.note_store(0, 100, 0, 1_000);
        choice.clear();
        assert!(choice.simulated.iter().all(|simulation| simulation.cache.len() == 0));
    }
}
