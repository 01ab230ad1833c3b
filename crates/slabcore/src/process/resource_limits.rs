//! Resource limits of the process: open files, locked memory, core files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::refusal::Refusal;

/// Descriptors of one shard besides its clients: rings, event descriptors, listening sockets.
const FILES_PER_SHARD: usize = 32;
/// Descriptors of the process as a whole: standard streams, the metrics socket and its connections.
const FILES_OF_PROCESS: usize = 32;

/// Raises the limit on open files for `connections` clients and `shards` executors.
///
/// Returns how many clients fit. A limit below `connections` is an error, as in memcached. If only
/// the executors' descriptors do not fit, fewer clients do.
pub(crate) fn allow_open_files(connections: usize, shards: usize) -> Result<usize, Refusal> {
    let beside = FILES_OF_PROCESS + FILES_PER_SHARD * shards;
    let limit = getrlimit(Resource::Nofile);
    let wanted = connections.saturating_add(beside) as u64;
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(connections);
    }
    // Root may raise the hard limit too. `None` means unlimited.
    let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
    if setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok() {
        return Ok(connections);
    }
    let hard = limit.maximum.unwrap_or(wanted);
    connections_that_fit(connections, beside, hard)
        .filter(|_| setrlimit(Resource::Nofile, Rlimit { current: Some(hard), ..limit }).is_ok())
        .ok_or_else(|| {
            Refusal::os_error(
                "failed to set rlimit for open files. \
                 Try starting as root or requesting smaller maxconns value.",
            )
        })
}

/// The number of clients that fit under a hard limit on open files.
fn connections_that_fit(connections: usize, beside: usize, hard: u64) -> Option<usize> {
    let hard = usize::try_from(hard).unwrap_or(usize::MAX);
    (hard >= connections && hard > beside).then(|| connections.min(hard - beside))
}

/// Raises the limit on locked memory as far as possible: rings are charged to it, and `-k` needs
/// it. A failure is not an error here; what lacks locked memory later reports it.
pub(crate) fn allow_locked_memory() {
    let unlimited = Rlimit { current: None, maximum: None };
    if setrlimit(Resource::Memlock, unlimited).is_err() {
        let limit = getrlimit(Resource::Memlock);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        // Raising the soft limit to the hard limit needs no privilege.
        let _ = setrlimit(Resource::Memlock, raised);
    }
}

/// `-r`: raises the limit on core files to unlimited, or else to the hard limit.
pub(crate) fn allow_core_files() -> Result<(), Refusal> {
    let unlimited = Rlimit { current: None, maximum: None };
    if setrlimit(Resource::Core, unlimited).is_err() {
        let maximum = getrlimit(Resource::Core).maximum;
        // The check below finds a failure.
        let _ = setrlimit(Resource::Core, Rlimit { current: maximum, maximum });
    }
    if getrlimit(Resource::Core).current == Some(0) {
        return Err(Refusal::os_error("failed to ensure corefile creation"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hard_limit_takes_from_the_clients() {
        let check = |connections, beside, hard, expected| {
            let got = connections_that_fit(connections, beside, hard);
            assert_eq!(got, expected, "{connections} {beside} {hard}");
        };
        check(1_024, 100, 4_096, Some(1_024));
        check(1_024, 100, 1_100, Some(1_000));
        check(1_024, 100, 1_024, Some(924));
        check(1_024, 100, 1_023, None);
        check(10, 100, 100, None);
        check(10, 100, 101, Some(1));
    }
}
