//! The same turn on epoll, for where `io_uring` is refused: one plain pinned thread per shard.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};

use arrayvec::ArrayVec;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};
use slabcore_metrics::Counter;

use slabcore_shard::ShardId;

use crate::connection::outgoing::Outgoing;
use crate::drivers::udp_port::{Readiness, UdpPort};
use crate::hub::Hub;
use crate::hub::driver_actions::SocketAction;
use crate::settings::limits::{RECEIVE_BUFFER_BYTES, SEND_PIECES_MAX};
use crate::settings::log;

/// Events taken per system call.
const EVENTS_MAX: usize = 256;
/// Names the doorbell among the events; connections have small numbers.
const DOORBELL: u64 = u64::MAX;
/// Names the first UDP socket; the others follow.
const UDP_SOCKETS: u64 = 1 << 32;

#[derive(Debug, Default)]
struct EpollConnection {
    socket: Option<OwnedFd>,
    /// What the kernel was asked to watch for.
    interest: Option<epoll::EventFlags>,
    /// What the socket would not take yet, from an offset on.
    unsent: Option<(Outgoing, usize)>,
    ending: bool,
}

/// See the module.
pub(crate) struct EpollDriver {
    hub: Hub,
    epoll: OwnedFd,
    connections: Vec<EpollConnection>,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    touched: Vec<u32>,
    wakes: Vec<ShardId>,
    udp: UdpPort,
    /// What the kernel was asked to watch each UDP socket for.
    udp_interests: Vec<epoll::EventFlags>,
}

