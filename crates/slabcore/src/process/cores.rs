//! The cores that executors run on: the affinity mask of the process, and the CPU quota of its
//! control group.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::thread::{CpuSet, sched_getaffinity};

use crate::refusal::Refusal;

/// Where control groups of version 2 are mounted.
const CGROUP_ROOT: &str = "/sys/fs/cgroup";

/// The cores that this process may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cores {
    /// The cores of the affinity mask, ascending, never empty.
    pub(crate) usable: Vec<usize>,
    /// The CPU quota in cores, rounded up; `None` without a quota.
    pub(crate) quota: Option<usize>,
}

impl Cores {
    /// Reads the affinity mask and the quota.
    pub(crate) fn of_this_process() -> Self {
        let usable = match sched_getaffinity(None) {
            Ok(set) => (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect(),
            // The machine has more cores than a mask of ours can hold. Core 0 exists.
            Err(_) => vec![0],
        };
        Self { usable, quota: smallest_quota() }
    }

    /// The number of shards without `-t`.
    pub(crate) fn default_shards(&self) -> usize {
        self.quota.map_or(self.usable.len(), |quota| quota.min(self.usable.len()))
    }

    /// Parses `--cores`: numbers and ranges, separated by commas. Each core must be usable and
    /// named once.
    pub(crate) fn parse(&self, list: &str) -> Result<Vec<usize>, Refusal> {
        let invalid = || Refusal::usage(format!("Invalid list of cores: \"{list}\""));
        let mut cores = Vec::new();
        for entry in list.split(',') {
            let (first, last) = entry.split_once('-').unwrap_or((entry, entry));
            let first = first.trim().parse::<usize>().map_err(|_| invalid())?;
            let last = last.trim().parse::<usize>().map_err(|_| invalid())?;
            if first > last || last >= CpuSet::MAX_CPU {
                return Err(invalid());
            }
            for core in first..=last {
                if !self.usable.contains(&core) {
                    return Err(Refusal::usage(format!("Core {core} is not usable here")));
                }
                if cores.contains(&core) {
                    return Err(Refusal::usage(format!("Core {core} is named twice")));
                }
                cores.push(core);
            }
        }
        Ok(cores)
    }
}

/// The smallest quota of this process's control group and the groups that contain it.
fn smallest_quota() -> Option<usize> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    // Version 2 is the entry "0::/path"; inside a container the path is often just "/".
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let group: PathBuf = Path::new(CGROUP_ROOT).join(path);
    group
        .ancestors()
        .take_while(|at| at.starts_with(CGROUP_ROOT))
        .filter_map(|at| fs::read_to_string(at.join("cpu.max")).ok())
        .filter_map(|text| quota_cores(&text))
        .min()
}

/// The quota of a `cpu.max` file in cores. The file has "quota period" in microseconds, or "max
/// period".
fn quota_cores(text: &str) -> Option<usize> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period) = (quota.parse::<usize>().ok()?, period.parse::<usize>().ok()?);
    (period > 0).then(|| quota.div_ceil(period).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_round_up() {
        let check = |text: &str, expected: Option<usize>| {
            assert_eq!(quota_cores(text), expected, "{text:?}");
        };
        check("max 100000\n", None);
        check("100000 100000\n", Some(1));
        check("150000 100000\n", Some(2));
        check("10000 100000\n", Some(1));
        check("400000 100000", Some(4));
        check("100000 0", None);
        check("", None);
    }

    #[test]
    fn the_quota_limits_the_default() {
        let check = |cores: usize, quota: Option<usize>, expected: usize| {
            let cores = Cores { usable: (0..cores).collect(), quota };
            assert_eq!(cores.default_shards(), expected, "{cores:?}");
        };
        check(8, None, 8);
        check(8, Some(2), 2);
        check(2, Some(8), 2);
    }

    #[test]
    fn lists() {
        let cores = Cores { usable: vec![0, 1, 2, 5], quota: None };
        let check = |list: &str, expected: Result<&[usize], &str>| {
            let got = cores.parse(list).map_err(|refusal| {
                assert_eq!(refusal.exit_code, 64);
                refusal.to_string()
            });
            assert_eq!(got.as_deref().map_err(String::as_str), expected, "{list}");
        };
        check("1", Ok(&[1]));
        check("0-2,5", Ok(&[0, 1, 2, 5]));
        check("5, 0", Ok(&[5, 0]));
        check("3", Err("Core 3 is not usable here"));
        check("0-1,1", Err("Core 1 is named twice"));
        check("2-1", Err("Invalid list of cores: \"2-1\""));
        check("", Err("Invalid list of cores: \"\""));
        check("0-99999999999", Err("Invalid list of cores: \"0-99999999999\""));
    }

    #[test]
    fn this_process_may_use_some_core() {
        assert!(Cores::of_this_process().default_shards() > 0);
    }
}
