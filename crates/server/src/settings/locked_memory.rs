//! Memory that is never swapped out: how much the process may have of it, and `-k`.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use tracing::warn;

/// Bytes that the process may lock; `None`: as many as there are.
pub(crate) fn limit_bytes() -> Option<u64> {
    let may_lock_all = capabilities(None)
        .is_ok_and(|capabilities| capabilities.effective.contains(CapabilitySet::IPC_LOCK));
    named_limit_bytes().filter(|_| !may_lock_all)
}

/// The limit that is set, whether or not it counts for the process.
pub(crate) fn named_limit_bytes() -> Option<u64> {
    getrlimit(Resource::Memlock).current
}

/// Runs `make` with a limit on locked memory that is lower by `kept_bytes`, but not below
/// `least_bytes`. Not for two threads at the same time: the limit is the process's.
pub(crate) fn keeping<T>(kept_bytes: u64, least_bytes: u64, make: impl FnOnce() -> T) -> T {
    let before = getrlimit(Resource::Memlock);
    let lowered = limit_bytes().map(|limit| limit.saturating_sub(kept_bytes).max(least_bytes));
    let Some(lowered) = lowered.filter(|lowered| before.current > Some(*lowered)) else {
        return make();
    };
    // The soft limit moves below the hard one as one likes; if not, memory is only shorter.
    let _ = setrlimit(Resource::Memlock, Rlimit { current: Some(lowered), ..before });
    let made = make();
    let _ = setrlimit(Resource::Memlock, before);
    made
}

/// Locks what is mapped now, once all executors have what they need, and what will be mapped. What
/// the system refuses is said on stderr, and the server goes on.
///
/// Under a limit only what is there now is locked: what came later and found no room below the
/// limit could not be had at all, and the process would end.
pub(crate) fn lock_all() {
    let (flags, has_limit) = match limit_bytes() {
        None => (MlockAllFlags::CURRENT | MlockAllFlags::FUTURE, false),
        Some(_) => (MlockAllFlags::CURRENT, true),
    };
    match mlockall(flags) {
        Ok(()) if has_limit => {
            warn!("warning: -k: memory had later is not locked, as there is a limit (ulimit -l)");
        }
        Ok(()) => {}
        Err(error) => {
            let why = std::io::Error::from(error);
            warn!("warning: -k invalid, mlockall() failed: {why}");
        }
    }
}
