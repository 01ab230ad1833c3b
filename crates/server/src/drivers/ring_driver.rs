//! The sockets of an executor on the data-plane ring: completions are taken at the start of a turn,
//! and all that the turn asked of the kernel is submitted at its end.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use slabcore_metrics::Counter;

use slabcore_shard::ShardId;

use crate::connection::outgoing::Outgoing;
use crate::drivers::ring::{Completion, Received, Ring};
use crate::drivers::turn::{Outlook, Sockets, TurnLists, put_at, turn};
use crate::drivers::udp_port::{Readiness, UdpPort};
use crate::hub::Hub;
use crate::hub::driver_actions::{AfterSend, SocketAction};
use crate::settings::limits::LULL_MICROSECONDS;

/// Whether a socket takes output at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum SendSpace {
    /// It took the last send at once.
    #[default]
    Enough,
    /// The last send had to wait, so the next may have to.
    Short,
    /// The send under way is being cancelled.
    Recalled,
}

/// A connection's socket and what the kernel is doing with it.
#[derive(Debug, Default)]
struct RingConnection {
    socket: Option<OwnedFd>,
    /// A multishot receive is under way.
    receiving: bool,
    /// The cancellation of the receive is under way.
    cancelling: bool,
    /// The send under way: the offset of its first byte, and the turn of its start.
    sending: Option<(usize, u64)>,
    room: SendSpace,
    /// Broken or done: it is closed once its operations have ended.
    ending: bool,
}

/// A driver on `io_uring`: a hub and its sockets.
pub(crate) struct RingDriver {
    hub: Hub,
    sockets: RingSockets,
    lists: TurnLists,
}

/// The sockets of an executor, and its ring.
struct RingSockets {
    ring: Ring,
    connections: Vec<RingConnection>,
    received: Vec<Received>,
    completions: Vec<Completion>,
    /// The number of turns so far.
    turns: u64,
    udp: UdpPort,
    /// What each UDP socket is watched for: to be readable, to be writable.
    udp_watches: Vec<[bool; 2]>,
}

impl RingDriver {
    pub(crate) fn new(hub: Hub, udp: UdpPort, mut ring: Ring) -> Self {
        let mailbox = hub.mailbox();
        mailbox.set_ring(ring.descriptor());
        ring.watch(mailbox.doorbell().as_fd());
        ring.disable_notifications();
        let sockets = RingSockets {
            ring,
            connections: Vec::new(),
            received: Vec::new(),
            completions: Vec::new(),
            turns: 0,
            udp_watches: vec![[false; 2]; udp.sockets()],
            udp,
        };
        Self { hub, sockets, lists: TurnLists::default() }
    }

    /// One turn.
    pub(crate) fn turn(&mut self) -> io::Result<Outlook> {
        turn(&mut self.hub, &mut self.sockets, &mut self.lists)
    }

    /// Prepares for sleep: completions and messages notify the eventfd from now on. False if there
    /// is something to do after all.
    pub(crate) fn park(&mut self) -> io::Result<bool> {
        self.hub.mailbox().park();
        self.hub.prepare_sleep();
        let ring = &mut self.sockets.ring;
        ring.enable_notifications();
        ring.flush()?;
        let sleeps = !ring.has_completions() && !self.hub.has_messages();
        self.hub.executor.shards.lend();
        Ok(sleeps)
    }

    /// Ends the sleep.
    pub(crate) fn unpark(&mut self) {
        self.sockets.ring.disable_notifications();
        self.hub.mailbox().unpark();
        self.hub.executor.shards.take_back();
    }

    /// Closes all connections at once, and ends the operations of the ring.
    pub(crate) fn stop(mut self) {
        for connection in &mut self.sockets.connections {
            connection.socket = None;
        }
        self.sockets.ring.end_operations();
        self.hub.end();
    }
}

