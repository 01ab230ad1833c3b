//! The UDP sockets of one executor. Receiving and answering datagrams takes a bounded part of a
//! turn.
//!
//! A driver watches the sockets that [`UdpPort::watched`] names, and calls [`UdpPort::ready`].
//! Each socket belongs to one executor. If several read from it, each datagram would wake all of
//! them, and clients that use datagrams ask little.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};
use slabcore_metrics::Counter;
use slabcore_protocol::RequestDatagram;

use crate::hub::Hub;
use crate::requests::datagram_request::DatagramSource;
use crate::settings::limits::{DATAGRAM_BURST, TURN_DATAGRAMS_DURATION};

/// Bytes of the largest datagram there can be.
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
    /// It may have datagrams.
    readable: bool,
    /// Requests whose next reply datagram the socket had no room for.
    blocked: Vec<u32>,
}

/// The UDP sockets of one executor.
#[derive(Debug, Default)]
pub(crate) struct UdpPort {
    sockets: Vec<UdpSocket>,
    /// The socket to read from next.
    next: usize,
    buffer: Vec<u8>,
}

impl UdpPort {
    /// The port with these sockets, which must not block. There may be none.
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

    /// True if the driver must watch a socket for this.
    pub(super) fn watched(&self, socket: usize, readiness: Readiness) -> bool {
        let socket = &self.sockets[socket];
        match readiness {
            Readiness::Readable => !socket.readable,
            Readiness::Writable => !socket.blocked.is_empty(),
        }
    }

    /// Notes that a socket is ready.
    pub(super) fn ready(&mut self, hub: &mut Hub, socket: usize, readiness: Readiness) {
        let socket = &mut self.sockets[socket];
        match readiness {
            Readiness::Readable => socket.readable = true,
            Readiness::Writable => {
                let (datagrams, _) = hub.datagrams();
                socket.blocked.drain(..).for_each(|index| datagrams.resume(index));
            }
        }
    }

    /// Receives and answers datagrams until nothing is left to do, or the turn has been long
    /// enough. True if something is left.
    pub(super) fn turn(&mut self, hub: &mut Hub) -> bool {
        let start = Instant::now();
        loop {
            let has_received = self.receive(hub);
            let (datagrams, executor) = hub.datagrams();
            if !has_received && !datagrams.has_runnable() {
                return false;
            }
            if let Some(index) = datagrams.run(executor) {
                self.send(hub, index);
            }
            if start.elapsed() >= TURN_DATAGRAMS_DURATION {
                return true;
            }
        }
    }

    /// Receives a datagram from one of the sockets. False if there is none, or no room for one.
    fn receive(&mut self, hub: &mut Hub) -> bool {
        let (datagrams, executor) = hub.datagrams();
        if !datagrams.has_room() {
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
                    let metrics = &executor.metrics;
                    metrics.add(Counter::DatagramsReceived, 1);
                    metrics.add(Counter::BytesRead, bytes as u64);
                    if let Some(request) = RequestDatagram::read(&self.buffer[..bytes]) {
                        let source = DatagramSource { socket: number, address };
                        datagrams.begin(executor, source, request);
                    }
                    return true;
                }
                Ok(_) | Err(Errno::INTR) => return true,
                // There is none, or an error, which the socket has reported by this.
                Err(_) => socket.readable = false,
            }
        }
        false
    }

    /// Sends the next datagrams of a request's answer.
    fn send(&mut self, hub: &mut Hub, index: u32) {
        let (datagrams, executor) = hub.datagrams();
        let request = datagrams.get_mut(index);
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
                    let metrics = &executor.metrics;
                    metrics.add(Counter::DatagramsSent, 1);
                    metrics.add(Counter::BytesWritten, bytes as u64);
                }
                Err(Errno::AGAIN) => return socket.blocked.push(index),
                Err(Errno::INTR) => break,
                // The client cannot be reached.
                Err(_) => return datagrams.drop_rest(executor, index),
            }
        }
        datagrams.resume(index);
    }
}

#[cfg(test)]
#[path = "udp_port_tests.rs"]
mod tests;
