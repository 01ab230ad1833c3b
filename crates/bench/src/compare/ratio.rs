//! The ratio of two servers' figures, and how sure it is.

/// A ratio with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The geometric mean of the ratios of neighbouring windows.
    pub ratio: f64,
    /// Where the ratio is with a probability of 95 %; `None` of one window.
    pub interval: Option<(f64, f64)>,
}

/// 97.5 % quantiles of Student's t distribution, from one degree of freedom on.
const T_QUANTILES: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// The same of the normal distribution.
const NORMAL_QUANTILE: f64 = 1.960;

impl Ratio {
    /// Of pairs of figures that were measured next to each other. Their logarithms are taken as
    /// normally distributed: a paired t interval. NaN of no pairs.
    #[must_use]
    pub fn of_pairs(pairs: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let logarithms: Vec<f64> = pairs.into_iter().map(|(a, b)| (a / b).ln()).collect();
        let count = logarithms.len() as f64;
        let mean = logarithms.iter().sum::<f64>() / count;
        let interval = (logarithms.len() > 1).then(|| {
            let squares: f64 = logarithms.iter().map(|it| (it - mean).powi(2)).sum();
            let freedom = logarithms.len() - 1;
            let quantile = T_QUANTILES.get(freedom - 1).copied().unwrap_or(NORMAL_QUANTILE);
            let half = quantile * (squares / freedom as f64 / count).sqrt();
            ((mean - half).exp(), (mean + half).exp())
        });
        Self { ratio: mean.exp(), interval }
    }

    /// As text, such as `1.50 (1.42 to 1.58)`.
    #[must_use]
    pub fn text(&self) -> String {
        match self.interval {
            Some((low, high)) => format!("{:.2} ({low:.2} to {high:.2})", self.ratio),
            None => format!("{:.2}", self.ratio),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splitmix64::Splitmix64;

    #[test]
    fn the_interval_of_known_pairs() {
        let one = Ratio::of_pairs([(3.0, 2.0)]);
        assert_eq!((one.text(), one.interval), ("1.50".to_owned(), None));
        let same = Ratio::of_pairs([(4.0, 2.0); 5]);
        assert_eq!(same.text(), "2.00 (2.00 to 2.00)");
        // ln 1 and ln 4: mean ln 2, deviation 0.980, half width 12.706 * 0.980 / sqrt 2.
        let (low, high) = Ratio::of_pairs([(1.0, 1.0), (4.0, 1.0)]).interval.unwrap();
        assert!((low.ln() - (2_f64.ln() - 8.807)).abs() < 0.01, "{low}");
        assert!((high.ln() - (2_f64.ln() + 8.807)).abs() < 0.01, "{high}");
    }

    /// Of many intervals, 95 % hold the true ratio.
    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        let mut random = Splitmix64::new(7);
        // The sum of twelve uniform numbers is nearly normal.
        let mut noise = || (0..12).map(|_| random.uniform()).sum::<f64>() - 6.0;
        let runs = 4_000;
        let holds = (0..runs).filter(|_| {
            let pairs: Vec<_> = (0..5).map(|_| (1.5 * (0.1 * noise()).exp(), 1.0)).collect();
            let (low, high) = Ratio::of_pairs(pairs).interval.unwrap();
            (low..high).contains(&1.5)
        });
        let share = holds.count() as f64 / f64::from(runs);
        assert!((0.935..0.965).contains(&share), "{share}");
    }
}
