//! How idle the cores are that this process may use, as the kernel counts it in `/proc/stat`.

use std::fs;

use rustix::param::clock_ticks_per_second;
use rustix::thread::{CpuSet, sched_getaffinity};

/// Counts since longer than this do not say what is idle now.
const AGE_MAX_MS: u64 = 1_000;

/// A count of idle time.
#[derive(Debug, Clone, Copy)]
struct IdleCount {
    at_ms: u64,
    /// The sum over the usable cores, in the kernel's ticks.
    ticks: u64,
}

/// The idle time of the usable cores.
#[derive(Debug)]
pub(super) struct IdleCores {
    usable: Option<CpuSet>,
    last: Option<IdleCount>,
}

impl IdleCores {
    /// Of the cores that the calling thread may use.
    pub(super) fn new() -> Self {
        Self { usable: sched_getaffinity(None).ok(), last: None }
    }

    /// How long cores were idle since the last call, together, in percent of this time. `None`: it
    /// is not known, or the last call was too long ago.
    pub(super) fn percent_since_last(&mut self, now_ms: u64) -> Option<u64> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let ticks = idle_ticks(&stat, |core| {
            self.usable.as_ref().is_none_or(|usable| core < CpuSet::MAX_CPU && usable.is_set(core))
        });
        let last = self.last.replace(IdleCount { at_ms: now_ms, ticks })?;
        let passed = now_ms.saturating_sub(last.at_ms);
        let idle_ms = ticks.saturating_sub(last.ticks) * 1_000 / clock_ticks_per_second();
        (1..=AGE_MAX_MS).contains(&passed).then(|| 100 * idle_ms / passed)
    }
}

/// The idle ticks of some cores, with those of waits for input and output.
fn idle_ticks(stat: &str, is_usable: impl Fn(usize) -> bool) -> u64 {
    let of_core = |line: &str| {
        let mut words = line.strip_prefix("cpu")?.split_ascii_whitespace();
        let core = words.next()?.parse().ok()?;
        let idle_and_waits = words.skip(3).take(2).filter_map(|it| it.parse::<u64>().ok());
        is_usable(core).then(|| idle_and_waits.sum::<u64>())
    };
    // The first line is the sum over all cores, and has no number.
    stat.lines().skip(1).take_while(|line| line.starts_with("cpu")).filter_map(of_core).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "\
cpu  100 0 100 700 90 0 10 0 0 0
cpu0 50 0 50 300 40 0 10 0 0 0
cpu1 50 0 50 400 50 0 0 0 0 0
cpu12 1 2 3 4 5 6 7 8 9 10
intr 12345 0 9
cpu13 1 1 1 1 1 1
";

    #[test]
    fn idle_ticks_of_usable_cores() {
        assert_eq!(idle_ticks(STAT, |_| true), 340 + 450 + 9);
        assert_eq!(idle_ticks(STAT, |core| core == 1), 450);
        assert_eq!(idle_ticks(STAT, |core| core == 13), 0);
        assert_eq!(idle_ticks("", |_| true), 0);
    }

    #[test]
    fn the_kernel_counts_idle_time() {
        let mut idle = IdleCores::new();
        assert_eq!(idle.percent_since_last(1_000), None);
        assert!(idle.percent_since_last(1_100).is_some());
        assert_eq!(idle.percent_since_last(1_100), None, "no time has passed");
        assert_eq!(idle.percent_since_last(9_000), None, "too long ago");
    }
}
