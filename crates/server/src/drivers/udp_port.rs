//! The UDP sockets of one executor: datagrams in, answers out, a bounded part of a turn each time.
//!
//! A driver watches the sockets for what [`UdpPort::watched`] names and tells [`UdpPort::ready`].
//! Each socket belongs to one executor: who asks by datagram asks little, and a socket that several
//! executors read would wake them all for each datagram.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};
use slabcore_metrics::Counter;
use slabcore_protocol::RequestDatagram;

use crate::hub::Hub;
use crate::requests::datagram_request::DatagramSource;
use crate::settings::limits::{DATAGRAM_BURST, TURN_DATAGRAMS_DURATION};

/// No datagram is larger.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;

/// What a socket can be ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    Readable,
    Writable,
}

#[derive(Debug)]
struct UdpSocket {
    socket: OwnedFd,
    /// There may be datagrams in it.
    readable: bool,
    /// Requests whose next reply datagram the socket had no room for.
    blocked: Vec<u32>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct UdpPort {
    sockets: Vec<UdpSocket>,
    /// The socket to read from next.
    next: usize,
    buffer: Vec<u8>,
}

impl UdpPort {
    /// The port of these sockets, which do not block; it may have none.
    pub(crate) fn new(sockets: Vec<OwnedFd>) -> Self {
        let buffer = vec![0; if sockets.is_empty() { 0 } else { DATAGRAM_BYTES_MAX }];
        let sockets = sockets
            .into_iter()
            .map(|socket| UdpSocket { socket, readable: true, blocked: Vec::new() })
            .collect();
        Self { sockets, next: 0, buffer }
    }

    /// How many sockets there are.
    #[inline]
    pub(super) fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// A socket.
    pub(super) fn descriptor(&self, socket: usize) -> BorrowedFd<'_> {
        self.sockets[socket].socket.as_fd()
    }

    /// True if the driver is to say when a socket is ready for this.
    pub(super) fn watched(&self, socket: usize, readiness: Readiness) -> bool {
        let socket = &self.sockets[socket];
        match readiness {
            Readiness::Readable => !socket.readable,
            Readiness::Writable => !socket.blocked.is_empty(),
        }
    }

    /// A socket is ready.
    pub(super) fn ready(&mut self, hub: &mut Hub, socket: usize, readiness: Readiness) {
        let socket = &mut self.sockets[socket];
        match readiness {
            Readiness::Readable => socket.readable = true,
            Readiness::Writable => {
                socket.blocked.drain(..).for_each(|index| hub.datagrams.resume(index));
            }
        }
    }

    /// Takes datagrams and answers them, until there is nothing left to do or the turn has been
    /// long enough; true if something is left.
    pub(super) fn turn(&mut self, hub: &mut Hub) -> bool {
        let start = Instant::now();
        loop {
            let has_received = self.receive(hub);
            if !has_received && !hub.datagrams.has_runnable() {
                return false;
            }
            if let Some(index) = hub.datagrams.run(&mut hub.executor, &mut hub.stalled) {
                self.send(hub, index);
            }
            if start.elapsed() >= TURN_DATAGRAMS_DURATION {
                return true;
            }
        }
    }

    /// Takes a datagram from one of the sockets; false if there is none, or no room for one.
    fn receive(&mut self, hub: &mut Hub) -> bool {
        if !hub.datagrams.has_room() {
            return false;
        }
        for _ in 0..self.sockets.len() {
            let number = self.next;
            self.next = (number + 1) % self.sockets.len();
            let socket = &mut self.sockets[number];
            if !socket.readable {
                continue;
            }
            match recvfrom(&socket.socket, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok((bytes, _, Some(address))) => {
                    let metrics = &hub.executor.metrics;
                    metrics.add(Counter::DatagramsReceived, 1);
                    metrics.add(Counter::BytesRead, bytes as u64);
                    if let Some(request) = RequestDatagram::read(&self.buffer[..bytes]) {
                        let source = DatagramSource { socket: number, address };
                        hub.datagrams.begin(&mut hub.executor, source, request);
                    }
                    return true;
                }
                Ok(_) | Err(Errno::INTR) => return true,
                // None is there; or an error, which is the socket's no longer.
                Err(_) => socket.readable = false,
            }
        }
        false
    }

    /// Sends the next datagrams of a request's answer.
    fn send(&mut self, hub: &mut Hub, index: u32) {
        let request = hub.datagrams.get_mut(index);
        let DatagramSource { socket, address } = &request.source;
        let (socket, address) = (&mut self.sockets[*socket], address.clone());
        for _ in 0..DATAGRAM_BURST {
            let Some((frame, part)) = request.datagram() else { break };
            let bytes = frame.len() + part.len();
            let datagram = &mut self.buffer[..bytes];
            datagram[..frame.len()].copy_from_slice(&frame);
            datagram[frame.len()..].copy_from_slice(part);
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match sendto(&socket.socket, datagram, flags, &address) {
                Ok(_) => {
                    request.datagram_sent();
                    let metrics = &hub.executor.metrics;
                    metrics.add(Counter::DatagramsSent, 1);
                    metrics.add(Counter::BytesWritten, bytes as u64);
                }
                Err(Errno::AGAIN) => return socket.blocked.push(index),
                Err(Errno::INTR) => break,
                // Nobody can be told there.
                Err(_) => return hub.datagrams.drop_rest(&mut hub.executor, index),
            }
        }
        hub.datagrams.resume(index);
    }
}

#[cfg(test)]
#[path = "udp_port_tests.rs"]
mod tests;
