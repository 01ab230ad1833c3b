//! One to four shards that exchange batches in random interleavings, compared with a model.
//!
//! The seed decides everything, and a failure names it. Each request is judged when its shard
//! executes it, because keys change in that order.

mod cluster;
mod model;
mod random;
mod request;
mod string_model;
mod strings;

use std::ops::Range;

use crate::cluster::Cluster;

/// Seeds of each test; an interpreter that looks for undefined behaviour has time for few.
const SEEDS: Range<u64> = if cfg!(miri) { 1..2 } else { 0..48 };
const STEPS: usize = if cfg!(miri) { 60 } else { 1_500 };
/// Steps between two recounts of all shards.
const STEPS_PER_CHECK: usize = 10;

/// Names the seed if its run fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed is {}", self.0);
        }
    }
}

/// Runs one seed and returns how many items were evicted.
fn simulate(seed: u64, pages_per_shard: usize, tight: bool) -> u64 {
    let seed = Seed(seed);
    let shards = 1 + seed.0 as usize % 4;
    let mut cluster = Cluster::new(seed.0, shards, shards * pages_per_shard, tight);
    for step in 0..STEPS {
        cluster.step();
        if step % STEPS_PER_CHECK == 0 {
            cluster.check();
        }
    }
    cluster.settle();
    cluster.evicted()
}

#[test]
fn where_there_is_room_every_reply_is_the_models() {
    for seed in SEEDS {
        assert_eq!(simulate(seed, 200, false), 0);
    }
}

#[test]
fn where_memory_is_short_a_hit_is_the_last_write() {
    let evicted: u64 = SEEDS.map(|seed| simulate(seed, 12, true)).sum();
    assert!(evicted > 0 || cfg!(miri), "nothing was evicted: the memory was not short");
}
