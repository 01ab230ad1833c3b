//! Listening and UDP sockets, as `stats conns` shows them.

use std::os::fd::{AsFd, AsRawFd};

use rustix::net::getsockname;

use crate::settings::address::{Address, Transport};

/// A listening or a UDP socket.
#[derive(Debug)]
pub(crate) struct PortSocket {
    pub(crate) descriptor: i32,
    address: Address,
    transport: Transport,
}

impl PortSocket {
    pub(crate) fn new(socket: impl AsFd, transport: Transport) -> Self {
        let socket = socket.as_fd();
        let address = Address::of(getsockname(socket).ok());
        Self { descriptor: socket.as_raw_fd(), address, transport }
    }

    /// The lines of `stats conns`. As in memcached, the time since the last command is the uptime.
    pub(crate) fn lines(&self, uptime: u64) -> String {
        let Self { descriptor, transport, .. } = self;
        let address = self.address.shown(*transport);
        let (first, state) = match transport {
            Transport::Stream => (String::new(), "conn_listening"),
            Transport::Udp => (format!("STAT {descriptor}:UDP UDP\r\n"), "conn_read"),
        };
        format!(
            "{first}STAT {descriptor}:addr {address}\r\nSTAT {descriptor}:state {state}\r\n\
             STAT {descriptor}:secs_since_last_cmd {uptime}\r\n"
        )
    }
}
