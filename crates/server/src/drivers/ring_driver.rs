//! The turn on the data-plane ring: completions in, requests executed, everything submitted once.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use slabcore_metrics::Counter;

use slabcore_shard::ShardId;

use crate::connection::outgoing::Outgoing;
use crate::drivers::ring::{Completion, Received, Ring};
use crate::drivers::udp_port::{Readiness, UdpPort};
use crate::hub::Hub;
use crate::hub::driver_actions::SocketAction;
use crate::settings::limits::LULL_MICROSECONDS;

/// Whether a socket has taken what it was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Room {
    /// At once.
    #[default]
    Enough,
    /// The last send had to wait: the next may have to.
    Short,
}

/// A connection's socket and what the kernel is doing with it.
#[derive(Debug, Default)]
struct RingConnection {
    socket: Option<OwnedFd>,
    /// A multishot receive is armed.
    receiving: bool,
    /// Its cancellation is under way.
    cancelling: bool,
    /// A send is under way, of the bytes from this offset on, since this turn.
    sending: Option<(usize, u64)>,
    room: Room,
    /// Broken or done: closed once the kernel has let go of it.
    ending: bool,
}

/// What a turn left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// More work is at hand.
    Busy,
    /// Nothing came in for as long as a lull is waited out.
    Lull,
    /// Stop was ordered.
    Stopping,
}

impl Outlook {
    /// `None` once a stop was ordered.
    pub(crate) fn unless_stopping(self) -> Option<Self> {
        (self != Self::Stopping).then_some(self)
    }
}

/// See the module.
pub(crate) struct RingDriver {
    hub: Hub,
    ring: Ring,
    connections: Vec<RingConnection>,
    received: Vec<Received>,
    completions: Vec<Completion>,
    touched: Vec<u32>,
    /// Turns so far.
    turns: u64,
    /// Shards to ring for at the end of the turn.
    wakes: Vec<ShardId>,
    udp: UdpPort,
    /// What each UDP socket is watched for: to be readable, to be writable.
    udp_watches: Vec<[bool; 2]>,
}

impl RingDriver {
    pub(crate) fn new(hub: Hub, udp: UdpPort, mut ring: Ring) -> Self {
        let mailbox = &hub.executor.cluster.mailboxes[hub.executor.shard.index()];
        mailbox.set_ring(ring.descriptor());
        ring.watch(mailbox.doorbell().as_fd());
        ring.notify(false);
        Self {
            hub,
            ring,
            connections: Vec::new(),
            received: Vec::new(),
            completions: Vec::new(),
            touched: Vec::new(),
            turns: 0,
            wakes: Vec::new(),
            udp_watches: vec![[false; 2]; udp.sockets()],
            udp,
        }
    }

    /// One turn: what came in, what follows from it, one system call.
    pub(crate) fn turn(&mut self) -> io::Result<Outlook> {
        self.hub.executor.begin_turn();
        self.turns += 1;
        self.ring.completions(&mut self.received, &mut self.completions);
        let mut idle = self.received.is_empty() && self.completions.is_empty();
        self.receive();
        let mut completions = std::mem::take(&mut self.completions);
        for completion in completions.drain(..) {
            self.complete(completion);
        }
        self.completions = completions;
        idle &= !self.take_messages();
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
        self.dispatch();
        self.settle_touched();
        let metrics = &self.hub.executor.metrics;
        metrics.add(Counter::Turns, 1);
        if self.hub.stopping {
            return Ok(Outlook::Stopping);
        }
        let maintaining = self.hub.maintain();
        idle &= !more && !self.hub.has_runnable() && !maintaining;
        self.enter(more || maintaining)?;
        Ok(if idle { Outlook::Lull } else { Outlook::Busy })
    }

    /// Answers datagrams; true if some are left.
    #[cold]
    fn serve_datagrams(&mut self) -> bool {
        let more = self.udp.turn(&mut self.hub);
        for (socket, watches) in self.udp_watches.iter_mut().enumerate() {
            for readiness in [Readiness::Readable, Readiness::Writable] {
                let is_watched = &mut watches[readiness as usize];
                if !*is_watched && self.udp.watched(socket, readiness) {
                    *is_watched = true;
                    let descriptor = self.udp.descriptor(socket);
                    self.ring.watch_datagrams(socket, descriptor, readiness);
                }
            }
        }
        more
    }

