//! Sizes of keys and values, as a preset's text describes them.
//!
//! ```text
//! fixed:N                                uniform:LO:HI
//! lognormal:MEDIAN:SIGMA:MIN:MAX         median * exp(sigma * z), z standard normal
//! gev:MU:SIGMA:K:MIN:MAX                 mu + sigma * ((-ln u)^-k - 1) / k
//! gpareto:LOC:SCALE:SHAPE:MIN:MAX        loc + scale * (u^-shape - 1) / shape
//! hist:LO-HI=SHARE;...|OTHER             a bin by its share, evenly within; OTHER takes the rest
//! ```
//!
//! Both ends of a range are included; u is uniform within (0, 1); what is drawn is rounded and then
//! cut to MIN..MAX.

use std::f64::consts::TAU;

use slabcore_bench::splitmix64::Splitmix64;

/// A distribution of numbers of bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeDistribution {
    shape: Shape,
}

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Uniform(u32, u32),
    Lognormal { median: f64, sigma: f64, range: (u32, u32) },
    Gev { mu: f64, sigma: f64, k: f64, range: (u32, u32) },
    Gpareto { location: f64, scale: f64, shape: f64, range: (u32, u32) },
    Histogram { bins: Vec<Bin>, rest: Option<Box<Shape>> },
}

#[derive(Clone, Debug, PartialEq)]
struct Bin {
    low: u32,
    high: u32,
    share: f64,
}

impl SizeDistribution {
    /// Reads a distribution. Returns `None` for another form or an empty range.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Shape::parse(text).map(|shape| Self { shape })
    }

    /// A size in bytes.
    pub fn draw(&self, random: &mut Splitmix64) -> u32 {
        self.shape.draw(random)
    }
}

impl Shape {
    fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once(':')?;
        if name == "hist" {
            return Self::parse_histogram(rest);
        }
        let numbers: Vec<f64> = rest.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
        let range = |low: f64, high: f64| {
            let range = (low as u32, high as u32);
            (low >= 0.0 && range.0 <= range.1).then_some(range)
        };
        Some(match (name, numbers.as_slice()) {
            ("fixed", &[size]) => Self::Uniform(range(size, size)?.0, size as u32),
            ("uniform", &[low, high]) => {
                let (low, high) = range(low, high)?;
                Self::Uniform(low, high)
            }
            ("lognormal", &[median, sigma, low, high]) => {
                Self::Lognormal { median, sigma, range: range(low, high)? }
            }
            ("gev", &[mu, sigma, k, low, high]) => {
                Self::Gev { mu, sigma, k, range: range(low, high)? }
            }
            ("gpareto", &[location, scale, shape, low, high]) => {
                Self::Gpareto { location, scale, shape, range: range(low, high)? }
            }
            _ => return None,
        })
    }

    fn parse_histogram(text: &str) -> Option<Self> {
        let (bins, rest) = match text.split_once('|') {
            None => (text, None),
            Some((bins, rest)) => (bins, Some(Box::new(Self::parse(rest)?))),
        };
        let bin = |text: &str| {
            let (range, share) = text.split_once('=')?;
            let (low, high) = range.split_once('-')?;
            let (low, high) = (low.parse().ok()?, high.parse().ok()?);
            (low <= high).then_some(Bin { low, high, share: share.parse().ok()? })
        };
        Some(Self::Histogram { bins: bins.split(';').map(bin).collect::<Option<_>>()?, rest })
    }

    fn draw(&self, random: &mut Splitmix64) -> u32 {
        match self {
            Self::Uniform(low, high) => evenly(*low, *high, random),
            Self::Lognormal { median, sigma, range } => {
                cut(median * (sigma * standard_normal(random)).exp(), *range)
            }
            Self::Gev { mu, sigma, k, range } => {
                cut(mu + sigma * ((-random.uniform().ln()).powf(-k) - 1.0) / k, *range)
            }
            Self::Gpareto { location, scale, shape, range } => {
                cut(location + scale * (random.uniform().powf(-shape) - 1.0) / shape, *range)
            }
            Self::Histogram { bins, rest } => {
                let mut left = random.uniform();
                for bin in bins {
                    if left < bin.share {
                        return evenly(bin.low, bin.high, random);
                    }
                    left -= bin.share;
                }
                match (rest, bins.last()) {
                    (Some(rest), _) => rest.draw(random),
                    // Rounded shares may sum to a little less than 1.
                    (None, Some(last)) => evenly(last.low, last.high, random),
                    (None, None) => 0,
                }
            }
        }
    }
}

