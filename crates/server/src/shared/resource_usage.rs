//! CPU time of the process, in the form of `stats`.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Seconds with all six decimal places: exporters misread fewer.
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

fn text(time: TimeVal) -> String {
    format!("{}.{:06}", time.tv_sec(), time.tv_usec())
}
