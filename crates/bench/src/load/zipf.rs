//! Zipf's distribution of popularity.

use crate::splitmix64::Splitmix64;

/// Ranks from 0. Rank r is drawn in proportion to r + 1 to the power of minus an exponent.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// Sums of the weights up to each rank.
    cumulative: Vec<f64>,
}

impl Zipf {
    /// A distribution over this many ranks, at least 1.
    #[must_use]
    pub fn new(exponent: f64, ranks: u32) -> Self {
        assert!(ranks > 0);
        let mut sum = 0.0;
        let cumulative = (1..=ranks)
            .map(|rank| {
                sum += f64::from(rank).powf(-exponent);
                sum
            })
            .collect();
        Self { cumulative }
    }

    /// A rank, by inversion of the cumulative weights.
    pub fn draw(&self, random: &mut Splitmix64) -> u32 {
        let last = self.cumulative.len() - 1;
        let at = random.uniform() * self.cumulative[last];
        self.cumulative.partition_point(|&weight| weight <= at).min(last) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_drawn_as_their_weights_say() {
        let (ranks, draws) = (1000, 2_000_000);
        let zipf = Zipf::new(0.99, ranks);
        let weight = |rank: u32| f64::from(rank + 1).powf(-0.99);
        let sum: f64 = (0..ranks).map(weight).sum();
        let mut random = Splitmix64::new(7);
        let mut counts = vec![0_u32; ranks as usize];
        for _ in 0..draws {
            counts[zipf.draw(&mut random) as usize] += 1;
        }
        for rank in [0, 1, 9] {
            let share = f64::from(counts[rank as usize]) / f64::from(draws);
            assert!((share * sum / weight(rank) - 1.0).abs() < 0.05, "rank {rank}: {share}");
        }
        let tail: u32 = counts[500..].iter().sum();
        let expected: f64 = (500..ranks).map(weight).sum::<f64>() / sum;
        let share = f64::from(tail) / f64::from(draws);
        assert!((share / expected - 1.0).abs() < 0.05, "ranks from 500: {share}");
    }

    #[test]
    fn one_rank_is_always_drawn() {
        let mut random = Splitmix64::new(1);
        assert_eq!(Zipf::new(1.0, 1).draw(&mut random), 0);
    }
}
