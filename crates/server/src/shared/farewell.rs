//! The end of a connection that the server closes first.
//!
//! The kernel resets a connection that is closed while input of it is unread. A reset drops replies
//! that have not left, and tells the client an error instead of the end. So the end is sent first,
//! and some of the input is thrown away.

use std::os::fd::AsFd;

use rustix::net::{RecvFlags, Shutdown, recv, shutdown};

use crate::settings::limits::{FAREWELL_READS_MAX, RECEIVE_BUFFER_BYTES};

/// Tells the client that all is said, and discards what it has sent meanwhile, up to a limit.
#[cold]
pub(crate) fn say(socket: impl AsFd) {
    // It fails if the client has gone: nobody needs the end then.
    if shutdown(&socket, Shutdown::Write).is_err() {
        return;
    }
    let mut discarded = [0; RECEIVE_BUFFER_BYTES];
    for _ in 0..FAREWELL_READS_MAX {
        match recv(&socket, &mut discarded[..], RecvFlags::DONTWAIT) {
            Ok((1.., _)) => {}
            _ => return,
        }
    }
}
