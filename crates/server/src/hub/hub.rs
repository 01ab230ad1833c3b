//! The connections of one executor and what reaches them: bytes from sockets, batches from other
//! shards. It knows no sockets: a driver owns them and asks what to do with each.

use crossbeam_channel::Receiver;
use slabcore_metrics::Counter;

use crate::connection::affinity::Affinity;
use crate::connection::connection_record::{ConnectionRecord, InputPlace};
use crate::connection::hub_connection::{HubConnection, Waiting};
use crate::connection::login::Login;
use crate::connection::new_connection::NewConnection;
use crate::connection::{Connection, ConnectionId};
use crate::executor::Executor;
use crate::hub::background_rest::BackgroundRest;
use crate::hub::connections::Connections;
use crate::hub::departures::Departures;
use crate::hub::handing_over::HandingOver;
use crate::hub::idle::IdleSweep;
use crate::hub::pending_datagrams::PendingDatagrams;
use crate::settings::address::Addresses;
use crate::settings::close_reason::CloseReason;
use crate::settings::limits::MAINTAIN_STEPS;
use crate::settings::log;
use crate::shared::mailbox::{Mailbox, Message};

/// What an executor does with its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It serves them.
    Serving,
    /// Another process is about to take over: connections under TLS end, because their session
    /// cannot leave. It serves the others.
    FinishingEncrypted,
    /// All connections leave the process.
    HandingOver,
    /// It does not touch the item memory.
    Resting,
    /// It takes no more requests: a connection ends once its client has what it is owed.
    Finishing,
    /// It closes all connections and ends.
    Stopping,
}

/// All connections of one executor, without their sockets.
pub(crate) struct Hub {
    pub(crate) executor: Executor,
    pub(super) connections: Connections,
    /// Connections under TLS with decrypted bytes to execute.
    pub(super) decrypted: Vec<u32>,
    /// Connections that are to move to other shards.
    pub(super) departures: Departures,
    /// Connections that leave the process.
    pub(super) handing_over: HandingOver,
    /// Requests that came by datagram.
    pub(super) datagrams: PendingDatagrams,
    pub(super) receiver: Receiver<Message>,
    /// Closes connections that are idle for too long.
    pub(super) idle: IdleSweep,
    /// How long the executor is not woken for background work.
    rest: BackgroundRest,
    pub(super) phase: Phase,
}

impl Hub {
    pub(crate) fn new(executor: Executor, receiver: Receiver<Message>) -> Self {
        Self {
            idle: IdleSweep::new(&executor.shared.settings),
            executor,
            connections: Connections::default(),
            decrypted: Vec::new(),
            departures: Departures::default(),
            handing_over: HandingOver::default(),
            datagrams: PendingDatagrams::default(),
            receiver,
            rest: BackgroundRest::default(),
            phase: Phase::Serving,
        }
    }

