//! A check of the miss-ratio curve: what a cache predicts for other sizes of its memory, beside
//! what caches of these sizes miss.

use std::error::Error;
use std::io;

use slabcore_storage::{CURVE_QUARTERS, CURVE_SIZES};

use crate::replay::local_store::LocalStore;
use crate::replay::trace_copies::TraceCopies;
use crate::replay::wire_replay::WireReplay;
use slabcore_bench::servers::server_process::ServerProcess;
use slabcore_bench::servers::session::Session;

/// Names of the sizes in `stats mrc`.
const FACTORS: [&str; CURVE_SIZES] = ["0.25", "0.5", "1", "2", "4"];

/// The size that predicts.
const OWN_SIZE: usize = 2;

/// Misses in percent of gets, with each size of the memory.
#[derive(Clone, Copy, Debug)]
pub struct CurveCheck {
    /// As the cache of the middle size predicts them.
    pub predicted: [f64; CURVE_SIZES],
    /// As caches of these sizes have them.
    pub measured: [f64; CURVE_SIZES],
}

impl CurveCheck {
    /// Replays requests to stores within this process, the middle one of this many MiB.
    #[must_use]
    pub fn of_stores(memory_mib: usize, speed: u32, requests: &TraceCopies<'_>) -> Self {
        let mut check = Self { predicted: [0.0; CURVE_SIZES], measured: [0.0; CURVE_SIZES] };
        for size in 0..CURVE_SIZES {
            let mut store = LocalStore::new(memory_of(memory_mib, size));
            check.measured[size] = store.play(requests.clone(), speed).miss_percent();
            if size == OWN_SIZE {
                let counts = store.curve_counts();
                check.predicted = core::array::from_fn(|size| {
                    100.0 * counts.predicted_misses(size) as f64 / counts.reads as f64
                });
            }
        }
        check
    }

    /// Replays requests to servers, which `start` starts with this many MiB.
    pub fn of_servers(
        memory_mib: usize,
        requests: &TraceCopies<'_>,
        start: impl Fn(usize) -> io::Result<ServerProcess>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut check = Self { predicted: [0.0; CURVE_SIZES], measured: [0.0; CURVE_SIZES] };
        for size in 0..CURVE_SIZES {
            let server = start(memory_of(memory_mib, size))?;
            let tally = WireReplay::connect(server.address())?.play(requests.clone())?;
            check.measured[size] = tally.miss_percent();
            if size == OWN_SIZE {
                check.predicted = predictions(&Session::open(server.address())?.stats("mrc")?)?;
            }
        }
        Ok(check)
    }

    /// The names of the sizes: factors of the memory.
    #[must_use]
    pub const fn factors() -> [&'static str; CURVE_SIZES] {
        FACTORS
    }

    /// The largest difference between prediction and measurement, in points of a percentage.
    #[must_use]
    pub fn error(&self) -> f64 {
        let pairs = self.predicted.iter().zip(&self.measured);
        pairs.map(|(predicted, measured)| (predicted - measured).abs()).fold(0.0, f64::max)
    }
}

fn memory_of(memory_mib: usize, size: usize) -> usize {
    (memory_mib * CURVE_QUARTERS[size] as usize / 4).max(1)
}

/// The percentages of misses that `stats mrc` predicts, counted since the start.
fn predictions(stats: &[(String, String)]) -> Result<[f64; CURVE_SIZES], Box<dyn Error>> {
    let value = |name: &str| -> Result<f64, Box<dyn Error>> {
        let line = stats.iter().find(|(found, _)| found == name);
        let (_, value) = line.ok_or_else(|| format!("stats mrc has no {name}"))?;
        Ok(value.parse()?)
    };
    let requests = value("requests")?;
    let mut percent = [0.0; CURVE_SIZES];
    for (percent, factor) in percent.iter_mut().zip(FACTORS) {
        *percent = 100.0 * value(&format!("{factor}:misses"))? / requests;
    }
    Ok(percent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::trace::{Record, Verb};
    use crate::replay::trace_copies::ValueSizes;
    use slabcore_bench::splitmix64::Splitmix64;

    /// Requests of which low keys are asked for more often.
    #[test]
    fn stores_of_other_sizes_miss_what_is_predicted() {
        let mut random = Splitmix64::new(1);
        let records: Vec<Record> = (0..200_000)
            .map(|_| {
                let draws = [random.draw() % 40_000, random.draw() % 40_000];
                let key = draws[0] * draws[1] / 40_000;
                Record { time_s: 0, verb: Verb::Get, value_bytes: 300, key }
            })
            .collect();
        let requests = TraceCopies::new(&records, 1, ValueSizes::Unit(300));
        let check = CurveCheck::of_stores(4, 1, &requests);
        assert!(check.measured.is_sorted_by(|a, b| a > b), "{check:?}");
        assert!(check.error() < 3.0, "{check:?}");
    }
}
