//! A hub's part in watching: it passes on the lines of its shard, sends lines to its watchers, and
//! shows them the connections that begin and end.

use std::os::fd::{AsFd, AsRawFd};

use slabcore_protocol::{Protocol, Streams};

use slabcore_shard::ShardId;

use crate::executor::Executor;
use crate::hub::Hub;
use crate::hub::connections::Connections;
use crate::settings::close_reason::{CloseReason, encode_connection_line};
use crate::settings::limits::WATCHER_SEND_BYTES_MAX;
use crate::settings::log;
use crate::shared::graceful_close;

/// Distributes the lines of this turn, and sends to the watchers of this executor.
#[cold]
pub(super) fn serve_watchers(
    executor: &mut Executor,
    connections: &mut Connections,
    mut wake: impl FnMut(ShardId),
) {
    let (own, now) = (executor.shard, executor.now);
    let lines = executor.shards.own_mut().take_watched_lines(now);
    let shared = &executor.shared;
    shared.watchers.distribute(&lines, |index| {
        let shard = ShardId::new(index);
        if shard != own && shared.mailboxes[index].claim_doorbell() {
            wake(shard);
        }
    });
    shared.watchers.begin_serving(own.index());
    for &(watcher, id) in &executor.watchers {
        let Some(conn) = connections.find_mut(id) else { continue };
        let output = &mut conn.connection.output;
        if output.is_empty() {
            output.encode(|out| shared.watchers.take(watcher, WATCHER_SEND_BYTES_MAX, out));
            connections.touch(id.index);
        }
    }
}

/// True if there are lines to distribute, or lines for a watcher of this executor.
pub(super) fn has_watch_work(executor: &Executor) -> bool {
    !executor.watched.is_empty()
        && (executor.shared.watchers.is_pending(executor.shard.index())
            || executor.shards.own().has_watched_lines())
}

/// Notes the socket of a new connection, and logs and shows the connection.
pub(super) fn begin_connection(
    executor: &mut Executor,
    connections: &mut Connections,
    index: u32,
    socket: impl AsFd,
    protocol: Protocol,
) {
    let Some(conn) = connections.get_mut(index) else { return };
    conn.connection.set_descriptor(socket.as_fd().as_raw_fd());
    if executor.verbosity >= log::COMMANDS {
        log::connection_opened(conn.connection.descriptor(), protocol);
    }
    show(executor, connections, index, None);
}

impl Hub {
    /// Ends the sending side of a connection whose socket is about to be closed, if the server ends
    /// it first, and shows the end to watchers.
    pub(crate) fn before_close(&mut self, index: u32, socket: impl AsFd) {
        let Some(conn) = self.connections.get(index) else { return };
        if !conn.end_of_input {
            graceful_close::close(socket);
        }
        let reason = conn.connection.close_reason();
        show(&mut self.executor, &self.connections, index, Some(reason));
    }
}

/// Shows watchers the beginning of a connection, or, with a reason, its end.
fn show(
    executor: &mut Executor,
    connections: &Connections,
    index: u32,
    reason: Option<CloseReason>,
) {
    if !executor.watched.meets(Streams::CONNECTIONS) {
        return;
    }
    let Some(conn) = connections.get(index) else { return };
    let (peer, client) = (&conn.addresses.peer, conn.connection.descriptor());
    let shard = executor.shards.own_mut();
    shard.show(Streams::CONNECTIONS, |out| encode_connection_line(out, peer, reason, client));
}
