//! Notices to a service manager.

use std::io;
use std::os::unix::net::UnixDatagram;

/// Receives a notice. A signal to a thread of the tests interrupts no test.
pub(crate) fn receive(manager: &UnixDatagram, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match manager.recv(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            received => return received,
        }
    }
}
