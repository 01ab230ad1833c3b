//! The connections of one executor, and lists of those with something to do.
//!
//! A connection is in the list of touched ones if the driver must look at it, in the list of
//! runnable ones if its carry can be executed, and in the list of stalled ones if it waits for a
//! batch to leave.

use std::collections::VecDeque;

use slabcore_metrics::Gauge;

use crate::connection::ConnectionId;
use crate::connection::hub_connection::{HubConnection, Waiting};
use crate::executor::Executor;
use crate::hub::carry_sums::CarrySums;
use crate::shared::slot_map::SlotMap;

/// The connections of one executor, and the lists that some of them are in.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// Boxed, as they move to other executors in messages.
    map: SlotMap<Box<HubConnection>>,
    touched: Vec<u32>,
    runnable: VecDeque<u32>,
    stalled: Vec<u32>,
    carries: CarrySums,
}

impl Connections {
    /// Adds the connection that `make` makes for its id.
    pub(super) fn insert_with(
        &mut self,
        executor: &Executor,
        make: impl FnOnce(ConnectionId) -> Box<HubConnection>,
    ) -> ConnectionId {
        let id = self.map.insert_with(make);
        self.publish_count(executor);
        self.touch(id.index);
        id
    }

    /// Adds a connection that moves here, and executes its carry soon.
    pub(super) fn insert_moved(
        &mut self,
        executor: &Executor,
        mut conn: Box<HubConnection>,
    ) -> ConnectionId {
        self.carries.add_moved(&conn.carry);
        conn.touched = false;
        conn.waiting = Waiting::Turn;
        let id = self.insert_with(executor, |id| {
            conn.connection.rename(id);
            conn
        });
        self.runnable.push_back(id.index);
        id
    }

    /// Takes a connection out. Its index is free then.
    pub(super) fn remove(&mut self, executor: &Executor, index: u32) -> Box<HubConnection> {
        let mut conn = self.map.remove(index).expect("a connection ends once");
        self.carries.remove(index, &mut conn.carry.counted);
        self.publish_count(executor);
        conn
    }

    fn publish_count(&self, executor: &Executor) {
        executor.metrics.set(Gauge::CurrConnections, self.map.len() as u64);
    }

    /// Publishes the memory of the requests that are not executed yet.
    pub(super) fn publish_waiting_input(&self, executor: &Executor) {
        executor.metrics.set(Gauge::WaitingInputBytes, self.carries.bytes() as u64);
    }

    /// The connection at an index.
    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&HubConnection> {
        self.map.get(index).map(Box::as_ref)
    }

    /// The connection at an index.
    #[inline]
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut HubConnection> {
        self.map.get_mut(index).map(Box::as_mut)
    }

    /// The connection with this id, if it is still here.
    pub(super) fn find_mut(&mut self, id: ConnectionId) -> Option<&mut HubConnection> {
        self.map.find_mut(id).map(Box::as_mut)
    }

    /// The connection with this id, if it is still here; it is touched then.
    #[inline]
    pub(super) fn find_and_touch(&mut self, id: ConnectionId) -> Option<&mut HubConnection> {
        let conn = self.map.find_mut(id)?;
        if !conn.touched {
            conn.touched = true;
            self.touched.push(id.index);
        }
        Some(conn)
    }

    /// Indices of all connections.
    pub(super) fn indices(&self) -> Vec<u32> {
        self.map.indices()
    }

    /// All connections, in the order of their indices.
    pub(super) fn iter(&self) -> impl Iterator<Item = &HubConnection> {
        self.map.iter().map(|(_, conn)| conn.as_ref())
    }

    /// How many connections there are.
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// One more than the highest index that was ever used.
    pub(super) fn indices_end(&self) -> u32 {
        self.map.indices_end()
    }

    /// Puts a connection on the list that the driver looks through at the end of the turn.
    #[inline]
    pub(super) fn touch(&mut self, index: u32) {
        let Some(conn) = self.map.get_mut(index) else { return };
        if !conn.touched {
            conn.touched = true;
            self.touched.push(index);
        }
    }

    /// The touched connections that the driver has not looked at.
    #[inline]
    pub(super) fn touched(&self) -> &[u32] {
        &self.touched
    }

    /// Exchanges the list of touched connections for an empty one.
    #[inline]
    pub(super) fn swap_touched(&mut self, empty: &mut Vec<u32>) {
        debug_assert!(empty.is_empty());
        std::mem::swap(&mut self.touched, empty);
    }

    /// Has the carry of a connection executed when its turn comes.
    pub(super) fn make_runnable(&mut self, index: u32) {
        let Some(conn) = self.map.get_mut(index) else { return };
        conn.waiting = Waiting::Turn;
        self.runnable.push_back(index);
    }

    /// Takes the connection whose turn it is from the list of runnable ones.
    pub(super) fn next_runnable(&mut self) -> Option<u32> {
        self.runnable.pop_front()
    }

    /// True if connections wait for their turn.
    #[inline]
    pub(super) fn has_runnable(&self) -> bool {
        !self.runnable.is_empty()
    }

    /// Has a connection wait for a batch to leave.
    pub(super) fn stall(&mut self, index: u32) {
        self.stalled.push(index);
    }

    /// A batch has left: connections that waited for it go on.
    #[inline]
    pub(super) fn unblock_stalled(&mut self) {
        if self.stalled.is_empty() {
            return;
        }
        for index in std::mem::take(&mut self.stalled) {
            self.unblock(index);
        }
    }

    /// Lets a connection go on whose output has room again.
    #[inline]
    pub(super) fn unblock(&mut self, index: u32) {
        let Some(conn) = self.map.get_mut(index) else { return };
        if conn.waiting == Waiting::OutputSpace && !conn.connection.output.is_full() {
            conn.waiting = Waiting::Turn;
            self.runnable.push_back(index);
        }
    }

    /// True if connections with requests to execute may be read from.
    #[inline]
    pub(super) fn has_room_for_carries(&self) -> bool {
        self.carries.has_room()
    }

    /// Counts the memory of a connection's carry, after it was served or when it grew.
    #[inline]
    pub(super) fn count_carry(&mut self, executor: &mut Executor, index: u32) {
        let Some(conn) = self.map.get_mut(index) else { return };
        // Mostly nothing is carried.
        if conn.carry.memory_bytes() == 0 && conn.carry.counted.bytes == 0 {
            return;
        }
        conn.carry.trim();
        let is_cut_line = conn.waits_for_client();
        if self.carries.count(index, &mut conn.carry, is_cut_line) {
            self.refuse_largest_cut_lines(executor);
        }
    }

    /// Refuses the connections with the largest incomplete requests, until all of these together
    /// are within their limit.
    #[cold]
    fn refuse_largest_cut_lines(&mut self, executor: &mut Executor) {
        while self.carries.has_too_many_cut_lines()
            && let Some(largest) = self.carries.largest_cut_line()
            && let Some(conn) = self.map.get_mut(largest)
        {
            conn.connection.refuse_input(executor);
            conn.carry.take_bytes();
            self.carries.count(largest, &mut conn.carry, false);
            self.touch(largest);
        }
    }
}
