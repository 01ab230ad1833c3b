//! Connections that move to another executor, which serves them better (`affinity.rs`).
//!
//! A connection leaves between two requests: nothing further is executed for it, and its input is
//! kept as it comes. Once all that is under way in its name has ended, its socket, the kept input
//! and its state go to the other executor in one message. So its bytes are executed in order, and
//! what it asked of any shard before the move is done before it goes on.

use std::os::fd::OwnedFd;

use slabcore_metrics::{Counter, Gauge};
use slabcore_shard::ShardId;

use crate::connection::ConnectionId;
use crate::connection::hub_connection::{HubConnection, Waiting};
use crate::executor::Executor;
use crate::hub::connections::Connections;
use crate::settings::limits::{LEAVE_PATIENCE_TURNS, LEAVING_MAX};
use crate::shared::mailbox::Message;
use crate::shared::shared_state::SharedState;

/// A connection that is to move.
#[derive(Debug)]
struct Leaving {
    id: ConnectionId,
    /// The shard that it moves to.
    to: ShardId,
    /// Batches to wait for first: they may hold this connection's noreply requests.
    marks: Vec<u64>,
    /// Turns for which output that the socket does not take is waited for.
    patience: u8,
}

/// The connections that are to move to other executors.
#[derive(Debug, Default)]
pub(super) struct Departures {
    leaving: Vec<Leaving>,
}

impl Departures {
    /// True if no connection is to move.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.leaving.is_empty()
    }

    /// Forgets which connections are to move. They stay quiet: all of them leave the process.
    pub(super) fn give_up(&mut self) {
        self.leaving.clear();
    }

    /// Decides about a connection that just ran and would be better served elsewhere: it leaves, or
    /// its wish is dropped, or it is left as it is until it is between two requests.
    #[cold]
    pub(super) fn consider(
        &mut self,
        executor: &Executor,
        connections: &mut Connections,
        index: u32,
    ) {
        let Some(conn) = connections.get_mut(index) else { return };
        let Some(to) = conn.connection.affinity.preferred_shard() else { return };
        if !conn.connection.is_at_request() || conn.waiting.is_leaving() {
            return;
        }
        let reads_messages = conn.connection.reads_messages();
        let has_place = conn.connection.affinity.prefers_home() || self.has_place(executor, to);
        if reads_messages || conn.end_of_input || self.leaving.len() >= LEAVING_MAX || !has_place {
            conn.connection.affinity.forget_preferred();
            return;
        }
        conn.waiting = Waiting::Quiet;
        let (id, marks) = (conn.connection.id(), executor.outboxes.marks());
        self.leaving.push(Leaving { id, to, marks, patience: LEAVE_PATIENCE_TURNS });
    }

    /// True if the executor of a shard serves, and has no more than its fair share of connections:
    /// an eighth more, and one, so that two of them can change places.
    fn has_place(&self, executor: &Executor, shard: ShardId) -> bool {
        let (shared, serving) = (&executor.shared, executor.serving as usize);
        if shard.index() >= serving {
            return false;
        }
        let open = open_connections(shared, 0..shared.metrics.len());
        let fair = open.div_ceil(serving as u64);
        let coming = self.leaving.iter().filter(|it| it.to == shard).count() as u64;
        open_connections(shared, shard.index()..shard.index() + 1) + coming < fair + fair / 8 + 1
    }

    /// Finds the connections that have nothing left under way: their drivers may let them go.
    #[cold]
    pub(super) fn prepare(&mut self, executor: &Executor, connections: &mut Connections) {
        self.leaving.retain_mut(|it| prepare_departure(executor, connections, it));
    }

    /// True if a connection waits for its last output to leave.
    pub(super) fn wait_for_output(&self, connections: &Connections) -> bool {
        self.leaving.iter().any(|it| {
            let conn = connections.get(it.id.index);
            conn.is_some_and(|conn| conn.connection.output.is_sending())
        })
    }

    /// Sends a connection with its socket to the shard that it is to move to. Gives the socket back
    /// if that has no room: the connection goes on here.
    pub(super) fn depart(
        &mut self,
        executor: &mut Executor,
        connections: &mut Connections,
        index: u32,
        socket: OwnedFd,
        wake: impl FnOnce(ShardId),
    ) -> Option<OwnedFd> {
        let id = connections.get(index).expect("it waits to depart").connection.id();
        let place = self.leaving.iter().position(|it| it.id == id);
        let Leaving { to, .. } = self.leaving.swap_remove(place.expect("it waits to depart"));
        if !executor.shared.mailboxes[to.index()].takes_connection() {
            stay(connections, index);
            return Some(socket);
        }
        let mut conn = connections.remove(executor, index);
        conn.connection.output.return_buffers(&mut executor.spares);
        if executor.shared.mailboxes[to.index()].post(Message::Moved(socket, conn)) {
            wake(to);
        }
        None
    }
}

/// Adds a connection that arrives from another shard, and returns its index.
pub(super) fn arrive(
    executor: &Executor,
    connections: &mut Connections,
    mut conn: Box<HubConnection>,
) -> u32 {
    conn.connection.affinity.moved_to(executor.shard);
    executor.metrics.add(Counter::ConnectionsMoved, 1);
    connections.insert_moved(executor, conn).index
}

/// False if the connection does not leave any more, or has left.
fn prepare_departure(
    executor: &Executor,
    connections: &mut Connections,
    leaving: &mut Leaving,
) -> bool {
    let Some(conn) = connections.find_mut(leaving.id) else { return false };
    let index = leaving.id.index;
    if !conn.waiting.is_leaving() {
        return false;
    }
    let output = &conn.connection.output;
    leaving.patience -= u8::from(output.is_sending());
    if conn.end_of_input || leaving.patience == 0 || conn.connection.is_closing() {
        stay(connections, index);
        return false;
    }
    if output.is_empty() && executor.outboxes.have_returned(&leaving.marks) {
        conn.waiting = Waiting::Departure;
        connections.touch(index);
    }
    true
}

/// Lets a connection that was to leave go on here.
fn stay(connections: &mut Connections, index: u32) {
    let Some(conn) = connections.get_mut(index) else { return };
    conn.connection.affinity.could_not_leave();
    if conn.waiting.is_leaving() {
        // Serving it finds out what there is to do.
        connections.make_runnable(index);
    }
    connections.touch(index);
}

/// Connections of these shards as last published.
fn open_connections(shared: &SharedState, shards: std::ops::Range<usize>) -> u64 {
    let metrics = &shared.metrics[shards];
    metrics.iter().map(|it| it.snapshot().gauge(Gauge::CurrConnections)).sum()
}
