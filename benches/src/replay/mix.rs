//! Mixes of small items and a few large values that are read often.

use crate::MissTally;
use crate::replay::trace::Verb;
use crate::replay::trace_copies::TraceRequest;
use slabcore_bench::load::zipf::Zipf;
use slabcore_bench::splitmix64::Splitmix64;

/// The seed of each mix's requests.
const SEED: u64 = 1;
/// Requests in a second of the clock of a store within this process. A server that is sent requests
/// without pauses sees about as many.
const REQUESTS_PER_SECOND: u64 = 200_000;
/// Place of the group's number in a key's number. The rank within the group is below it.
const GROUP_SHIFT: u32 = 32;

/// Small keys of the first two mixes, and the exponent of their popularity. With these, memcached
/// with 64 MiB hits in 0.61 of the requests for small items beside the 20 kB values.
const SMALL_KEYS: u32 = 1_600_000;
const SMALL_EXPONENT: f64 = 0.9;

/// The requests of one kind of keys.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Requests for it in 1,000 of the mix.
    pub share: u32,
    /// Number of its keys.
    pub keys: u32,
    /// Smallest and largest bytes of a value. A key's value always has the same size.
    pub value_bytes: (u32, u32),
    /// Exponent of Zipf's distribution; 0 means that all keys are requested equally often.
    pub exponent: f64,
}

/// A cache-aside load of several groups.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Name for a table.
    pub name: &'static str,
    /// Its groups. Their shares sum to 1,000.
    pub groups: &'static [Group],
    /// Requests before the counted ones. They fill the memory several times, and take a server
    /// several seconds: memcached decides about its pages once a second.
    pub warm_up: usize,
    /// Counted requests.
    pub counted: usize,
}

/// Items of 100 to 500 bytes.
const fn small(share: u32) -> Group {
    Group { share, keys: SMALL_KEYS, value_bytes: (100, 500), exponent: SMALL_EXPONENT }
}

/// Values of one size that are all requested equally often.
const fn hot(share: u32, keys: u32, value_bytes: u32) -> Group {
    Group { share, keys, value_bytes: (value_bytes, value_bytes), exponent: 0.0 }
}

/// The mixes, for a memory of 64 MiB.
pub const MIXES: [Mix; 3] = [
    Mix {
        name: "hot-20k",
        groups: &[small(900), hot(100, 1_000, 20_000)],
        warm_up: 3_000_000,
        counted: 1_000_000,
    },
    Mix {
        name: "hot-500k",
        groups: &[small(980), hot(20, 30, 500_000)],
        warm_up: 1_500_000,
        counted: 500_000,
    },
    Mix {
        name: "three-sizes",
        groups: &[
            Group { value_bytes: (100, 100), ..small(910) },
            hot(80, 800, 20_000),
            hot(10, 15, 900_000),
        ],
        warm_up: 1_500_000,
        counted: 500_000,
    },
];

impl Group {
    /// The sizes for a table: `20000 B` or `100-500 B`.
    #[must_use]
    pub fn sizes(&self) -> String {
        match self.value_bytes {
            (low, high) if low == high => format!("{low} B"),
            (low, high) => format!("{low}-{high} B"),
        }
    }
}

impl Mix {
    /// Endless requests, the same ones in each run.
    #[must_use]
    pub fn requests(&self) -> MixRequests {
        let zipf = |group: &Group| Zipf::new(group.exponent, group.keys);
        let ranks = self.groups.iter().map(zipf).collect();
        MixRequests { groups: self.groups, ranks, random: Splitmix64::new(SEED), number: 0 }
    }
}

/// The requests of a mix.
#[derive(Clone, Debug)]
pub struct MixRequests {
    groups: &'static [Group],
    /// Popularity, by group.
    ranks: Vec<Zipf>,
    random: Splitmix64,
    /// Requests so far.
    number: u64,
}

impl Iterator for MixRequests {
    type Item = TraceRequest;

    fn next(&mut self) -> Option<TraceRequest> {
        let mut left = self.random.below(1000);
        let group = self.groups.iter().position(|group| {
            let chosen = left < group.share;
            left = left.saturating_sub(group.share);
            chosen
        })?;
        let rank = self.ranks[group].draw(&mut self.random);
        let key = ((group as u64) << GROUP_SHIFT) | u64::from(rank);
        let (low, high) = self.groups[group].value_bytes;
        let value_bytes = low + Splitmix64::new(key).below(high - low + 1);
        let time_s = (self.number / REQUESTS_PER_SECOND) as u32;
        self.number += 1;
        Some(TraceRequest { time_s, verb: Verb::Get, value_bytes, key })
    }
}

/// The counts of a mix by group.
#[derive(Clone, Debug, PartialEq)]
pub struct MixTally {
    /// In the order of the groups.
    pub groups: Vec<MissTally>,
    /// Sets that the cache refused.
    pub refused: u64,
}

impl MixTally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(mix: &Mix) -> Self {
        Self { groups: vec![MissTally::default(); mix.groups.len()], refused: 0 }
    }

    /// Counts a get of one of the mix's requests.
    pub fn count(&mut self, get: &TraceRequest, hit: bool) {
        self.groups[(get.key >> GROUP_SHIFT) as usize].count(get.value_bytes, hit);
    }

    /// All groups together.
    #[must_use]
    pub fn all(&self) -> MissTally {
        let mut all = MissTally { refused: self.refused, ..MissTally::default() };
        for group in &self.groups {
            all.gets += group.gets;
            all.misses += group.misses;
            all.get_bytes += group.get_bytes;
            all.miss_bytes += group.miss_bytes;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::LocalStore;

    #[test]
    fn requests_have_the_shares_and_sizes_of_their_groups() {
        for mix in &MIXES {
            assert_eq!(mix.groups.iter().map(|group| group.share).sum::<u32>(), 1000);
            let mut sizes = HashMap::new();
            let mut counts = vec![0_u32; mix.groups.len()];
            for request in mix.requests().take(100_000) {
                let group = (request.key >> GROUP_SHIFT) as usize;
                let (low, high) = mix.groups[group].value_bytes;
                assert!((low..=high).contains(&request.value_bytes));
                let size = *sizes.entry(request.key).or_insert(request.value_bytes);
                assert_eq!(size, request.value_bytes, "key {}", request.key);
                counts[group] += 1;
            }
            for (group, count) in mix.groups.iter().zip(counts) {
                let share = f64::from(count) / 100.0;
                assert!(
                    (share / f64::from(group.share) - 1.0).abs() < 0.1,
                    "{}: {share}",
                    mix.name
                );
            }
        }
    }

    #[test]
    fn requests_are_the_same_in_each_run() {
        let requests = || MIXES[0].requests().skip(1_000).take(1_000);
        assert!(requests().eq(requests()));
    }

    #[test]
    fn groups_are_counted_apart_and_together() {
        let mix = &MIXES[0];
        let mut tally = MixTally::new(mix);
        let count = |get: &TraceRequest, hit| tally.count(get, hit);
        tally.refused = LocalStore::new(4).play_counting(mix.requests().take(20_000), 1, count);
        let [small, hot] = tally.groups[..] else { panic!("two groups") };
        let all = tally.all();
        assert_eq!((all.gets, all.misses), (20_000, small.misses + hot.misses));
        assert_eq!(hot.get_bytes, hot.gets * 20_000);
        assert_eq!(all.get_bytes - hot.get_bytes, small.get_bytes);
    }
}
