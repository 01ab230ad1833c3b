//! The sockets of an executor on epoll, for systems that refuse `io_uring`. Its thread is a plain
//! one.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};

use arrayvec::ArrayVec;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};

use slabcore_shard::ShardId;

use crate::connection::outgoing::Outgoing;
use crate::drivers::turn::{Sockets, TurnLists, put_at, turn};
use crate::drivers::udp_port::{Readiness, UdpPort};
use crate::hub::Hub;
use crate::hub::driver_actions::SocketAction;
use crate::settings::limits::{RECEIVE_BUFFER_BYTES, SEND_PIECES_MAX};
use crate::settings::log;

/// Events taken per system call.
const EVENTS_MAX: usize = 256;
/// Identifies the doorbell among the events. Connections have small numbers.
const DOORBELL: u64 = u64::MAX;
/// Identifies the first UDP socket among the events. The others follow.
const UDP_SOCKETS: u64 = 1 << 32;

#[derive(Debug, Default)]
struct EpollConnection {
    socket: Option<OwnedFd>,
    /// What the kernel was asked to watch for.
    interest: Option<epoll::EventFlags>,
    /// Output that the socket did not take yet, and the offset of its first unsent byte.
    unsent: Option<(Outgoing, usize)>,
    ending: bool,
}

/// A driver on epoll: a hub and its sockets.
pub(crate) struct EpollDriver {
    hub: Hub,
    sockets: EpollSockets,
    lists: TurnLists,
}

/// The sockets of an executor, and its epoll set.
struct EpollSockets {
    epoll: OwnedFd,
    connections: Vec<EpollConnection>,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    udp: UdpPort,
    /// What the kernel was asked to watch each UDP socket for.
    udp_interests: Vec<epoll::EventFlags>,
}

impl EpollDriver {
    pub(crate) fn new(hub: Hub, udp: UdpPort) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let data = epoll::EventData::new_u64(DOORBELL);
        epoll::add(&epoll, hub.mailbox().doorbell(), data, epoll::EventFlags::IN)?;
        let udp_interests = vec![epoll::EventFlags::empty(); udp.sockets()];
        for (socket, &interest) in udp_interests.iter().enumerate() {
            epoll::add(&epoll, udp.descriptor(socket), udp_socket(socket), interest)?;
        }
        let sockets = EpollSockets {
            epoll,
            connections: Vec::new(),
            events: Vec::with_capacity(EVENTS_MAX),
            buffer: vec![0; RECEIVE_BUFFER_BYTES],
            udp,
            udp_interests,
        };
        Ok(Self { hub, sockets, lists: TurnLists::default() })
    }

    /// Serves until a stop is ordered.
    pub(crate) fn serve(mut self) -> io::Result<()> {
        let Self { hub, sockets, lists } = &mut self;
        while turn(hub, sockets, lists)?.unless_stopping().is_some() {}
        for index in hub.indices() {
            sockets.end(hub, index);
        }
        hub.end();
        Ok(())
    }
}

impl Sockets for EpollSockets {
    fn receive(&mut self, hub: &mut Hub) -> bool {
        let mut events = std::mem::take(&mut self.events);
        let came = !events.is_empty();
        for event in events.drain(..) {
            match event.data.u64() {
                DOORBELL => hub.mailbox().silence(),
                number @ UDP_SOCKETS.. => {
                    self.datagrams_ready(hub, (number - UDP_SOCKETS) as usize, event.flags);
                }
                index => self.ready(hub, index as u32, event.flags),
            }
        }
        self.events = events;
        came
    }

    fn open(&mut self, index: u32, socket: OwnedFd) {
        let connection = EpollConnection { socket: Some(socket), ..EpollConnection::default() };
        put_at(&mut self.connections, index, connection);
    }

    fn serve_datagrams(&mut self, hub: &mut Hub) -> bool {
        self.udp.sockets() > 0 && self.serve_udp_port(hub)
    }

    fn settle(&mut self, hub: &mut Hub, index: u32, wakes: &mut Vec<ShardId>) {
        let Some(actions) = hub.take_actions(index) else { return };
        self.connections[index as usize].ending |= actions.socket == SocketAction::Close;
        if let Some(outgoing) = actions.send {
            if self.connections[index as usize].ending {
                hub.send_failed(index, outgoing);
            } else {
                self.send(hub, index, outgoing, 0);
            }
        }
        if self.connections[index as usize].ending {
            self.end(hub, index);
        } else if actions.socket == SocketAction::HandOver {
            self.depart(hub, index, wakes);
        } else if let Err(errno) = self.watch(index, actions.read) {
            log::not_watched(errno);
            self.end(hub, index);
        }
    }

