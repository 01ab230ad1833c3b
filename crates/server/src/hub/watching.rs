//! A hub's part in watching: lines of its shard go out, lines for its watchers come in, and
//! connections that come and go are told of.

use std::os::fd::{AsFd, AsRawFd};

use slabcore_protocol::{Protocol, Streams};

use slabcore_shard::ShardId;

use crate::hub::Hub;
use crate::settings::limits::WATCHER_SEND_BYTES_MAX;
use crate::settings::log;
use crate::settings::peer::Peer;
use crate::shared::graceful_close;

impl Hub {
    /// The end of a turn while somebody watches.
    #[cold]
    pub(super) fn serve_watchers(&mut self, mut wake: impl FnMut(ShardId)) {
        let (own, now) = (self.executor.shard, self.executor.now);
        let lines = self.executor.shards.own_mut().take_watched_lines(now);
        let cluster = &self.executor.cluster;
        cluster.watchers.distribute(&lines, |index| {
            let shard = ShardId::new(index);
            if shard != own && cluster.mailboxes[index].claim_doorbell() {
                wake(shard);
            }
        });
        cluster.watchers.begin_serving(own.index());
        for number in 0..self.executor.watchers.len() {
            let (watcher, id) = self.executor.watchers[number];
            let Some(conn) = self.connections[id.index as usize].as_mut() else { continue };
            let output = &mut conn.connection.output;
            if output.is_empty() {
                let watchers = &self.executor.cluster.watchers;
                output.encode(|out| watchers.take(watcher, WATCHER_SEND_BYTES_MAX, out));
                self.touch(id.index);
            }
        }
    }

    /// True if there is something to be told, or a watcher here to be told it.
    pub(super) fn has_watch_work(&self) -> bool {
        !self.executor.watched.is_empty()
            && (self.executor.cluster.watchers.is_pending(self.executor.shard.index())
                || self.executor.shards.own().has_watched_lines())
    }

    /// A new connection has this socket.
    pub(super) fn know_client(&mut self, index: u32, socket: impl AsFd, protocol: Protocol) {
        let Some(conn) = self.connections[index as usize].as_mut() else { return };
        let client = socket.as_fd().as_raw_fd();
        conn.connection.set_descriptor(client);
        if self.executor.verbosity >= log::COMMANDS {
            log::connection_opened(client, protocol);
        }
        if !self.executor.watched.meets(Streams::CONNECTIONS) {
            return;
        }
        if let Some(peer) = Peer::of(socket) {
            conn.peer = Some(Box::new(peer));
            let shard = self.executor.shards.own_mut();
            shard.show(Streams::CONNECTIONS, |out| peer.encode(out, None, client));
        }
    }

    /// A connection's socket is about to be closed.
    pub(crate) fn part_from_client(&mut self, index: u32, socket: impl AsFd) {
        let Some(conn) = self.connections[index as usize].as_ref() else { return };
        if !conn.end_of_input {
            graceful_close::close(&socket);
        }
        if !self.executor.watched.meets(Streams::CONNECTIONS) {
            return;
        }
        let Some(conn) = self.connections[index as usize].as_mut() else { return };
        let connection = &conn.connection;
        let (client, reason) = (connection.descriptor(), connection.close_reason());
        if let Some(peer) = conn.peer.as_deref().copied().or_else(|| Peer::of(socket)) {
            let shard = self.executor.shards.own_mut();
            shard.show(Streams::CONNECTIONS, |out| peer.encode(out, Some(reason), client));
        }
    }
}
