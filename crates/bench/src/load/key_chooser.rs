//! Chooses the next key.

use std::sync::Arc;

use crate::limits::DRAWS;
use crate::load::workload::KeyOrder;
use crate::load::zipf::Zipf;
use crate::splitmix64::Splitmix64;

/// Draws key numbers below a bound, in one of the orders of [`KeyOrder`].
#[derive(Clone, Debug)]
pub struct KeyChooser {
    keys: u32,
    order: Order,
}

#[derive(Clone, Debug)]
enum Order {
    Uniform(Splitmix64),
    /// Keys drawn ahead, because a draw costs more than its request.
    Drawn {
        draws: Arc<[u32]>,
        at: usize,
    },
    Sequential(u32),
}

impl KeyChooser {
    /// Numbers below `keys`, at least 1. The seed makes a run repeatable.
    #[must_use]
    pub fn new(order: KeyOrder, keys: u32, seed: u64) -> Self {
        assert!(keys > 0);
        let order = match order {
            KeyOrder::Uniform => Order::Uniform(Splitmix64::new(seed)),
            KeyOrder::Zipf(exponent) => {
                Order::Drawn { draws: zipf_draws(exponent, keys, seed), at: 0 }
            }
            KeyOrder::Sequential => Order::Sequential(0),
        };
        Self { keys, order }
    }

    /// The next key's number.
    pub fn choose(&mut self) -> u32 {
        match &mut self.order {
            Order::Uniform(random) => random.below(self.keys),
            Order::Drawn { draws, at } => {
                *at = if *at + 1 == draws.len() { 0 } else { *at + 1 };
                draws[*at]
            }
            Order::Sequential(next) => {
                let key = *next;
                *next = if key + 1 == self.keys { 0 } else { key + 1 };
                key
            }
        }
    }
}

/// [`DRAWS`] keys.
fn zipf_draws(exponent: f64, keys: u32, seed: u64) -> Arc<[u32]> {
    let mut random = Splitmix64::new(seed);
    let ranks = Zipf::new(exponent, keys);
    (0..DRAWS).map(|_| scatter(ranks.draw(&mut random), keys)).collect()
}

/// Spreads neighbouring ranks over the keys, so that the hot ones do not also lie side by side in
/// the memory of a server that was filled in key order.
fn scatter(rank: u32, keys: u32) -> u32 {
    // A prime above every key count has no common factor with it: the mapping is one to one.
    const PRIME: u64 = 2_654_435_761;
    (u64::from(rank) * PRIME % u64::from(keys)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scattering_is_one_to_one() {
        for keys in [1, 2, 1000, 65_536] {
            let mut seen = vec![false; keys as usize];
            for rank in 0..keys {
                assert!(!std::mem::replace(&mut seen[scatter(rank, keys) as usize], true));
            }
        }
    }

    #[test]
    fn zipf_prefers_the_first_rank_as_its_weight_says() {
        let keys = 1000;
        let draws = zipf_draws(0.99, keys, 7);
        let weight: f64 = (1..=keys).map(|rank| f64::from(rank).powf(-0.99)).sum();
        let hottest = draws.iter().filter(|&&key| key == scatter(0, keys)).count();
        let share = hottest as f64 / draws.len() as f64;
        assert!((share * weight - 1.0).abs() < 0.05, "share {share}");
        assert!(draws.iter().all(|&key| key < keys));
    }

    #[test]
    fn sequential_goes_round() {
        let mut chooser = KeyChooser::new(KeyOrder::Sequential, 3, 0);
        let drawn: Vec<u32> = (0..7).map(|_| chooser.choose()).collect();
        assert_eq!(drawn, [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn uniform_stays_below_the_bound_and_meets_every_key() {
        let mut chooser = KeyChooser::new(KeyOrder::Uniform, 10, 1);
        let mut seen = [false; 10];
        for _ in 0..1000 {
            seen[chooser.choose() as usize] = true;
        }
        assert_eq!(seen, [true; 10]);
    }
}
