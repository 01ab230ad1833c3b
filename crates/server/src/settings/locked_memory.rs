//! Locked memory, which is never swapped out: how much the process may lock, and `-k`.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use tracing::warn;

/// Bytes that the process may lock. `None`: no limit.
pub(crate) fn limit_bytes() -> Option<u64> {
    let may_lock_all = capabilities(None)
        .is_ok_and(|capabilities| capabilities.effective.contains(CapabilitySet::IPC_LOCK));
    named_limit_bytes().filter(|_| !may_lock_all)
}

/// The limit that is set, even if the process is exempt from it.
pub(crate) fn named_limit_bytes() -> Option<u64> {
    getrlimit(Resource::Memlock).current
}

/// Runs `make` with a limit on locked memory that is lower by `kept_bytes`, but not below
/// `least_bytes`. The limit is the process's: two threads must not call this at the same time.
pub(crate) fn keeping<T>(kept_bytes: u64, least_bytes: u64, make: impl FnOnce() -> T) -> T {
    let before = getrlimit(Resource::Memlock);
    let lowered = limit_bytes().map(|limit| limit.saturating_sub(kept_bytes).max(least_bytes));
    let Some(lowered) = lowered.filter(|lowered| before.current > Some(*lowered)) else {
        return make();
    };
    // A process may always lower its soft limit. If it cannot, memory is only scarcer.
    let _ = setrlimit(Resource::Memlock, Rlimit { current: Some(lowered), ..before });
    let made = make();
    let _ = setrlimit(Resource::Memlock, before);
    made
}

/// Locks all mapped memory, once all executors have what they need, and all that will be mapped. If
/// the system refuses, a warning says so and the server goes on.
///
/// Under a limit only what is mapped now is locked. A later mapping that exceeds the limit would
/// fail, and the process would end.
pub(crate) fn lock_all() {
    let (flags, has_limit) = match limit_bytes() {
        None => (MlockAllFlags::CURRENT | MlockAllFlags::FUTURE, false),
        Some(_) => (MlockAllFlags::CURRENT, true),
    };
    match mlockall(flags) {
        Ok(()) if has_limit => {
            warn!("warning: -k: later memory is not locked, because of a limit (ulimit -l)");
        }
        Ok(()) => {}
        Err(error) => {
            let why = std::io::Error::from(error);
            warn!("warning: -k invalid, mlockall() failed: {why}");
        }
    }
}
