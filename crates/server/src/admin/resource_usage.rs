//! CPU time of this process, as `stats` prints it.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Seconds with six digits behind the point; all of them, or exporters misread it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceUsage {
    pub(crate) user: String,
    pub(crate) system: String,
}

impl ResourceUsage {
    /// As of now, over all threads.
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
