//! The Prometheus families of histograms, which are summed over the shards.
//!
//! They are classic histograms, so any Prometheus can read them and `histogram_quantile` works on
//! them. Their borders are 1 and 1.5 times each power of two, of a microsecond or of one, and only
//! the powers above a second. So the ends of a quantile's bucket differ by a half or a third.
//! Each border is one of the recorded buckets, so all counts are exact.

use crate::histogram::{CountHistogram, DurationHistogram, HistogramSnapshot};
use crate::shard_timings::ShardTimings;

/// One family.
#[derive(Debug)]
pub struct HistogramFamily {
    /// Full name with its prefix.
    pub name: &'static str,
    /// Text of the `HELP` line.
    pub help: &'static str,
    /// Where the values come from.
    pub source: HistogramSource,
}

/// Where the values of a family come from.
#[derive(Debug, Clone, Copy)]
pub enum HistogramSource {
    /// The times of requests, with the label `command`. Their borders are [`DURATION_BORDERS`].
    Requests,
    /// Durations. Their borders are [`DURATION_BORDERS`].
    Durations(fn(&ShardTimings) -> &DurationHistogram),
    /// Numbers of things. Their borders are [`COUNT_BORDERS`].
    Counts(fn(&ShardTimings) -> &CountHistogram),
}

impl HistogramSource {
    /// Names of the labels of the series, apart from `le`.
    pub const fn label_names(&self) -> &'static [&'static str] {
        match self {
            Self::Requests => &["command"],
            Self::Durations(_) | Self::Counts(_) => &[],
        }
    }
}

/// The families of histograms.
pub static HISTOGRAM_FAMILIES: &[HistogramFamily] = &[
    HistogramFamily {
        name: "slabcore_request_duration_seconds",
        help: "Time from the receipt of a request's last byte until its reply leaves.",
        source: HistogramSource::Requests,
    },
    HistogramFamily {
        name: "slabcore_turn_duration_seconds",
        help: "Lengths of the executors' turns in which something was done.",
        source: HistogramSource::Durations(|timings| &timings.turns),
    },
    HistogramFamily {
        name: "slabcore_turn_requests",
        help: "Requests that a turn answered, in turns that answered any.",
        source: HistogramSource::Counts(|timings| &timings.turn_requests),
    },
    HistogramFamily {
        name: "slabcore_hop_duration_seconds",
        help: "Time from when a batch is sent to another shard until its replies are taken.",
        source: HistogramSource::Durations(|timings| &timings.hops),
    },
    HistogramFamily {
        name: "slabcore_batch_requests",
        help: "Requests in one batch for another shard.",
        source: HistogramSource::Counts(|timings| &timings.batch_requests),
    },
];

/// Upper borders of durations, in nanoseconds: from 1 microsecond to 67 seconds.
pub const DURATION_BORDERS: [u64; 47] = borders(1_000, 20);

/// Upper borders of numbers of things: from 1 to 4,096.
pub const COUNT_BORDERS: [u64; 24] = borders(1, 12);

/// Powers of two times `first`, and one and a half times each of the first `halved` of them.
const fn borders<const N: usize>(first: u64, halved: usize) -> [u64; N] {
    let mut borders = [0; N];
    let (mut at, mut power) = (0, 0);
    while at < N {
        let border = first << power;
        borders[at] = border;
        at += 1;
        // There is nothing between 1 and 2.
        if power < halved && border > 1 {
            borders[at] = border + border / 2;
            at += 1;
        }
        power += 1;
    }
    borders
}

const _: () =
    assert!(are_borders::<125>(&DURATION_BORDERS) && DURATION_BORDERS[46] == 67_108_864_000);
const _: () = assert!(are_borders::<1>(&COUNT_BORDERS) && COUNT_BORDERS[23] == 4_096);

/// True if all of these are borders of recorded buckets.
const fn are_borders<const UNIT: u64>(borders: &[u64]) -> bool {
    let mut at = 0;
    while at < borders.len() {
        if !HistogramSnapshot::<UNIT>::is_border(borders[at]) {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::prometheus_names::{FAMILIES, SHARD_FAMILIES};
    use std::collections::HashSet;

    #[test]
    fn names_keep_the_exposition_rules() {
        let mut names: HashSet<&str> =
            FAMILIES.iter().chain(SHARD_FAMILIES).map(|family| family.name).collect();
        for family in HISTOGRAM_FAMILIES {
            let name = family.name;
            assert!(names.insert(name), "{name} twice");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            let is_duration = !matches!(family.source, HistogramSource::Counts(_));
            assert_eq!(name.ends_with("_seconds"), is_duration, "{name}");
            assert!(family.help.ends_with('.') && !family.help.contains(['\\', '\n']), "{name}");
        }
    }

    #[test]
    fn borders_rise() {
        assert!(DURATION_BORDERS.is_sorted_by(|a, b| a < b));
        assert!(COUNT_BORDERS.is_sorted_by(|a, b| a < b));
        assert_eq!(COUNT_BORDERS[..6], [1, 2, 3, 4, 6, 8]);
        assert_eq!(DURATION_BORDERS[..4], [1_000, 1_500, 2_000, 3_000]);
    }
}