    /// The mailbox of this executor.
    #[inline]
    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.executor.shared.mailboxes[self.executor.shard.index()]
    }

    /// Requests that came by datagram, and what executes them.
    pub(crate) fn datagrams(&mut self) -> (&mut PendingDatagrams, &mut Executor) {
        (&mut self.datagrams, &mut self.executor)
    }

    /// True once a stop was ordered.
    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        self.phase == Phase::Stopping
    }

    /// Adds a connection. Its index stays its own until [`Self::remove`].
    pub(crate) fn insert(&mut self, new: NewConnection) -> ConnectionId {
        let NewConnection { addresses, number, protocol, tls } = new;
        let executor = &self.executor;
        let shared = &executor.shared;
        let moving = number.and(shared.settings.moving);
        let affinity = Affinity::new(executor.shard, moving, number);
        let login = if shared.users.is_some() { Login::Due } else { Login::Free };
        executor.metrics.add(Counter::TotalConnections, 1);
        if tls.is_some() {
            shared.hand_over.encrypted_opened();
        }
        self.connections.insert_with(executor, |id| {
            let connection = Connection::new(id, protocol, login, affinity);
            Box::new(HubConnection::new(connection, addresses, tls, executor.now.tick()))
        })
    }

    /// Adds a connection that another process has handed over.
    pub(super) fn adopt(&mut self, record: ConnectionRecord, addresses: Addresses) -> ConnectionId {
        let ConnectionRecord { number, protocol, login, place, redis, input, output, .. } = record;
        let new = NewConnection { addresses, number, protocol, tls: None };
        let id = self.insert(new);
        let conn = self.connections.get_mut(id.index).expect("it was just added");
        // The users may be others than those of the earlier process.
        if conn.connection.login == Login::Due && login != Login::Free {
            conn.connection.login = login;
        }
        let executor = &mut self.executor;
        if !redis.is_empty() {
            conn.connection.go_on_with_redis(executor, &redis);
        }
        let watched = match place {
            InputPlace::Watching(streams) => Some(streams),
            _ => None,
        };
        conn.connection.go_on_at(place);
        if let Some(streams) = watched {
            conn.connection.go_on_watching(executor, streams);
        }
        conn.connection.output.borrow_buffers(&mut executor.spares);
        conn.connection.output.encode(|out| out.extend_from_slice(&output));
        if !input.is_empty() {
            conn.carry.buffer(&mut executor.spares).extend_from_slice(&input);
            conn.receipt.add(executor.times.begun(), input.len());
        }
        self.connections.count_carry(executor, id.index);
        // Serving it finds out what there is to do.
        self.connections.make_runnable(id.index);
        id
    }

    /// A connection's socket is closed: everything it holds is given back.
    pub(crate) fn remove(&mut self, index: u32) {
        let executor = &mut self.executor;
        let mut conn = self.connections.remove(executor, index);
        conn.connection.end(executor);
        conn.connection.output.return_buffers(&mut executor.spares);
        executor.spares.put(conn.carry.take_bytes());
        executor.shared.admission.connection_ended();
        if conn.tls.is_some() {
            executor.shared.hand_over.encrypted_ended();
        }
        if executor.verbosity >= log::COMMANDS {
            log::connection_closed(conn.connection.descriptor());
        }
    }

    /// Indices of all connections.
    pub(crate) fn indices(&self) -> Vec<u32> {
        self.connections.indices()
    }

    /// Has the driver look at a connection at the end of the turn.
    #[inline]
    pub(crate) fn touch(&mut self, index: u32) {
        self.connections.touch(index);
    }

    /// The client sends no more: it gets what it is owed, then the connection ends.
    pub(crate) fn end_of_input(&mut self, index: u32) {
        let Some(conn) = self.connections.get_mut(index) else { return };
        conn.end_of_input = true;
        conn.connection.set_close_reason(CloseReason::Normal);
        if conn.waiting == Waiting::Input {
            conn.connection.close(&mut self.executor);
        }
        self.connections.touch(index);
    }

    /// True if another turn is due at once: connections or datagrams can go on, a batch may leave,
    /// or a connection that moves waits for its last output to leave.
    pub(crate) fn has_runnable(&self) -> bool {
        self.connections.has_runnable()
            || self.executor.outboxes.can_dispatch()
            || self.departures.wait_for_output(&self.connections)
            || self.datagrams.has_runnable()
            || self.handing_over.is_under_way() && self.connections.len() > 0
    }

    /// Does the background work of a turn, well below 200 microseconds of it. True if there is
    /// more.
    pub(crate) fn maintain(&mut self) -> bool {
        if self.phase == Phase::Resting {
            return false;
        }
        let executor = &mut self.executor;
        let shard = executor.shards.own_mut();
        executor.shared.run_time.apply_to(shard);
        let more = shard.maintain(executor.now, MAINTAIN_STEPS);
        if more {
            self.rest.note_work(executor.now.tick());
        }
        executor.go_on_with_snapshot() || more
    }

    /// Publishes the shard's numbers and the tick at which background work is next due. The
    /// executor is about to sleep, and its doorbell works.
    pub(crate) fn prepare_sleep(&mut self) {
        let executor = &mut self.executor;
        executor.shards.own().publish();
        let due = executor.shards.own_mut().take_background_due(executor.now);
        executor.shared.due_ticks.set(executor.shard.index(), due.max(self.rest.begin()));
    }

    /// Gives back what all connections and datagrams hold. Their sockets are closed.
    pub(crate) fn end(&mut self) {
        for index in self.indices() {
            self.remove(index);
        }
        self.datagrams.end_all(&mut self.executor);
        self.executor.end_snapshot();
        self.executor.shards.own().publish();
    }
}
