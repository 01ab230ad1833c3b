//! The numbers of one shard, or of all shards together, at one moment.

use crate::{Counter, Gauge};

/// The values of all counters and gauges. Readers add them up, keep them as a baseline, and send
/// them to other shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    // Counters by discriminant, then gauges by discriminant.
    words: [u64; Self::WORDS],
}

impl Snapshot {
    /// Number of words.
    pub const WORDS: usize = Counter::COUNT + Gauge::COUNT;

    /// All zero: the start of a sum over shards.
    pub const fn new() -> Self {
        Self { words: [0; Self::WORDS] }
    }

    /// The numbers as an array, for a message to another shard of the process.
    pub const fn as_words(&self) -> &[u64; Self::WORDS] {
        &self.words
    }

    /// The snapshot with the words of [`as_words`](Self::as_words).
    pub const fn from_words(words: [u64; Self::WORDS]) -> Self {
        Self { words }
    }

    /// A counter's total.
    pub const fn get(&self, counter: Counter) -> u64 {
        self.words[counter as usize]
    }

    /// A gauge's value.
    pub const fn gauge(&self, gauge: Gauge) -> u64 {
        self.words[Counter::COUNT + gauge as usize]
    }

    /// Adds another shard's numbers. Counters are summed. Gauges are summed, too, except those for
    /// which only the largest has a meaning: the hash power level, and whether the hash table
    /// grows, the crawler runs, or a page is moved.
    pub fn merge(&mut self, other: &Self) {
        for &counter in Counter::ALL {
            let word = &mut self.words[counter as usize];
            *word = word.wrapping_add(other.get(counter));
        }
        for &gauge in Gauge::ALL {
            self.words[Counter::COUNT + gauge as usize] =
                gauge.merged(self.gauge(gauge), other.gauge(gauge));
        }
    }

    /// These numbers minus the counters of `baseline`, as `stats` shows them after `stats reset`.
    /// Gauges stay. If the baseline is later than these numbers the result is 0; it does not wrap.
    #[must_use]
    pub fn since(&self, baseline: &Self) -> Self {
        let mut shown = self.clone();
        for &counter in Counter::ALL {
            shown.words[counter as usize] = self.get(counter).saturating_sub(baseline.get(counter));
        }
        shown
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ShardMetrics;

    fn shard(gets: u64, items: u64, hash_power: u64) -> Snapshot {
        let metrics = ShardMetrics::new();
        metrics.add(Counter::CmdGet, gets);
        metrics.set(Gauge::CurrItems, items);
        metrics.set(Gauge::HashPowerLevel, hash_power);
        metrics.snapshot()
    }

    #[test]
    fn merge_sums_all_but_the_hash_power_level() {
        let mut sum = Snapshot::new();
        sum.merge(&shard(3, 10, 17));
        sum.merge(&shard(4, 20, 16));
        assert_eq!(sum, shard(7, 30, 17));
    }

    #[test]
    fn reset_takes_counters_back_to_zero_and_leaves_gauges() {
        let metrics = ShardMetrics::new();
        metrics.add(Counter::GetHits, 5);
        metrics.set(Gauge::CurrItems, 9);
        let baseline = metrics.snapshot();
        metrics.add(Counter::GetHits, 2);
        let now = metrics.snapshot();
        assert_eq!(now.since(&baseline).get(Counter::GetHits), 2);
        assert_eq!(now.since(&baseline).gauge(Gauge::CurrItems), 9);
        assert_eq!(now.get(Counter::GetHits), 7, "the totals go on");
        assert_eq!(baseline.since(&now).get(Counter::GetHits), 0);
    }

    #[test]
    fn words_carry_everything() {
        let sent = shard(3, 10, 17);
        assert_eq!(Snapshot::from_words(*sent.as_words()), sent);
    }
}
