//! The array of words that a shard counts in.

use core::array;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{Counter, Gauge, Snapshot};

/// Counters and gauges of one shard: one thread writes, any thread reads.
///
/// Aligned to two cache lines, because the processor prefetches lines in pairs: shards that are
/// neighbours in memory must not slow each other down.
#[derive(Debug)]
#[repr(align(128))]
pub struct ShardMetrics {
    words: [AtomicU64; Snapshot::WORDS],
}

impl ShardMetrics {
    /// All zero.
    pub const fn new() -> Self {
        Self { words: [const { AtomicU64::new(0) }; Snapshot::WORDS] }
    }

    /// Adds `n` to a counter. Only the shard's own thread may call this: load and store are two
    /// steps, so a second writer would lose counts.
    #[inline]
    pub fn add(&self, counter: Counter, n: u64) {
        let word = &self.words[counter as usize];
        word.store(word.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Sets a counter to a total that is counted elsewhere, as evictions are in the store. Only the
    /// shard's own thread may call this, and `total` must not be less than before.
    #[inline]
    pub fn set_counter(&self, counter: Counter, total: u64) {
        let word = &self.words[counter as usize];
        debug_assert!(word.load(Relaxed) <= total, "a counter went down");
        word.store(total, Relaxed);
    }

    /// Sets a gauge. Only the shard's own thread may call this.
    #[inline]
    pub fn set(&self, gauge: Gauge, value: u64) {
        self.words[Counter::COUNT + gauge as usize].store(value, Relaxed);
    }

    /// The current numbers. They are read one after the other: for another thread, two that belong
    /// together can be one request apart.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::from_words(array::from_fn(|i| self.words[i].load(Relaxed)))
    }
}

impl Default for ShardMetrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn shards_side_by_side_share_no_line() {
        let shards = [ShardMetrics::new(), ShardMetrics::new()];
        let addresses = shards.each_ref().map(|s| core::ptr::from_ref(s).addr());
        assert!(addresses.iter().all(|a| a % 128 == 0));
        assert!(addresses[1] - addresses[0] >= size_of::<[u64; Snapshot::WORDS]>());
    }

    #[test]
    fn each_counter_and_gauge_has_its_own_word() {
        let metrics = ShardMetrics::new();
        for (i, &counter) in Counter::ALL.iter().enumerate() {
            metrics.add(counter, 1);
            metrics.add(counter, i as u64);
        }
        for (i, &gauge) in Gauge::ALL.iter().enumerate() {
            metrics.set(gauge, 7);
            metrics.set(gauge, 1_000 + i as u64);
        }
        let snapshot = metrics.snapshot();
        for (i, &counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(snapshot.get(counter), 1 + i as u64, "{counter:?}");
        }
        for (i, &gauge) in Gauge::ALL.iter().enumerate() {
            assert_eq!(snapshot.gauge(gauge), 1_000 + i as u64, "{gauge:?}");
        }
    }

    #[test]
    fn a_reader_sees_counters_only_grow() {
        const ADDS: u64 = if cfg!(miri) { 300 } else { 100_000 };
        let metrics = Arc::new(ShardMetrics::new());
        let writer = {
            let metrics = Arc::clone(&metrics);
            thread::spawn(move || (0..ADDS).for_each(|_| metrics.add(Counter::CmdGet, 1)))
        };
        let mut last = 0;
        while last < ADDS {
            let now = metrics.snapshot().get(Counter::CmdGet);
            assert!(now >= last && now <= ADDS);
            last = now;
            thread::yield_now();
        }
        writer.join().unwrap();
    }
}