    fn enter(&mut self, hub: &mut Hub, wakes: &mut Vec<ShardId>, has_work: bool) -> io::Result<()> {
        for shard in wakes.drain(..) {
            hub.executor.shared.mailboxes[shard.index()].ring_doorbell();
        }
        let has_work = has_work || hub.has_runnable() || hub.has_touched();
        hub.mailbox().park();
        let returns_at_once = has_work || hub.has_messages();
        if !returns_at_once {
            hub.prepare_sleep();
        }
        let timeout = returns_at_once.then(Timespec::default);
        hub.executor.shards.lend();
        let result = epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref());
        hub.mailbox().unpark();
        hub.executor.shards.take_back();
        match result {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl EpollSockets {
    fn datagrams_ready(&mut self, hub: &mut Hub, socket: usize, flags: epoll::EventFlags) {
        if flags.contains(epoll::EventFlags::OUT) {
            self.udp.ready(hub, socket, Readiness::Writable);
        }
        if flags != epoll::EventFlags::OUT {
            self.udp.ready(hub, socket, Readiness::Readable);
        }
    }

    /// Answers datagrams, and has the kernel watch the sockets for more. True if work is left.
    fn serve_udp_port(&mut self, hub: &mut Hub) -> bool {
        let mut more = self.udp.turn(hub);
        for (socket, interest) in self.udp_interests.iter_mut().enumerate() {
            let is_watched = |readiness| self.udp.watched(socket, readiness);
            let mut wanted = epoll::EventFlags::empty();
            wanted.set(epoll::EventFlags::IN, is_watched(Readiness::Readable));
            wanted.set(epoll::EventFlags::OUT, is_watched(Readiness::Writable));
            if *interest == wanted {
                continue;
            }
            let descriptor = self.udp.descriptor(socket);
            match epoll::modify(&self.epoll, descriptor, udp_socket(socket), wanted) {
                Ok(()) => *interest = wanted,
                // The next turn tries it again.
                Err(_) => more = true,
            }
        }
        more
    }

    fn ready(&mut self, hub: &mut Hub, index: u32, flags: epoll::EventFlags) {
        let broken = flags.contains(epoll::EventFlags::ERR);
        if broken {
            self.connections[index as usize].ending = true;
            hub.touch(index);
            return;
        }
        if flags.contains(epoll::EventFlags::OUT)
            && let Some((outgoing, offset)) = self.connections[index as usize].unsent.take()
        {
            self.send(hub, index, outgoing, offset);
        }
        if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP) {
            self.receive_from(hub, index);
        }
    }

    fn receive_from(&mut self, hub: &mut Hub, index: u32) {
        let connection = &mut self.connections[index as usize];
        let Some(socket) = &connection.socket else { return };
        if connection.ending {
            return;
        }
        match recv(socket, &mut self.buffer[..], RecvFlags::DONTWAIT) {
            Ok((0, _)) => hub.end_of_input(index),
            Ok((bytes, _)) => hub.receive(std::iter::once((index, &self.buffer[..bytes]))),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => {
                connection.ending = true;
                hub.touch(index);
            }
        }
    }

    fn send(&mut self, hub: &mut Hub, index: u32, outgoing: Outgoing, offset: usize) {
        let connection = &mut self.connections[index as usize];
        let Some(socket) = &connection.socket else {
            unreachable!("an open connection has a socket")
        };
        match send_once(socket, &outgoing, offset) {
            Ok(count) if offset + count == outgoing.total_bytes() => {
                hub.sent(index, outgoing);
            }
            Ok(count) => {
                connection.unsent = Some((outgoing, offset + count));
                hub.touch(index);
            }
            Err(Errno::AGAIN | Errno::INTR) => {
                connection.unsent = Some((outgoing, offset));
                hub.touch(index);
            }
            Err(_) => {
                connection.ending = true;
                hub.send_failed(index, outgoing);
            }
        }
    }

    /// Closes a connection. The kernel takes its socket out of the epoll set.
    fn end(&mut self, hub: &mut Hub, index: u32) {
        let connection = std::mem::take(&mut self.connections[index as usize]);
        if let Some(socket) = connection.socket {
            hub.before_close(index, &socket);
        }
        if let Some((outgoing, _)) = connection.unsent {
            hub.send_failed(index, outgoing);
        }
        hub.remove(index);
    }

    /// Has the kernel watch a connection's socket: for input if `read`, and for room if output is
    /// unsent.
    fn watch(&mut self, index: u32, read: bool) -> rustix::io::Result<()> {
        let connection = &mut self.connections[index as usize];
        let mut wanted = epoll::EventFlags::empty();
        wanted.set(epoll::EventFlags::IN, read);
        wanted.set(epoll::EventFlags::OUT, connection.unsent.is_some());
        let Some(socket) = &connection.socket else { return Ok(()) };
        let data = epoll::EventData::new_u64(u64::from(index));
        match connection.interest.replace(wanted) {
            None => epoll::add(&self.epoll, socket.as_fd(), data, wanted),
            Some(before) if before != wanted => {
                epoll::modify(&self.epoll, socket.as_fd(), data, wanted)
            }
            Some(_) => Ok(()),
        }
    }

    /// Sends a connection with its socket to another shard.
    fn depart(&mut self, hub: &mut Hub, index: u32, wakes: &mut Vec<ShardId>) {
        let connection = &mut self.connections[index as usize];
        if let Some((outgoing, offset)) = connection.unsent.take() {
            // Its client does not read. What has not left moves with the rest.
            hub.unsent(index, outgoing, offset);
        }
        let Some(socket) = connection.socket.take() else { return };
        if connection.interest.take().is_some()
            && let Err(errno) = epoll::delete(&self.epoll, &socket)
        {
            // Its events would still come here.
            log::not_watched(errno);
            connection.socket = Some(socket);
            return self.end(hub, index);
        }
        connection.socket = hub.depart(index, socket, |shard| wakes.push(shard));
    }
}

fn udp_socket(number: usize) -> epoll::EventData {
    epoll::EventData::new_u64(UDP_SOCKETS + number as u64)
}

/// Sends the bytes from `offset` on, as many as the socket takes, and returns how many it took.
fn send_once(socket: &OwnedFd, outgoing: &Outgoing, offset: usize) -> rustix::io::Result<usize> {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    if let Some(bytes) = outgoing.plain() {
        return send(socket, &bytes[offset..], flags);
    }
    let pieces: ArrayVec<IoSlice<'_>, SEND_PIECES_MAX> =
        outgoing.pieces(offset).into_iter().map(IoSlice::new).collect();
    sendmsg(socket, &pieces, &mut SendAncillaryBuffer::default(), flags)
}
