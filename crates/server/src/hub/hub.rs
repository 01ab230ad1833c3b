//! The connections of one executor and what reaches them: bytes from sockets, batches from other
//! shards. Knows no descriptor: a driver owns the sockets and asks what to do with each.

use std::collections::VecDeque;

use crossbeam_channel::Receiver;
use slabcore_metrics::{Counter, Gauge};
use slabcore_shard::Batch;

use crate::connection::affinity::Affinity;
use crate::connection::hub_connection::{HubConnection, Leaving, Waiting};
use crate::connection::login::Login;
use crate::connection::tls_session::TlsSession;
use crate::connection::{Connection, ConnectionId};
use crate::executor::Executor;
use crate::hub::background_rest::BackgroundRest;
use crate::hub::cut_lines::CutLines;
use crate::hub::idle::IdleSweep;
use crate::hub::pending_datagrams::PendingDatagrams;
use crate::settings::Protocol;
use crate::settings::limits::MAINTAIN_STEPS;
use crate::settings::log;
use crate::settings::peer::CloseReason;
use crate::shared::mailbox::Message;

/// See the module.
pub(crate) struct Hub {
    pub(crate) executor: Executor,
    pub(super) connections: Vec<Option<Box<HubConnection>>>,
    pub(super) generations: Vec<u32>,
    pub(super) free: Vec<u32>,
    pub(super) receiver: Receiver<Message>,
    /// Connections whose `carry` can be worked on.
    pub(super) runnable: VecDeque<u32>,
    /// Connections and datagrams that wait for a batch to leave.
    pub(crate) stalled: Vec<u32>,
    /// Connections that the driver must look at.
    pub(super) touched: Vec<u32>,
    /// Connections under TLS with decrypted bytes to look at.
    pub(super) decrypted: Vec<u32>,
    /// Connections that are to move to other shards.
    pub(super) leaving: Vec<Leaving>,
    /// Waits until its connections are told, see `stats_conns.rs`.
    pub(super) postponed: Option<Box<Batch>>,
    /// The shard was told of its connections, for the messages of the next turn.
    pub(super) is_told: bool,
    /// What came by datagram.
    pub(crate) datagrams: PendingDatagrams,
    /// Bytes of memory of the carries of all connections.
    pub(super) carried: usize,
    /// Those of them that start a long request whose rest has not come.
    pub(super) cut_lines: CutLines,
    /// Closes connections that are idle for too long.
    pub(super) idle: IdleSweep,
    /// How long it is left alone after background work.
    rest: BackgroundRest,
    /// Connections end once they have what they are owed.
    pub(super) finishing: bool,
    pub(crate) stopping: bool,
}