impl EpollDriver {
    pub(crate) fn new(hub: Hub, udp: UdpPort) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mailbox = &hub.executor.cluster.mailboxes[hub.executor.shard.index()];
        let data = epoll::EventData::new_u64(DOORBELL);
        epoll::add(&epoll, mailbox.doorbell(), data, epoll::EventFlags::IN)?;
        let udp_interests = vec![epoll::EventFlags::empty(); udp.sockets()];
        for (socket, &interest) in udp_interests.iter().enumerate() {
            epoll::add(&epoll, udp.descriptor(socket), udp_socket(socket), interest)?;
        }
        Ok(Self {
            hub,
            epoll,
            connections: Vec::new(),
            events: Vec::with_capacity(EVENTS_MAX),
            buffer: vec![0; RECEIVE_BUFFER_BYTES],
            touched: Vec::new(),
            wakes: Vec::new(),
            udp,
            udp_interests,
        })
    }

    /// Serves until a stop is ordered.
    pub(crate) fn serve(mut self) -> io::Result<()> {
        while !self.hub.stopping {
            self.turn()?;
        }
        for index in self.hub.indices() {
            self.end(index);
        }
        self.hub.datagrams.end_all(&mut self.hub.executor);
        self.hub.executor.shards.own().publish();
        Ok(())
    }

    fn turn(&mut self) -> io::Result<()> {
        self.hub.executor.begin_turn();
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            match event.data.u64() {
                DOORBELL => {
                    self.hub.executor.cluster.mailboxes[self.hub.executor.shard.index()].silence();
                }
                number @ UDP_SOCKETS.. => {
                    self.datagrams_ready((number - UDP_SOCKETS) as usize, event.flags);
                }
                index => self.ready(index as u32, event.flags),
            }
        }
        self.events = events;
        self.take_messages();
        let mut more = self.hub.run_runnable();
        if self.udp.sockets() > 0 {
            more |= self.serve_datagrams();
        }
        if self.hub.is_to_tell() {
            let connections = &self.connections;
            self.hub.tell_connections(|index| {
                connections.get(index as usize)?.socket.as_ref().map(AsFd::as_fd)
            });
        }
        let wakes = &mut self.wakes;
        self.hub.dispatch(|shard| wakes.push(shard));
        let mut touched = std::mem::take(&mut self.touched);
        self.hub.take_touched(&mut touched);
        for index in touched.drain(..) {
            self.settle(index);
        }
        self.touched = touched;
        for shard in self.wakes.drain(..) {
            self.hub.executor.cluster.mailboxes[shard.index()].ring_doorbell();
        }
        self.hub.executor.metrics.add(Counter::Turns, 1);
        more |= self.hub.maintain();
        more |= self.hub.has_runnable() || self.hub.has_touched();
        self.wait(more || self.hub.stopping)
    }

    fn datagrams_ready(&mut self, socket: usize, flags: epoll::EventFlags) {
        if flags.contains(epoll::EventFlags::OUT) {
            self.udp.ready(&mut self.hub, socket, Readiness::Writable);
        }
        if flags != epoll::EventFlags::OUT {
            self.udp.ready(&mut self.hub, socket, Readiness::Readable);
        }
    }

    /// Answers datagrams; true if some are left.
    fn serve_datagrams(&mut self) -> bool {
        let mut more = self.udp.turn(&mut self.hub);
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
                // The next turn tries again.
                Err(_) => more = true,
            }
        }
        more
    }

    fn wait(&mut self, more: bool) -> io::Result<()> {
        self.hub.executor.cluster.mailboxes[self.hub.executor.shard.index()].park();
        let now = more || self.hub.has_messages();
        if !now {
            self.hub.executor.shards.own().publish();
            self.hub.tell_due();
        }
        let mailbox = &self.hub.executor.cluster.mailboxes[self.hub.executor.shard.index()];
        let timeout = now.then(Timespec::default);
        let shards = &mut self.hub.executor.shards;
        shards.lend();
        let result = epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref());
        mailbox.unpark();
        shards.take_back();
        match result {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn ready(&mut self, index: u32, flags: epoll::EventFlags) {
        let broken = flags.contains(epoll::EventFlags::ERR);
        if broken {
            self.connections[index as usize].ending = true;
            self.hub.touch(index);
            return;
        }
        if flags.contains(epoll::EventFlags::OUT)
            && let Some((outgoing, offset)) = self.connections[index as usize].unsent.take()
        {
            self.send(index, outgoing, offset);
        }
        if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP) {
            self.receive(index);
        }
    }

    fn receive(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        let Some(socket) = &connection.socket else { return };
        if connection.ending {
            return;
        }
        match recv(socket, &mut self.buffer[..], RecvFlags::DONTWAIT) {
            Ok((0, _)) => self.hub.end_of_input(index),
            Ok((bytes, _)) => self.hub.receive(std::iter::once((index, &self.buffer[..bytes]))),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => {
                connection.ending = true;
                self.hub.touch(index);
            }
        }
    }

    fn send(&mut self, index: u32, outgoing: Outgoing, offset: usize) {
        let connection = &mut self.connections[index as usize];
        let Some(socket) = &connection.socket else {
            unreachable!("an open connection has a socket")
        };
        match send_once(socket, &outgoing, offset) {
            Ok(count) if offset + count == outgoing.total_bytes() => {
                self.hub.sent(index, outgoing);
            }
            Ok(count) => {
                connection.unsent = Some((outgoing, offset + count));
                self.hub.touch(index);
            }
            Err(Errno::AGAIN | Errno::INTR) => {
                connection.unsent = Some((outgoing, offset));
                self.hub.touch(index);
            }
            Err(_) => {
                connection.ending = true;
                self.hub.send_failed(index, outgoing);
            }
        }
    }

    /// Closes a connection, which takes it off the epoll set.
    fn end(&mut self, index: u32) {
        let connection = std::mem::take(&mut self.connections[index as usize]);
        if let Some(socket) = connection.socket {
            self.hub.part_from_client(index, &socket);
        }
        if let Some((outgoing, _)) = connection.unsent {
            self.hub.send_failed(index, outgoing);
        }
        self.hub.remove(index);
    }

    fn take_messages(&mut self) {
        let (connections, wakes) = (&mut self.connections, &mut self.wakes);
        self.hub.take_messages(
            |index, socket| {
                let index = index as usize;
                if index >= connections.len() {
                    connections.resize_with(index + 1, EpollConnection::default);
                }
                connections[index] =
                    EpollConnection { socket: Some(socket), ..EpollConnection::default() };
            },
            |shard| wakes.push(shard),
        );
    }

    fn settle(&mut self, index: u32) {
        let Some(actions) = self.hub.take_actions(index) else { return };
        self.connections[index as usize].ending |= actions.socket == SocketAction::Close;
        if let Some(outgoing) = actions.send {
            if self.connections[index as usize].ending {
                self.hub.send_failed(index, outgoing);
            } else {
                self.send(index, outgoing, 0);
            }
        }
        if self.connections[index as usize].ending {
            self.end(index);
        } else if actions.socket == SocketAction::HandOver {
            self.depart(index);
        } else if let Err(errno) = self.watch(index, actions.read) {
            log::not_watched(errno);
            self.end(index);
        }
    }

    /// Has the kernel watch a connection's socket for what it waits for.
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

    /// Lets go of a socket, and sends its connection to another shard.
    fn depart(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        debug_assert!(connection.unsent.is_none(), "all output has left");
        let Some(socket) = connection.socket.take() else { return };
        if connection.interest.take().is_some()
            && let Err(errno) = epoll::delete(&self.epoll, &socket)
        {
            // Its events would go on coming here.
            log::not_watched(errno);
            connection.socket = Some(socket);
            return self.end(index);
        }
        let wakes = &mut self.wakes;
        connection.socket = self.hub.depart(index, socket, |shard| wakes.push(shard));
    }
}

fn udp_socket(number: usize) -> epoll::EventData {
    epoll::EventData::new_u64(UDP_SOCKETS + number as u64)
}

/// Sends the bytes from `offset` on as far as the socket takes them, and says how many it took.
fn send_once(socket: &OwnedFd, outgoing: &Outgoing, offset: usize) -> rustix::io::Result<usize> {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    if let Some(bytes) = outgoing.plain() {
        return send(socket, &bytes[offset..], flags);
    }
    let pieces: ArrayVec<IoSlice<'_>, SEND_PIECES_MAX> =
        outgoing.pieces(offset).into_iter().map(IoSlice::new).collect();
    sendmsg(socket, &pieces, &mut SendAncillaryBuffer::default(), flags)
}