impl Sockets for RingSockets {
    fn receive(&mut self, hub: &mut Hub) -> bool {
        self.turns += 1;
        self.ring.completions(&mut self.received, &mut self.completions);
        if self.received.is_empty() && self.completions.is_empty() {
            return false;
        }
        let completed = self.received.len() + self.completions.len();
        hub.executor.metrics.add(Counter::RingCompletions, completed as u64);
        self.take_received(hub);
        let mut completions = std::mem::take(&mut self.completions);
        for completion in completions.drain(..) {
            self.complete(hub, completion);
        }
        self.completions = completions;
        true
    }

    fn open(&mut self, index: u32, socket: OwnedFd) {
        let connection = RingConnection { socket: Some(socket), ..RingConnection::default() };
        put_at(&mut self.connections, index, connection);
    }

    fn serve_datagrams(&mut self, hub: &mut Hub) -> bool {
        self.udp.sockets() > 0 && self.serve_udp_port(hub)
    }

    fn settle(&mut self, hub: &mut Hub, index: u32, wakes: &mut Vec<ShardId>) {
        let Some(actions) = hub.take_actions(index) else { return };
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
                hub.send_failed(index, outgoing);
            }
            let connection = &mut self.connections[index as usize];
            if !connection.receiving && connection.sending.is_none() {
                if let Some(socket) = connection.socket.take() {
                    hub.before_close(index, &socket);
                }
                hub.remove(index);
            }
        } else if actions.socket == SocketAction::HandOver {
            if connection.sending.is_some() {
                // Its client does not read. What has not left moves with the rest.
                if connection.room != SendSpace::Recalled {
                    connection.room = SendSpace::Recalled;
                    self.ring.cancel_send(index);
                }
                return;
            }
            // The receive ends first. What it still receives is kept, and moves with the rest.
            if !connection.receiving {
                let socket = connection.socket.take().expect("an open connection has a socket");
                connection.socket = hub.depart(index, socket, |shard| wakes.push(shard));
            }
        } else if let Some(outgoing) = actions.send {
            self.send(index, outgoing, 0, actions.after_send);
        }
    }

    fn enter(&mut self, hub: &mut Hub, wakes: &mut Vec<ShardId>, has_work: bool) -> io::Result<()> {
        for shard in wakes.drain(..) {
            let mailbox = &hub.executor.shared.mailboxes[shard.index()];
            match mailbox.ring() {
                Some(ring) => self.ring.ring_other(shard.index(), ring),
                None => mailbox.ring_doorbell(),
            }
        }
        hub.executor.metrics.add(Counter::RingEnters, 1);
        if has_work || hub.has_runnable() {
            hub.executor.shards.lend();
            let result = self.ring.enter(None);
            hub.executor.shards.take_back();
            return result;
        }
        hub.mailbox().park();
        let wait = if hub.has_messages() { None } else { Some(LULL_MICROSECONDS) };
        hub.executor.shards.lend();
        let result = self.ring.enter(wait);
        hub.mailbox().unpark();
        hub.executor.shards.take_back();
        result
    }
}

