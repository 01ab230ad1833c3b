//! Socket activation: listening sockets that a service manager passes to the process, as
//! `sd_listen_fds(3)` describes.

use std::env;
use std::os::fd::OwnedFd;

use listenfd::ListenFd;

use crate::refusal::Refusal;

/// Takes the TCP and Unix sockets of `LISTEN_FDS`, if `LISTEN_PID` names this process. Must be
/// called before the process id changes (`-d`).
pub(crate) fn inherited_sockets() -> Result<Vec<OwnedFd>, Refusal> {
    if env::var_os("LISTEN_PID").is_none() {
        return Ok(Vec::new());
    }
    let mut passed = ListenFd::from_env();
    let sockets = (0..passed.len()).map(|index| {
        let tcp = passed.take_tcp_listener(index).ok().flatten().map(OwnedFd::from);
        let socket =
            tcp.or_else(|| passed.take_unix_listener(index).ok().flatten().map(OwnedFd::from));
        socket.ok_or_else(|| {
            let which = format!("LISTEN_FDS: number {} of the sockets passed", index + 1);
            Refusal::os_error(format!("{which} is not a stream socket (TCP or Unix)"))
        })
    });
    sockets.collect()
}
