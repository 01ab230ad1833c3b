//! The connections of one executor and what reaches them: bytes from sockets, batches from other
//! shards. Knows no descriptor: a driver owns the sockets and asks what to do with each.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::Instant;

use arrayvec::ArrayVec;
use crossbeam_channel::Receiver;
use slabcore_metrics::{Counter, Gauge};
use slabcore_protocol::LINE_BYTES_MAX;
use slabcore_shard::{Batch, ReplyPart, Ticket};

use crate::affinity::Affinity;
use crate::connection::{Connection, ConnectionId, Pause};
use crate::core::Core;
use crate::encrypted::take_encrypted;
use crate::entry::{Entry, Waiting};
use crate::exchanges::Exchanges;
use crate::idle::{IdleSweep, Swept};
use crate::limits::{
    CARRIED_BYTES_MAX, CARRY_READ_BYTES_MAX, MAINTAIN_STEPS, SEND_VALUE_BYTES_MAX,
    STAGE_CONNECTIONS, TURN_VISITS_DURATION,
};
use crate::log;
use crate::login::Login;
use crate::mailbox::{Message, next_message};
use crate::moving::Leaving;
use crate::outgoing::{Outgoing, Parts};
use crate::output::Output;
use crate::settings::{Moving, Protocol};
use crate::stage::{Plan, Stage};
use crate::tls_session::TlsSession;
use crate::watching::CloseReason;

/// What a driver has to do for a connection.
#[derive(Debug)]
pub(crate) struct Duties {
    /// What to send; no other send is under way. Goes to [`Hub::sent`] or [`Hub::send_failed`].
    pub(crate) send: Option<Outgoing>,
    /// More will follow from the end of that send than the next request.
    pub(crate) awaits_sent: bool,
    /// Whether to read from the socket.
    pub(crate) read: bool,
    /// What is to become of the socket.
    pub(crate) fate: Fate,
}

/// What is to become of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays.
    Stay,
    /// All is sent: close it, then [`Hub::remove`].
    Close,
    /// Nothing is under way: let go of it, and pass it to [`Hub::depart`].
    Depart,
}

/// See the module.
pub(crate) struct Hub {
    pub(crate) core: Core,
    pub(crate) entries: Vec<Option<Box<Entry>>>,
    pub(crate) generations: Vec<u32>,
    free: Vec<u32>,
    receiver: Receiver<Message>,
    /// Connections whose `carry` can be worked on.
    pub(crate) runnable: VecDeque<u32>,
    /// Connections and exchanges that wait for a batch to leave.
    pub(crate) stalled: Vec<u32>,
    /// Connections that the driver must look at.
    touched: Vec<u32>,
    /// Connections under TLS with decrypted bytes to look at.
    pub(crate) decrypted: Vec<u32>,
    /// Connections that are to move to other shards.
    pub(crate) leaving: Vec<Leaving>,
    /// Waits until its connections are told, see `stats_conns.rs`.
    pub(crate) postponed: Option<Box<Batch>>,
    /// The shard was told of its connections, for the messages of the next turn.
    pub(crate) is_told: bool,
    /// What came by datagram.
    pub(crate) exchanges: Exchanges,
    /// Bytes of memory of the carries of all connections.
    pub(crate) carried: usize,
    /// Closes connections that are idle for too long.
    pub(crate) idle: IdleSweep,
    /// Connections end once they have what they are owed.
    finishing: bool,
    pub(crate) stopping: bool,
}

impl Hub {
    pub(crate) fn new(core: Core, receiver: Receiver<Message>) -> Self {
        Self {
            idle: IdleSweep::new(core.cluster.settings.idle_timeout),
            core,
            entries: Vec::new(),
            generations: Vec::new(),
            free: Vec::new(),
            receiver,
            runnable: VecDeque::new(),
            stalled: Vec::new(),
            touched: Vec::new(),
            decrypted: Vec::new(),
            leaving: Vec::new(),
            postponed: None,
            is_told: false,
            exchanges: Exchanges::default(),
            carried: 0,
            finishing: false,
            stopping: false,
        }
    }

