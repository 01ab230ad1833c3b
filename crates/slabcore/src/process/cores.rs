//! The cores that executors run on: the affinity mask of the process, and the CPU quota of its
//! control group.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::thread::{CpuSet, sched_getaffinity};

use crate::refusal::Refusal;

/// Where control groups are mounted. Those of version 1 are in a folder for each controller.
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
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self { usable, quota: smallest_quota(&groups, Path::new(CGROUP_ROOT)) }
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

/// The smallest quota of this process's control groups and the groups that contain them. `groups`
/// is the process's `cgroup` file.
fn smallest_quota(groups: &str, root: &Path) -> Option<usize> {
    groups.lines().filter_map(|line| smallest_quota_of(line, root)).min()
}

/// The smallest quota of one line, "hierarchy:controllers:/path". In a container the path may be
/// just "/", or that of the machine, which does not exist there.
fn smallest_quota_of(line: &str, root: &Path) -> Option<usize> {
    let (controllers, path) = line.split_once(':')?.1.split_once(":/")?;
    let (root, read): (PathBuf, fn(&Path) -> Option<String>) = match controllers {
        "" => (root.to_owned(), |group| fs::read_to_string(group.join("cpu.max")).ok()),
        _ if controllers.split(',').any(|it| it == "cpu") => (root.join("cpu"), version_1_quota),
        _ => return None,
    };
    let group = root.join(path);
    let groups = group.ancestors().take_while(|at| at.starts_with(&root));
    groups.filter_map(read).filter_map(|text| quota_cores(&text)).min()
}

/// The quota of a group of version 1 in the form of version 2.
fn version_1_quota(group: &Path) -> Option<String> {
    let read = |name| fs::read_to_string(group.join(name)).ok();
    Some(format!("{} {}", read("cpu.cfs_quota_us")?.trim(), read("cpu.cfs_period_us")?))
}

/// The quota of a `cpu.max` file in cores. The file has "quota period" in microseconds; without a
/// quota it has "max", and version 1 has -1.
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
        check("-1 100000\n", None);
        check("100000 100000\n", Some(1));
        check("150000 100000\n", Some(2));
        check("10000 100000\n", Some(1));
        check("400000 100000", Some(4));
        check("100000 0", None);
        check("", None);
    }

    /// Only version 2 was looked at.
    #[test]
    fn the_smallest_quota_counts() {
        let root = std::env::temp_dir().join(format!("slabcore-quota-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("pods/cpu.max", "200000 100000\n");
        write("pods/one/cpu.max", "max 100000\n");
        write("cpu/cpu.cfs_quota_us", "-1\n");
        write("cpu/cpu.cfs_period_us", "100000\n");
        write("cpu/pod/cpu.cfs_quota_us", "250000\n");
        write("cpu/pod/cpu.cfs_period_us", "100000\n");
        let check = |groups: &str, expected: Option<usize>| {
            assert_eq!(smallest_quota(groups, &root), expected, "{groups:?}");
        };
        check("", None);
        check("0::/\n", None);
        check("0::/pods\n", Some(2));
        check("0::/pods/one\n", Some(2));
        check("5:cpu,cpuacct:/pod\n", Some(3));
        check("5:cpuset:/pod\n4:cpu:/\n", None);
        check("5:cpu,cpuacct:/pod/of/the/machine\n0::/pods\n", Some(2));
        fs::remove_dir_all(root).unwrap();
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