    /// Submits and, if there is nothing left to do, waits out a lull.
    fn enter(&mut self, more: bool) -> io::Result<()> {
        for shard in self.wakes.drain(..) {
            let mailbox = &self.hub.executor.cluster.mailboxes[shard.index()];
            match mailbox.ring() {
                Some(ring) => self.ring.ring_other(shard.index(), ring),
                None => mailbox.ring_doorbell(),
            }
        }
        self.hub.executor.metrics.add(Counter::RingEnters, 1);
        if more || self.hub.has_runnable() {
            self.hub.executor.shards.lend();
            let result = self.ring.enter(None);
            self.hub.executor.shards.take_back();
            return result;
        }
        let cluster = &self.hub.executor.cluster;
        let mailbox = &cluster.mailboxes[self.hub.executor.shard.index()];
        mailbox.park();
        let wait = if self.hub.has_messages() { None } else { Some(LULL_MICROSECONDS) };
        let shards = &mut self.hub.executor.shards;
        shards.lend();
        let result = self.ring.enter(wait);
        mailbox.unpark();
        shards.take_back();
        result
    }

    /// Prepares for sleep: completions and messages will ring the eventfd. False if there is
    /// something to do after all.
    pub(crate) fn park(&mut self) -> io::Result<bool> {
        self.hub.executor.shards.own().publish();
        self.hub.executor.cluster.mailboxes[self.hub.executor.shard.index()].park();
        self.hub.tell_due();
        self.ring.notify(true);
        self.ring.flush()?;
        let sleeps = !self.ring.has_completions() && !self.hub.has_messages();
        self.hub.executor.shards.lend();
        Ok(sleeps)
    }

    /// Awake again.
    pub(crate) fn unpark(&mut self) {
        self.ring.notify(false);
        self.hub.executor.cluster.mailboxes[self.hub.executor.shard.index()].unpark();
        self.hub.executor.shards.take_back();
    }

    fn receive(&mut self) {
        for received in &self.received {
            let connection = &mut self.connections[received.index as usize];
            connection.receiving = !received.rearm;
            connection.cancelling &= !received.rearm;
            if received.rearm {
                self.hub.touch(received.index);
            }
        }
        let (connections, ring) = (&self.connections, &self.ring);
        let wanted = self.received.iter().filter(|it| !connections[it.index as usize].ending);
        self.hub.receive(wanted.map(|it| (it.index, ring.bytes(*it))));
        for received in self.received.drain(..) {
            self.ring.give_back(received);
        }
    }

    fn complete(&mut self, completion: Completion) {
        match completion {
            Completion::ReceiveEnded { index, error } => self.receive_ended(index, error),
            Completion::Sent { index, outgoing, result } => self.sent(index, outgoing, result),
            Completion::Doorbell { rearm } => {
                let mailbox = &self.hub.executor.cluster.mailboxes[self.hub.executor.shard.index()];
                mailbox.silence();
                if rearm {
                    self.ring.watch(mailbox.doorbell().as_fd());
                }
            }
            Completion::Datagrams { socket, readiness } => {
                self.udp_watches[socket][readiness as usize] = false;
                self.udp.ready(&mut self.hub, socket, readiness);
            }
            // The pipe always takes it. The claim on the doorbell was ours: nobody else rings.
            Completion::DoorbellLost { shard } => {
                self.hub.executor.cluster.mailboxes[shard].ring_doorbell();
            }
            Completion::Nothing => {}
        }
    }

    fn receive_ended(&mut self, index: u32, error: i32) {
        let connection = &mut self.connections[index as usize];
        connection.receiving = false;
        connection.cancelling = false;
        if error == 0 {
            if !connection.ending {
                self.hub.end_of_input(index);
            }
        } else if error != Errno::CANCELED.raw_os_error() && error != Errno::NOBUFS.raw_os_error() {
            connection.ending = true;
        }
        self.hub.touch(index);
    }

