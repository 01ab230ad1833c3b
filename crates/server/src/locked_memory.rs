//! Memory that is never swapped out: how much the process may have of it, and `-k`.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, getrlimit};
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
