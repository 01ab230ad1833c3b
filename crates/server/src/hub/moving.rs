//! A connection that moves to the shard whose keys it asks for.
//!
//! It leaves between two requests: nothing further is executed for it, its input is kept as it
//! comes, and once all that is under way in its name has ended, its socket, the kept input and its
//! state go to the other executor in one message. Whoever serves it sees the bytes in order, and
//! what it asked of any shard before the move was done before it goes on.

use std::os::fd::OwnedFd;

use slabcore_metrics::{Counter, Gauge};

use slabcore_shard::ShardId;

use crate::connection::ConnectionId;
use crate::connection::hub_connection::{HubConnection, Leaving, Waiting};
use crate::hub::Hub;
use crate::settings::limits::{LEAVE_PATIENCE_TURNS, LEAVING_MAX};
use crate::shared::mailbox::Message;

impl Hub {
    /// A connection that just ran would be better served elsewhere: it leaves, or its wish is
    /// dropped, or it stays as it is until it is between two requests.
    #[cold]
    pub(super) fn consider_leaving(&mut self, index: u32) {
        let Some(conn) = self.connections[index as usize].as_mut() else { return };
        let Some(to) = conn.connection.affinity.preferred_shard() else { return };
        if !conn.connection.is_at_request() || conn.waiting.is_leaving() {
            return;
        }
        conn.connection.affinity.forget_preferred();
        if conn.end_of_input || self.leaving.len() >= LEAVING_MAX || !self.has_place(to) {
            return;
        }
        let Some(conn) = self.connections[index as usize].as_mut() else { return };
        conn.waiting = Waiting::Quiet;
        let id = ConnectionId { index, generation: self.generations[index as usize] };
        let marks = self.executor.outboxes.marks();
        self.leaving.push(Leaving { id, to, marks, patience: LEAVE_PATIENCE_TURNS });
    }

    /// True if a shard has no more than its fair share of connections: an eighth more, and one, so
    /// that two of them can change places.
    fn has_place(&self, shard: ShardId) -> bool {
        let cluster = &self.executor.cluster;
        let open: u64 = self.gauge_of_connections(0..cluster.metrics.len());
        let fair = open.div_ceil(cluster.metrics.len() as u64);
        let coming = self.leaving.iter().filter(|it| it.to == shard).count() as u64;
        self.gauge_of_connections(shard.index()..shard.index() + 1) + coming < fair + fair / 8 + 1
    }

    fn gauge_of_connections(&self, shards: std::ops::Range<usize>) -> u64 {
        let metrics = &self.executor.cluster.metrics[shards];
        metrics.iter().map(|it| it.snapshot().gauge(Gauge::CurrConnections)).sum()
    }

    /// Looks which of the leaving connections may go.
    #[cold]
    pub(super) fn prepare_departures(&mut self) {
        let mut leaving = std::mem::take(&mut self.leaving);
        leaving.retain_mut(|it| self.prepare_departure(it));
        self.leaving = leaving;
    }

    /// False if the connection does not leave any more, or has left.
    fn prepare_departure(&mut self, leaving: &mut Leaving) -> bool {
        let ConnectionId { index, generation } = leaving.id;
        if self.generations[index as usize] != generation {
            return false;
        }
        let Some(conn) = self.connections[index as usize].as_mut() else { return false };
        if !conn.waiting.is_leaving() {
            return false;
        }
        let output = &conn.connection.output;
        leaving.patience -= u8::from(output.is_sending());
        if conn.end_of_input || leaving.patience == 0 || conn.connection.is_closing() {
            self.stay(index);
            return false;
        }
        if output.is_empty() && self.executor.outboxes.have_returned(&leaving.marks) {
            conn.waiting = Waiting::Departure;
            self.touch(index);
        }
        true
    }

    /// True if output that keeps a connection here is to be looked after soon.
    pub(super) fn has_impatient(&self) -> bool {
        self.leaving.iter().any(|it| {
            let conn = self.connections[it.id.index as usize].as_ref();
            conn.is_some_and(|conn| conn.connection.output.is_sending())
        })
    }

    /// A connection that was to leave goes on here.
    fn stay(&mut self, index: u32) {
        let Some(conn) = self.connections[index as usize].as_mut() else { return };
        if conn.waiting.is_leaving() {
            // Whatever there is to do is found out by running it.
            conn.waiting = Waiting::Turn;
            self.runnable.push_back(index);
        }
        self.touch(index);
    }

    /// Sends a connection to the shard that it is to move to; its socket is let go of. Gives the
    /// socket back if there is no room: the connection goes on here.
    pub(crate) fn depart(
        &mut self,
        index: u32,
        socket: OwnedFd,
        wake: impl FnOnce(ShardId),
    ) -> Option<OwnedFd> {
        let generation = self.generations[index as usize];
        let id = ConnectionId { index, generation };
        let place = self.leaving.iter().position(|it| it.id == id);
        let Leaving { to, .. } = self.leaving.swap_remove(place.expect("it waits to depart"));
        if !self.executor.cluster.mailboxes[to.index()].takes_connection() {
            self.stay(index);
            return Some(socket);
        }
        let mut conn = self.take_connection(index);
        conn.connection.output.return_buffers(&mut self.executor.spares);
        if self.executor.cluster.mailboxes[to.index()].post(Message::Moved(socket, conn)) {
            wake(to);
        }
        None
    }

    /// A connection arrives from another shard; returns its index.
    pub(super) fn settle_in(&mut self, mut conn: Box<HubConnection>) -> u32 {
        let id = self.free_place();
        let index = id.index;
        conn.connection.rename(id);
        conn.connection.affinity.moved_to(self.executor.shard);
        // What it carries was granted where it comes from.
        self.carried += conn.carried;
        conn.touched = false;
        conn.waiting = Waiting::Turn;
        self.connections[index as usize] = Some(conn);
        self.runnable.push_back(index);
        self.executor.metrics.add(Counter::ConnectionsMoved, 1);
        self.publish_connections();
        self.touch(index);
        index
    }
}