    fn sent(&mut self, index: u32, outgoing: Outgoing, result: i32) {
        let connection = &mut self.connections[index as usize];
        let (offset, turn) = connection.sending.take().expect("a send was under way");
        connection.room = if self.turns > turn + 1 { Room::Short } else { Room::Enough };
        let Ok(count) = usize::try_from(result) else {
            let again = [Errno::INTR, Errno::AGAIN].map(Errno::raw_os_error).contains(&-result);
            if again && !connection.ending {
                self.send(index, outgoing, offset, true);
            } else {
                connection.ending = true;
                self.hub.send_failed(index, outgoing);
            }
            return;
        };
        if connection.ending {
            self.hub.send_failed(index, outgoing);
        } else if offset + count < outgoing.total_bytes() {
            self.send(index, outgoing, offset + count, true);
        } else {
            self.hub.sent(index, outgoing);
        }
    }

    fn send(&mut self, index: u32, outgoing: Outgoing, offset: usize, awaited: bool) {
        let connection = &mut self.connections[index as usize];
        let Some(socket) = &connection.socket else {
            unreachable!("an open connection has a socket")
        };
        connection.sending = Some((offset, self.turns));
        // What does not complete at once is not to be waited for together with a request.
        let awaited = awaited || connection.room == Room::Short;
        self.ring.send(index, socket.as_fd(), outgoing, offset, awaited);
    }

    fn take_messages(&mut self) -> bool {
        let (connections, wakes) = (&mut self.connections, &mut self.wakes);
        self.hub.take_messages(
            |index, socket| {
                let index = index as usize;
                if index >= connections.len() {
                    connections.resize_with(index + 1, RingConnection::default);
                }
                connections[index] =
                    RingConnection { socket: Some(socket), ..RingConnection::default() };
            },
            |shard| wakes.push(shard),
        )
    }

    fn dispatch(&mut self) {
        let wakes = &mut self.wakes;
        self.hub.dispatch(|shard| wakes.push(shard));
    }

    /// Does what follows from the turn for each connection that it touched.
    fn settle_touched(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        self.hub.take_touched(&mut touched);
        for index in touched.drain(..) {
            self.settle(index);
        }
        self.touched = touched;
    }

    fn settle(&mut self, index: u32) {
        let Some(actions) = self.hub.take_actions(index) else { return };
        let connection = &mut self.connections[index as usize];
        connection.ending |= actions.socket == SocketAction::Close;
        let read = actions.read && !connection.ending;
        if read && !connection.receiving {
            let Some(socket) = &connection.socket else {
                unreachable!("an open connection has one")
            };
            connection.receiving = true;
            self.ring.receive(index, socket.as_fd());
        } else if !read && connection.receiving && !connection.cancelling {
            connection.cancelling = true;
            self.ring.cancel_receive(index);
        }
        if connection.ending {
            if let Some(outgoing) = actions.send {
                self.hub.send_failed(index, outgoing);
            }
            let connection = &mut self.connections[index as usize];
            if !connection.receiving && connection.sending.is_none() {
                if let Some(socket) = connection.socket.take() {
                    self.hub.part_from_client(index, &socket);
                }
                self.hub.remove(index);
            }
        } else if actions.socket == SocketAction::HandOver {
            // A receive under way ends first; what it still brings is kept and moves along.
            if !connection.receiving {
                debug_assert!(connection.sending.is_none(), "all output has left");
                let socket = connection.socket.take().expect("an open connection has a socket");
                let wakes = &mut self.wakes;
                connection.socket = self.hub.depart(index, socket, |shard| wakes.push(shard));
            }
        } else if let Some(outgoing) = actions.send {
            self.send(index, outgoing, 0, actions.awaits_sent);
        }
    }

    /// Sends what is ready, once and as far as it goes, and closes everything.
    pub(crate) fn stop(mut self) {
        for index in self.hub.indices() {
            self.connections[index as usize].socket = None;
            self.hub.remove(index);
        }
        self.ring.end_operations();
        self.hub.datagrams.end_all(&mut self.hub.executor);
        self.hub.executor.shards.own().publish();
    }
}