impl RingSockets {
    /// Answers datagrams, and has the sockets watched for more. True if work is left.
    #[cold]
    fn serve_udp_port(&mut self, hub: &mut Hub) -> bool {
        let more = self.udp.turn(hub);
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

    fn take_received(&mut self, hub: &mut Hub) {
        for received in &self.received {
            let connection = &mut self.connections[received.index as usize];
            connection.receiving = !received.rearm;
            connection.cancelling &= !received.rearm;
            if received.rearm {
                hub.touch(received.index);
            }
        }
        let (connections, ring) = (&self.connections, &self.ring);
        let wanted = self.received.iter().filter(|it| !connections[it.index as usize].ending);
        hub.receive(wanted.map(|it| (it.index, ring.bytes(*it))));
        for received in self.received.drain(..) {
            self.ring.give_back(received);
        }
    }

    fn complete(&mut self, hub: &mut Hub, completion: Completion) {
        match completion {
            Completion::ReceiveEnded { index, error } => self.receive_ended(hub, index, error),
            Completion::Sent { index, outgoing, result } => self.sent(hub, index, outgoing, result),
            Completion::Doorbell { rearm } => {
                let mailbox = hub.mailbox();
                mailbox.silence();
                if rearm {
                    self.ring.watch(mailbox.doorbell().as_fd());
                }
            }
            Completion::Datagrams { socket, readiness } => {
                self.udp_watches[socket][readiness as usize] = false;
                self.udp.ready(hub, socket, readiness);
            }
            // The pipe always works. This executor has claimed the doorbell, so it must ring.
            Completion::DoorbellLost { shard } => {
                hub.executor.shared.mailboxes[shard].ring_doorbell();
            }
            Completion::Nothing => {}
        }
    }

    fn receive_ended(&mut self, hub: &mut Hub, index: u32, error: i32) {
        let connection = &mut self.connections[index as usize];
        connection.receiving = false;
        connection.cancelling = false;
        if error == 0 {
            if !connection.ending {
                hub.end_of_input(index);
            }
        } else if error == Errno::NOBUFS.raw_os_error() {
            hub.executor.metrics.add(Counter::ReceiveBuffersExhausted, 1);
        } else if error != Errno::CANCELED.raw_os_error() {
            connection.ending = true;
        }
        hub.touch(index);
    }

    fn sent(&mut self, hub: &mut Hub, index: u32, outgoing: Outgoing, result: i32) {
        let connection = &mut self.connections[index as usize];
        let (offset, turn) = connection.sending.take().expect("a send was under way");
        if connection.room == SendSpace::Recalled {
            return self.recalled(hub, index, outgoing, offset, result);
        }
        connection.room = if self.turns > turn + 1 { SendSpace::Short } else { SendSpace::Enough };
        let Ok(count) = usize::try_from(result) else {
            let again = [Errno::INTR, Errno::AGAIN].map(Errno::raw_os_error).contains(&-result);
            if again && !connection.ending {
                self.send(index, outgoing, offset, AfterSend::Work);
            } else {
                connection.ending = true;
                hub.send_failed(index, outgoing);
            }
            return;
        };
        if connection.ending {
            hub.send_failed(index, outgoing);
        } else if offset + count < outgoing.total_bytes() {
            self.send(index, outgoing, offset + count, AfterSend::Work);
        } else {
            hub.sent(index, outgoing);
        }
    }

    /// A send that was cancelled is over, before its end or not.
    #[cold]
    fn recalled(
        &mut self,
        hub: &mut Hub,
        index: u32,
        outgoing: Outgoing,
        offset: usize,
        result: i32,
    ) {
        let connection = &mut self.connections[index as usize];
        connection.room = SendSpace::Short;
        let offset = offset + usize::try_from(result).unwrap_or(0);
        let errors = [Errno::CANCELED, Errno::INTR, Errno::AGAIN].map(Errno::raw_os_error);
        if connection.ending || result < 0 && !errors.contains(&-result) {
            connection.ending = true;
            hub.send_failed(index, outgoing);
        } else if offset < outgoing.total_bytes() {
            hub.unsent(index, outgoing, offset);
        } else {
            hub.sent(index, outgoing);
            hub.touch(index);
        }
    }

    fn send(&mut self, index: u32, outgoing: Outgoing, offset: usize, after: AfterSend) {
        let connection = &mut self.connections[index as usize];
        let Some(socket) = &connection.socket else {
            unreachable!("an open connection has a socket")
        };
        connection.sending = Some((offset, self.turns));
        // A wait for a send that does not complete at once must not delay a request.
        let after = if connection.room == SendSpace::Short { AfterSend::Work } else { after };
        self.ring.send(index, socket.as_fd(), outgoing, offset, after);
    }
}
