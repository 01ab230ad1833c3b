//! `-d`: away from the terminal, before any thread starts.

use nix::unistd::daemon;

use crate::refusal::Refusal;

/// Goes on in a child process with a session of its own; the process that was started ends with
/// status 0. As in memcached, the directory becomes `/` unless core files shall be written where
/// the server was started, and the standard streams go nowhere unless somebody wants to read them.
pub(crate) fn become_daemon(core_dumps: bool, verbosity: u8) -> Result<(), Refusal> {
    daemon(core_dumps, verbosity > 0)
        .map_err(|_| Refusal::bad_option("failed to daemon() in order to daemonize"))
}