impl Hub {
    pub(crate) fn new(executor: Executor, receiver: Receiver<Message>) -> Self {
        Self {
            idle: IdleSweep::new(&executor.cluster.settings),
            executor,
            connections: Vec::new(),
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
            datagrams: PendingDatagrams::default(),
            carried: 0,
            rest: BackgroundRest::default(),
            cut_lines: CutLines::default(),
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
        let cluster = &self.executor.cluster;
        let moving = if stays { None } else { cluster.settings.moving };
        let affinity = Affinity::new(self.executor.shard, moving);
        let login = if cluster.users.is_some() { Login::Due } else { Login::Free };
        let id = self.free_place();
        let connection = Connection::new(id, protocol, login, affinity);
        let conn = HubConnection::new(connection, tls, self.executor.now.tick);
        self.connections[id.index as usize] = Some(Box::new(conn));
        self.executor.metrics.add(Counter::TotalConnections, 1);
        self.publish_connections();
        self.touch(id.index);
        id
    }

    /// A place for a connection.
    pub(super) fn free_place(&mut self) -> ConnectionId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.generations.push(0);
            self.connections.len() as u32 - 1
        });
        ConnectionId { index, generation: self.generations[index as usize] }
    }

    /// A connection's socket is closed: everything it holds is given back.
    pub(crate) fn remove(&mut self, index: u32) {
        let mut conn = self.take_connection(index);
        conn.connection.end(&mut self.executor);
        conn.connection.output.return_buffers(&mut self.executor.spares);
        self.executor.spares.put(conn.carry);
        self.executor.cluster.admission.connection_ended();
        if self.executor.verbosity >= log::COMMANDS {
            log::connection_closed(conn.connection.descriptor());
        }
    }

    /// Takes a connection out of its place, which is free then.
    pub(super) fn take_connection(&mut self, index: u32) -> Box<HubConnection> {
        let mut conn = self.connections[index as usize].take().expect("a connection ends once");
        self.carried -= conn.carried;
        self.cut_lines.change(index, std::mem::take(&mut conn.cut_bytes), 0);
        let generation = &mut self.generations[index as usize];
        *generation = generation.wrapping_add(1);
        self.free.push(index);
        self.publish_connections();
        conn
    }

    pub(super) fn publish_connections(&self) {
        let open = self.connections.len() - self.free.len();
        self.executor.metrics.set(Gauge::CurrConnections, open as u64);
    }

    /// Indices of all connections.
    pub(crate) fn indices(&self) -> Vec<u32> {
        (0..self.connections.len() as u32)
            .filter(|&i| self.connections[i as usize].is_some())
            .collect()
    }

    /// Puts a connection on the list that the driver looks through at the end of the turn.
    #[inline]
    pub(crate) fn touch(&mut self, index: u32) {
        let Some(conn) = self.connections[index as usize].as_mut() else { return };
        if !conn.touched {
            conn.touched = true;
            self.touched.push(index);
        }
    }

    /// The client sends no more: it gets what it is owed, then the connection ends.
    pub(crate) fn end_of_input(&mut self, index: u32) {
        let Some(conn) = self.connections[index as usize].as_mut() else { return };
        conn.end_of_input = true;
        conn.connection.set_close_reason(CloseReason::Normal);
        if conn.waiting == Waiting::Input {
            conn.connection.close(&mut self.executor);
        }
        self.touch(index);
    }

    /// Lets a connection go on whose output has room again, or a datagram.
    pub(super) fn unblock(&mut self, index: u32) {
        let Some(conn) = self.connections.get_mut(index as usize) else {
            return self.datagrams.resume(index);
        };
        let Some(conn) = conn.as_mut() else { return };
        if conn.waiting == Waiting::Room && !conn.connection.output.is_full() {
            conn.waiting = Waiting::Turn;
            self.runnable.push_back(index);
        }
    }

    pub(super) fn runnable_again(&mut self) {
        for index in std::mem::take(&mut self.stalled) {
            self.unblock(index);
        }
    }

    /// True if connections have requests left to execute, or a batch may leave, or it is to be
    /// seen soon if a connection's last output before a move has left.
    pub(crate) fn has_runnable(&self) -> bool {
        !self.runnable.is_empty()
            || self.executor.outboxes.can_dispatch()
            || self.has_impatient()
            || self.is_to_tell()
            || self.datagrams.has_runnable()
    }

    /// Background work of a busy turn: bounded well below 200 microseconds.
    pub(crate) fn maintain(&mut self) -> bool {
        let run_time = &self.executor.cluster.run_time;
        let (crawls, temporary_ttl) = (run_time.crawls(), run_time.temporary_ttl());
        let shard = self.executor.shards.own_mut();
        shard.crawl_in_background(crawls);
        shard.set_temporary_ttl(temporary_ttl);
        let more = shard.maintain(self.executor.now, MAINTAIN_STEPS);
        if more {
            self.rest.note_work(self.executor.now.tick);
        }
        more
    }

    /// Tells when background work is next due. The executor is about to sleep, and its doorbell
    /// works. After much work it is left alone for a while.
    pub(crate) fn tell_due(&mut self) {
        let due = self.executor.shards.own_mut().take_background_due(self.executor.now);
        self.executor
            .cluster
            .due_ticks
            .set(self.executor.shard.index(), due.max(self.rest.begin()));
    }
}
