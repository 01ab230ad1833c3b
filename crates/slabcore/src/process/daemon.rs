//! `-d`: the process becomes a daemon, before any thread starts.

use nix::unistd::daemon;

use crate::refusal::Refusal;

/// Continues in a child process with its own session; the process that was started ends with status
/// 0.
///
/// As in memcached, the directory becomes `/`, except with `-r`, whose core files belong in the
/// directory of the start. The standard streams become `/dev/null`, except with `-v`.
pub(crate) fn become_daemon(core_dumps: bool, verbosity: u8) -> Result<(), Refusal> {
    daemon(core_dumps, verbosity > 0)
        .map_err(|_| Refusal::bad_option("failed to daemon() in order to daemonize"))
}