    /// A new connection; its index stays its own until [`Self::remove`]. `stays`: it never moves.
    /// `tls`: what its socket carries is encrypted.
    pub(crate) fn insert(
        &mut self,
        stays: bool,
        protocol: Protocol,
        tls: Option<Box<TlsSession>>,
    ) -> ConnectionId {
        let cluster = &self.core.cluster;
        let moving = if stays { Moving::NEVER } else { cluster.settings.moving };
        let affinity = Affinity::new(self.core.index, moving);
        let login = if cluster.users.is_some() { Login::Due } else { Login::Free };
        let id = self.free_place();
        let connection = Connection::new(id, protocol, login, affinity);
        let entry = Entry::new(connection, tls, self.core.now.tick);
        self.entries[id.index as usize] = Some(Box::new(entry));
        self.core.metrics.add(Counter::TotalConnections, 1);
        self.publish_connections();
        self.touch(id.index);
        id
    }

    /// A place for a connection.
    pub(crate) fn free_place(&mut self) -> ConnectionId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.generations.push(0);
            self.entries.len() as u32 - 1
        });
        ConnectionId { index, generation: self.generations[index as usize] }
    }

    /// A connection's socket is closed: everything it holds is given back.
    pub(crate) fn remove(&mut self, index: u32) {
        let mut entry = self.take_entry(index);
        entry.connection.end(&mut self.core);
        entry.connection.output.return_buffers(&mut self.core.spares);
        self.core.spares.put(entry.carry);
        self.core.cluster.connection_ended();
        if self.core.verbosity >= log::COMMANDS {
            log::connection_closed(entry.connection.client);
        }
    }

    /// Takes a connection out of its place, which is free then.
    pub(crate) fn take_entry(&mut self, index: u32) -> Box<Entry> {
        let entry = self.entries[index as usize].take().expect("a connection ends once");
        self.carried -= entry.carried;
        let generation = &mut self.generations[index as usize];
        *generation = generation.wrapping_add(1);
        self.free.push(index);
        self.publish_connections();
        entry
    }

    pub(crate) fn publish_connections(&self) {
        let open = self.entries.len() - self.free.len();
        self.core.metrics.set(Gauge::CurrConnections, open as u64);
    }

    /// Indices of all connections.
    pub(crate) fn indices(&self) -> Vec<u32> {
        (0..self.entries.len() as u32).filter(|&i| self.entries[i as usize].is_some()).collect()
    }

    /// Bytes from the sockets of connections: each input is a connection and what it sent, an
    /// earlier one of a connection before a later.
    pub(crate) fn receive<'a>(&mut self, mut inputs: impl Iterator<Item = (u32, &'a [u8])>) {
        let mut next = inputs.next();
        while next.is_some() {
            let mut stage = Stage::new();
            let mut staged: ArrayVec<(u32, &[u8], Option<Plan<'_>>), STAGE_CONNECTIONS> =
                ArrayVec::new();
            while let Some((index, bytes)) = next
                && stage.takes_connection()
                && !staged.is_full()
            {
                let Some(entry) = self.entries[index as usize].as_mut() else {
                    next = inputs.next();
                    continue;
                };
                if entry.staged {
                    break;
                }
                if entry.tls.is_some() {
                    self.decrypt(index, bytes);
                    next = inputs.next();
                    continue;
                }
                let plan = entry.takes_plan().then(|| {
                    let limit = self.core.requests_per_visit_max();
                    entry.connection.plan(&mut self.core, bytes, limit, &mut stage)
                });
                entry.staged = true;
                staged.push((index, bytes, plan));
                next = inputs.next();
            }
            stage.prefetch_items(&self.core);
            for (index, bytes, plan) in staged.drain(..) {
                self.receive_staged(index, bytes, &stage, plan);
            }
            self.run_decrypted();
            self.core.give_back();
        }
    }

    fn receive_staged(
        &mut self,
        index: u32,
        bytes: &[u8],
        stage: &Stage<'_>,
        plan: Option<Plan<'_>>,
    ) {
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        let core = &mut self.core;
        entry.staged = false;
        entry.last_input = core.now.tick;
        core.metrics.add(Counter::BytesRead, bytes.len() as u64);
        if !entry.carry.is_empty() || entry.waiting != Waiting::Input {
            entry.prepare_carry(&mut core.spares);
            entry.carry.extend_from_slice(bytes);
            if entry.waiting == Waiting::Input {
                self.run_carry(index);
            } else {
                self.count_carry(index);
                self.touch(index);
            }
            return;
        }
        entry.connection.output.borrow_buffers(&mut core.spares);
        let (consumed, pause) = match plan {
            Some(plan) => entry.connection.run_planned(core, bytes, stage, plan),
            None => entry.connection.run(core, bytes),
        };
        if consumed < bytes.len() {
            entry.carry = core.spares.take();
            entry.carry.extend_from_slice(&bytes[consumed..]);
        }
        self.after_run(index, pause);
    }

    /// Works on what a connection carries.
    pub(crate) fn run_carry(&mut self, index: u32) {
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        let core = &mut self.core;
        entry.connection.output.borrow_buffers(&mut core.spares);
        let carry = std::mem::take(&mut entry.carry);
        let (consumed, pause) = entry.connection.run(core, &carry[entry.carry_start..]);
        entry.carry_start += consumed;
        if entry.carry_start == carry.len() {
            entry.carry_start = 0;
            core.spares.put(carry);
        } else {
            entry.carry = carry;
        }
        self.after_run(index, pause);
    }

    fn after_run(&mut self, index: u32, pause: Pause) {
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        if pause == Pause::Yielded {
            self.core.metrics.add(Counter::ConnYields, 1);
            self.runnable.push_back(index);
        }
        entry.waiting = match pause {
            Pause::Yielded => Waiting::Turn,
            Pause::Blocked => Waiting::Room,
            Pause::Hungry | Pause::Closing => Waiting::Input,
        };
        if entry.waiting == Waiting::Room && self.core.outboxes.is_any_full() {
            self.stalled.push(index);
        }
        if entry.end_of_input && pause == Pause::Hungry {
            entry.connection.close(&mut self.core);
        }
        let wishes = entry.connection.affinity.wish().is_some();
        self.count_carry(index);
        if wishes {
            self.consider_leaving(index);
        }
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        entry.connection.output.return_buffers(&mut self.core.spares);
        self.touch(index);
    }

    /// Counts the memory of a connection's carry. One that grows beyond a short line while all
    /// carries together are over their limit is refused; those that carry little are served on.
    pub(crate) fn count_carry(&mut self, index: u32) {
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        let others = self.carried - std::mem::take(&mut entry.carried);
        let pending = entry.carry.len() - entry.carry_start;
        if pending > LINE_BYTES_MAX && others + entry.carry.capacity() > CARRIED_BYTES_MAX {
            entry.connection.refuse_input(&mut self.core);
            entry.carry = Vec::new();
            entry.carry_start = 0;
            entry.waiting = Waiting::Input;
        }
        entry.carried = entry.carry.capacity();
        self.carried = others + entry.carried;
    }

    /// Puts a connection on the list that the driver looks through at the end of the turn.
    #[inline]
    pub(crate) fn touch(&mut self, index: u32) {
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        if !entry.touched {
            entry.touched = true;
            self.touched.push(index);
        }
    }

    /// The client sends no more: it gets what it is owed, then the connection ends.
    pub(crate) fn end_of_input(&mut self, index: u32) {
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        entry.end_of_input = true;
        entry.connection.close_reason = CloseReason::Normal;
        if entry.waiting == Waiting::Input {
            entry.connection.close(&mut self.core);
        }
        self.touch(index);
    }

    /// The bytes of the last [`Duties::send`] have left; their buffer comes back.
    #[inline]
    pub(crate) fn sent(&mut self, index: u32, outgoing: Outgoing) {
        self.core.metrics.add(Counter::BytesWritten, outgoing.total_bytes() as u64);
        self.core.spares.put(outgoing.replies);
        let Some(entry) = self.entries[index as usize].as_mut() else {
            unreachable!("a connection outlives its send");
        };
        let output = &mut entry.connection.output;
        output.all_sent();
        if let Some(parts) = outgoing.parts {
            parts_sent(&mut self.core, output, parts);
        }
        let waits = matches!(entry.waiting, Waiting::Room | Waiting::Quiet);
        if output.is_idle() && !waits && !entry.connection.is_closing() {
            return;
        }
        self.unblock(index);
        self.touch(index);
    }

    /// The last [`Duties::send`] is over, and the connection is to end.
    pub(crate) fn send_failed(&mut self, index: u32, outgoing: Outgoing) {
        self.core.spares.put(outgoing.replies);
        for value in outgoing.parts.into_iter().flat_map(|parts| parts.into_values()) {
            self.core.release(*value);
        }
        self.touch(index);
    }

    /// Lets a connection go on whose output has room again, or an exchange.
    fn unblock(&mut self, index: u32) {
        let Some(entry) = self.entries.get_mut(index as usize) else {
            return self.exchanges.resume(index);
        };
        let Some(entry) = entry.as_mut() else { return };
        if entry.waiting == Waiting::Room && !entry.connection.output.is_full() {
            entry.waiting = Waiting::Turn;
            self.runnable.push_back(index);
        }
    }

    /// Goes on with the connections that have requests left, one visit each in turn, until none
    /// has or the turn has been long enough; true if some still have.
    pub(crate) fn run_runnable(&mut self) -> bool {
        if self.runnable.is_empty() {
            return false;
        }
        let start = Instant::now();
        while let Some(index) = self.runnable.pop_front() {
            if let Some(entry) = self.entries[index as usize].as_mut()
                && !entry.waiting.is_leaving()
            {
                entry.waiting = Waiting::Input;
                self.run_carry(index);
                self.core.give_back();
            }
            if start.elapsed() >= TURN_VISITS_DURATION {
                break;
            }
        }
        !self.runnable.is_empty()
    }

    /// Takes what waits in the mailbox now. `open` keeps the socket of a connection that is here
    /// now, `wake` rings for a shard.
    pub(crate) fn take_messages(
        &mut self,
        mut open: impl FnMut(u32, OwnedFd),
        mut wake: impl FnMut(usize),
    ) -> bool {
        self.obey_publish_order();
        let mut any = false;
        // What comes meanwhile waits for the next turn: others could feed this shard without end.
        for _ in 0..self.receiver.len() + usize::from(self.postponed.is_some()) {
            let postponed = self.postponed.take().map(Message::Requests);
            let Some(message) = postponed.or_else(|| next_message(&self.receiver)) else { break };
            any = true;
            match message {
                Message::Requests(batch) if batch.asks_for_connections() && !self.is_told => {
                    self.postponed = Some(batch);
                    break;
                }
                Message::Requests(mut batch) => {
                    let requests = u64::from(batch.entries());
                    self.core.metrics.add(Counter::RequestsServed, requests);
                    self.core.shards.own_mut().execute_batch(self.core.now, &mut batch);
                    let source = batch.source();
                    let reply = Message::Replies(self.core.index, batch);
                    if self.core.cluster.mailboxes[source].post(reply) {
                        wake(source);
                    }
                }
                Message::Replies(shard, batch) => self.take_replies(shard, batch),
                Message::Connection { socket, stays, protocol, tls } => {
                    let encrypted = tls.is_some();
                    let index = self.insert(stays, protocol, tls).index;
                    self.know_client(index, &socket, protocol);
                    open(index, socket);
                    if encrypted {
                        // A request may have come with the last bytes of the handshake.
                        self.decrypt(index, &[]);
                        self.run_decrypted();
                    }
                    self.finish_if_due(index);
                }
                Message::Moved(socket, entry) => {
                    let index = self.settle_in(entry);
                    open(index, socket);
                    self.finish_if_due(index);
                }
                Message::Finish => {
                    self.finishing = true;
                    self.indices().into_iter().for_each(|index| self.end_of_input(index));
                }
                Message::Stop => self.stopping = true,
            }
        }
        self.forget_told();
        any
    }

    /// A connection that comes after the order to finish takes no requests either.
    fn finish_if_due(&mut self, index: u32) {
        if self.finishing {
            self.end_of_input(index);
        }
    }

    /// Publishes the shard's numbers if somebody asked for them, once idle connections have been
    /// looked through. The order stays until then, and so does the executor awake.
    fn obey_publish_order(&mut self) {
        let orders = &self.core.cluster.publish_orders[self.core.index];
        if let Some(order) = orders.pending()
            && self.sweep_idle() == Swept::All
        {
            self.core.shards.own().publish();
            self.core.cluster.publish_orders[self.core.index].set_done(order);
        }
    }

    fn take_replies(&mut self, shard: usize, mut batch: Box<Batch>) {
        for (ticket, reply) in batch.take_replies() {
            self.deliver(shard, ticket, reply);
        }
        self.core.outboxes.recycle(shard, batch);
        self.runnable_again();
    }

    /// A shard's reply, or its part of one, for whom it is for.
    #[expect(clippy::inline_always, reason = "each reply of another shard passes here")]
    #[inline(always)]
    pub(crate) fn deliver(&mut self, shard: usize, ticket: Ticket, reply: ReplyPart<'_>) {
        let index = ticket.connection;
        let alive = self.generations.get(index as usize) == Some(&ticket.generation);
        match self.entries.get_mut(index as usize).and_then(Option::as_mut) {
            Some(entry) if alive => {
                entry.connection.output.borrow_buffers(&mut self.core.spares);
                entry.connection.fill(&mut self.core, shard, ticket.slot, reply);
                if !entry.touched {
                    entry.touched = true;
                    self.touched.push(index);
                }
                self.unblock(index);
            }
            _ => self.take_other_reply(shard, ticket, reply),
        }
    }

    fn runnable_again(&mut self) {
        for index in std::mem::take(&mut self.stalled) {
            self.unblock(index);
        }
    }

    /// Sends gathered requests to other shards.
    pub(crate) fn dispatch(&mut self, mut wake: impl FnMut(usize)) {
        self.core.ask_for_pages();
        if !self.core.watched.is_empty() {
            self.serve_watchers(&mut wake);
        }
        self.core.dispatch(wake);
        if !self.core.outboxes.is_any_full() && !self.stalled.is_empty() {
            self.runnable_again();
        }
        if !self.leaving.is_empty() {
            self.prepare_departures();
        }
    }

    /// True if the mailbox holds something, or a scrape waits for the shard's numbers.
    pub(crate) fn has_messages(&self) -> bool {
        let orders = &self.core.cluster.publish_orders[self.core.index];
        !self.receiver.is_empty()
            || self.postponed.is_some()
            || orders.pending().is_some()
            || self.has_watch_work()
    }

    /// True if connections have requests left to execute, or a batch may leave, or it is to be
    /// seen soon if a connection's last output before a move has left.
    pub(crate) fn has_runnable(&self) -> bool {
        !self.runnable.is_empty()
            || self.core.outboxes.can_dispatch()
            || self.has_impatient()
            || self.is_to_tell()
            || self.exchanges.has_runnable()
    }

    /// True if connections were touched that the driver has not looked at.
    pub(crate) fn has_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Takes the list of connections to look at.
    pub(crate) fn take_touched(&mut self, into: &mut Vec<u32>) {
        debug_assert!(into.is_empty());
        if self.core.verbosity >= log::COMMANDS {
            self.log_replies();
        }
        std::mem::swap(&mut self.touched, into);
    }

    /// What is about to be sent, but for large values and what watchers are told.
    #[cold]
    fn log_replies(&self) {
        for &index in &self.touched {
            let Some(entry) = self.entries[index as usize].as_ref() else { continue };
            if entry.connection.output.can_send() && !entry.connection.is_watching() {
                log::replies(entry.connection.client, entry.connection.output.ready());
            }
        }
    }

    /// What to do for a touched connection; `None` if it is gone.
    #[inline]
    pub(crate) fn duties(&mut self, index: u32) -> Option<Duties> {
        let entry = self.entries[index as usize].as_mut()?;
        entry.touched = false;
        let closing = entry.connection.is_closing();
        let output = &mut entry.connection.output;
        let send = match entry.tls.as_mut() {
            None => {
                output.can_send().then(|| output.take(&mut self.core.spares, SEND_VALUE_BYTES_MAX))
            }
            Some(tls) => take_encrypted(&mut self.core, tls, output, closing),
        };
        output.return_buffers(&mut self.core.spares);
        let takes_input = match entry.waiting {
            Waiting::Input => true,
            Waiting::Turn => entry.carry.len() - entry.carry_start <= CARRY_READ_BYTES_MAX,
            Waiting::Room | Waiting::Quiet | Waiting::Departure => false,
        };
        let output = &entry.connection.output;
        let fate = match entry.waiting {
            _ if closing && output.is_empty() => Fate::Close,
            Waiting::Departure => Fate::Depart,
            _ => Fate::Stay,
        };
        let waits = matches!(entry.waiting, Waiting::Room | Waiting::Quiet);
        Some(Duties {
            send,
            awaits_sent: closing || waits || !output.is_idle(),
            read: takes_input && !closing && !entry.end_of_input,
            fate,
        })
    }

    /// Background work of a busy turn: bounded well below 200 microseconds.
    pub(crate) fn maintain(&mut self) -> bool {
        self.core.shards.own_mut().maintain(self.core.now, MAINTAIN_STEPS)
    }
}

/// Parts of large values have left: values that were sent whole are given back.
#[inline(never)]
pub(crate) fn parts_sent(core: &mut Core, output: &mut Output, parts: Box<Parts>) {
    output.parts_sent();
    for value in parts.into_values() {
        if let Some(value) = output.part_sent(value) {
            core.release(*value);
        }
    }
}
