//! The end of a connection that the server closes first.
//!
//! The kernel resets a connection that is closed with unread input. A reset drops replies that have
//! not left, and the client reads an error instead of the end. So the end (FIN) is sent first, and
//! some of the input is discarded.

use std::os::fd::AsFd;

use rustix::net::{RecvFlags, Shutdown, recv, shutdown};

use crate::settings::limits::{CLOSE_READS_MAX, RECEIVE_BUFFER_BYTES};

/// Sends the end, and discards input that has arrived, up to a limit. The caller drops the socket.
#[cold]
pub(crate) fn close(socket: impl AsFd) {
    // It fails if the client has gone: then the end is not needed.
    if shutdown(&socket, Shutdown::Write).is_err() {
        return;
    }
    let mut discarded = [0; RECEIVE_BUFFER_BYTES];
    for _ in 0..CLOSE_READS_MAX {
        match recv(&socket, &mut discarded[..], RecvFlags::DONTWAIT) {
            Ok((1.., _)) => {}
            _ => return,
        }
    }
}
