//! CPU time and memory of the process, as the kernel counts them.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// CPU time in the form of `stats`: seconds with all six decimal places: exporters misread fewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceUsage {
    pub(crate) user: String,
    pub(crate) system: String,
}

impl ResourceUsage {
    /// The CPU time of all threads so far.
    pub(crate) fn now() -> Self {
        match getrusage(UsageWho::RUSAGE_SELF) {
            Ok(usage) => Self { user: text(usage.user_time()), system: text(usage.system_time()) },
            Err(_) => Self { user: "0.000000".to_owned(), system: "0.000000".to_owned() },
        }
    }
}

/// Resident memory of the process, from the kernel; 0 if it does not tell.
pub(crate) fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

fn text(time: TimeVal) -> String {
    format!("{}.{:06}", time.tv_sec(), time.tv_usec())
}