/// A whole number, both ends included.
fn evenly(low: u32, high: u32, random: &mut Splitmix64) -> u32 {
    low + (random.draw() % (u64::from(high - low) + 1)) as u32
}

fn cut(size: f64, (low, high): (u32, u32)) -> u32 {
    // Infinity, for u close to an end, is limited like any number.
    size.round().clamp(f64::from(low), f64::from(high)) as u32
}

/// Draws by the method of Box and Muller.
fn standard_normal(random: &mut Splitmix64) -> f64 {
    let radius = (-2.0 * random.uniform().ln()).sqrt();
    radius * (TAU * random.uniform()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 200,000 sizes in ascending order.
    fn sizes(text: &str) -> Vec<u32> {
        let distribution = SizeDistribution::parse(text).expect(text);
        let mut random = Splitmix64::new(1);
        let mut sizes: Vec<u32> = (0..200_000).map(|_| distribution.draw(&mut random)).collect();
        sizes.sort_unstable();
        sizes
    }

    fn mean(sizes: &[u32]) -> f64 {
        sizes.iter().map(|size| f64::from(*size)).sum::<f64>() / sizes.len() as f64
    }

    #[test]
    fn means_are_the_published_ones() {
        // Text, mean; in the last two the mean comes from the closed form of the distribution.
        let cases = [
            ("fixed:20", 20.0),
            ("uniform:16:250", 133.0),
            ("lognormal:165.6:1:1:1000000", 273.0),
            ("lognormal:17.0:1:1:1000000", 28.0),
            ("gev:30.7984:8.20449:0.078688:16:250", 36.2),
            ("hist:16-16=0.5;21-21=0.5", 18.5),
            // loc + scale / (1 - shape)
            ("gpareto:15:214.476:0.348238:15:1000000", 15.0 + 214.476 / (1.0 - 0.348_238)),
            // A tenth from the first, the rest from the second.
            ("hist:10-20=0.1|uniform:100:200", 0.1 * 15.0 + 0.9 * 150.0),
        ];
        for (text, expected) in cases {
            let mean = mean(&sizes(text));
            assert!((mean / expected - 1.0).abs() < 0.015, "{text}: {mean}");
        }
    }

    #[test]
    fn ends_are_included_and_kept() {
        for (text, low, high) in [
            ("uniform:3:5", 3, 5),
            ("hist:0-0=0.5;7-9=0.5", 0, 9),
            ("lognormal:100:1:90:110", 90, 110),
            ("gpareto:15:214.476:0.348238:15:1000", 15, 1000),
        ] {
            let sizes = sizes(text);
            assert_eq!((sizes[0], sizes[sizes.len() - 1]), (low, high), "{text}");
        }
    }

    #[test]
    fn medians_are_those_of_the_formula() {
        // mu + sigma * (ln 2 ^ -k - 1) / k
        let gev = 30.7984 + 8.20449 * (std::f64::consts::LN_2.powf(-0.078_688) - 1.0) / 0.078_688;
        for (text, expected) in
            [("lognormal:165.6:1:1:1000000", 165.6), ("gev:30.7984:8.20449:0.078688:16:250", gev)]
        {
            let median = f64::from(sizes(text)[100_000]);
            assert!((median - expected).abs() < 1.5, "{text}: {median}");
        }
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        for text in
            ["", "fixed", "fixed:", "fixed:-1", "uniform:5:3", "gev:1:2:3", "hist:1-2", "x:1"]
        {
            assert_eq!(SizeDistribution::parse(text), None, "{text}");
        }
    }
}
