//! Causes of slow operations other than their own work: page faults, other threads, and a
//! hypervisor that runs another machine.

use std::time::Duration;
use std::{fs, io};

use nix::sys::resource::{UsageWho, getrusage};

/// Ticks of /proc/stat in a second, on every architecture that Linux runs on with `USER_HZ` 100.
const TICKS_PER_SECOND: u64 = 100;

/// Disturbances of a thread, since its start or since an earlier reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disturbances {
    /// Page faults of all kinds. None of them reads from a disk here.
    pub page_faults: u64,
    /// How often the thread left its core, voluntarily or not.
    pub switches: u64,
}

impl Disturbances {
    /// Disturbances of the calling thread since its start.
    pub fn of_this_thread() -> io::Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
        let faults = usage.minor_page_faults() + usage.major_page_faults();
        let switches = usage.voluntary_context_switches() + usage.involuntary_context_switches();
        Ok(Self { page_faults: faults as u64, switches: switches as u64 })
    }

    /// The difference between two readings.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            page_faults: self.page_faults - earlier.page_faults,
            switches: self.switches - earlier.switches,
        }
    }

    /// Whether there was none.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// Time that the hypervisor took from this core since the machine started, to 10 ms.
pub fn stolen(core: usize) -> io::Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    let ticks = steal_ticks(&text, core).ok_or_else(|| io::Error::other("no core in /proc/stat"));
    Ok(Duration::from_millis(ticks? * 1000 / TICKS_PER_SECOND))
}

/// The eighth number of the core's line.
fn steal_ticks(stat: &str, core: usize) -> Option<u64> {
    let name = format!("cpu{core} ");
    let numbers = stat.lines().find_map(|line| line.strip_prefix(&name))?;
    numbers.split_ascii_whitespace().nth(7)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_the_cores_own() {
        let stat = "cpu  1 2 3 4 5 6 7 80 9 10\ncpu1 1 2 3 4 5 6 7 8 9 10\n\
                    cpu10 1 2 3 4 5 6 7 70 9 10\nintr 1\n";
        assert_eq!(steal_ticks(stat, 1), Some(8));
        assert_eq!(steal_ticks(stat, 10), Some(70));
        assert_eq!(steal_ticks(stat, 0), None);
    }

    #[test]
    fn a_first_write_to_new_memory_is_a_page_fault() {
        let before = Disturbances::of_this_thread().unwrap();
        let mut memory = memmap2::MmapMut::map_anon(1 << 20).unwrap();
        memory[0] = 1;
        let met = Disturbances::of_this_thread().unwrap().since(before);
        assert!(met.page_faults >= 1 && !met.is_none(), "{met:?}");
    }
}
