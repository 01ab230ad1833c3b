//! The order of a turn, which is the same for all drivers.

use std::io;
use std::os::fd::OwnedFd;

use slabcore_metrics::Counter;

use slabcore_shard::ShardId;

use crate::hub::Hub;

/// What differs between drivers: how bytes come in and go out, and how a thread waits.
pub(crate) trait Sockets {
    /// Passes what has arrived since the last turn to the hub. False if nothing has.
    fn receive(&mut self, hub: &mut Hub) -> bool;

    /// Takes the socket of a connection that the hub has just got.
    fn open(&mut self, index: u32, socket: OwnedFd);

    /// Receives and answers datagrams. True if some are left.
    fn serve_datagrams(&mut self, hub: &mut Hub) -> bool;

    /// Does what follows from the turn for one connection. `wakes` takes the shards to ring for.
    fn settle(&mut self, hub: &mut Hub, index: u32, wakes: &mut Vec<ShardId>);

    /// Rings for the shards in `wakes`, and sends what is queued. If neither `has_work` nor the hub
    /// has work left, waits for the next event.
    fn enter(&mut self, hub: &mut Hub, wakes: &mut Vec<ShardId>, has_work: bool) -> io::Result<()>;
}

/// Lists that are empty between turns and keep their memory.
#[derive(Debug, Default)]
pub(crate) struct TurnLists {
    /// Connections to settle.
    touched: Vec<u32>,
    /// Shards to ring for at the end of the turn.
    wakes: Vec<ShardId>,
}

/// What a turn has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// More work is at hand.
    Busy,
    /// Nothing has come in, and nothing is left to do.
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

/// One turn: executes what came in, does what follows from it, and enters the kernel once.
#[inline]
pub(crate) fn turn(
    hub: &mut Hub,
    sockets: &mut impl Sockets,
    lists: &mut TurnLists,
) -> io::Result<Outlook> {
    let TurnLists { touched, wakes } = lists;
    hub.executor.begin_turn();
    let mut came = sockets.receive(hub);
    came |= hub.take_messages(|index, socket| sockets.open(index, socket), |it| wakes.push(it));
    let mut has_work = hub.run_runnable();
    has_work |= sockets.serve_datagrams(hub);
    hub.dispatch(|shard| wakes.push(shard));
    hub.swap_touched(touched);
    for index in touched.drain(..) {
        sockets.settle(hub, index, wakes);
    }
    hub.executor.metrics.add(Counter::Turns, 1);
    if hub.is_stopping() {
        return Ok(Outlook::Stopping);
    }
    has_work |= hub.maintain();
    hub.executor.times.end_turn(came || has_work);
    hub.executor.metrics.add(Counter::Doorbells, wakes.len() as u64);
    sockets.enter(hub, wakes, has_work)?;
    let is_lull = !came && !has_work && !hub.has_runnable();
    Ok(if is_lull { Outlook::Lull } else { Outlook::Busy })
}

/// Puts a connection at its index of a driver's list, which grows as needed.
pub(super) fn put_at<T: Default>(connections: &mut Vec<T>, index: u32, connection: T) {
    let index = index as usize;
    if index >= connections.len() {
        connections.resize_with(index + 1, T::default);
    }
    connections[index] = connection;
}
