//! What the kernel allows the process: open files and locked memory.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::refusal::Refusal;

/// Descriptors of one executor beside its clients: rings, event descriptors, listening sockets.
const FILES_PER_SHARD: usize = 32;
/// Descriptors of the process as a whole: standard streams, the metrics socket and its connections.
const FILES_OF_PROCESS: usize = 32;

/// Makes room for `connections` clients and for what `shards` executors need beside them.
///
/// Returns how many clients fit. As in memcached, a limit below `connections` itself is refused;
/// where only the room beside them is missing, it is taken from the clients.
pub(crate) fn allow_open_files(connections: usize, shards: usize) -> Result<usize, Refusal> {
    let beside = FILES_OF_PROCESS + FILES_PER_SHARD * shards;
    let limit = getrlimit(Resource::Nofile);
    let wanted = connections.saturating_add(beside) as u64;
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(connections);
    }
    // Root may raise the hard limit too; `None` is no limit.
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

/// Clients that fit under a hard limit on open files that cannot be raised.
fn connections_that_fit(connections: usize, beside: usize, hard: u64) -> Option<usize> {
    let hard = usize::try_from(hard).unwrap_or(usize::MAX);
    (hard >= connections && hard > beside).then(|| connections.min(hard - beside))
}

/// Raises the limit on locked memory as far as it goes: rings are charged to it, and `-k` needs it.
/// Failing is no error here; who then lacks memory says so.
pub(crate) fn allow_locked_memory() {
    let unlimited = Rlimit { current: None, maximum: None };
    if setrlimit(Resource::Memlock, unlimited).is_err() {
        let limit = getrlimit(Resource::Memlock);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        // Raising the soft limit up to the hard one needs no privilege.
        let _ = setrlimit(Resource::Memlock, raised);
    }
}

/// `-r`: core files as large as the hard limit allows, or without a limit.
pub(crate) fn allow_core_files() -> Result<(), Refusal> {
    let unlimited = Rlimit { current: None, maximum: None };
    if setrlimit(Resource::Core, unlimited).is_err() {
        let maximum = getrlimit(Resource::Core).maximum;
        // Whether it helped is asked below.
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
