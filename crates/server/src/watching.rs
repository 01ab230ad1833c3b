//! A hub's part in watching: lines of its shard go out, lines for its watchers come in, and
//! connections that come and go are told of.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

use rustix::net::{SocketAddrAny, getpeername};
use slabcore_protocol::{Streams, encode_connection, error_lines};
use slabcore_shard::{Entry, KeyRequest, Route, Watch};

use crate::connection::{Connection, State};
use crate::core::Core;
use crate::hub::Hub;
use crate::limits::WATCHER_SEND_BYTES_MAX;
use crate::log;
use crate::settings::Protocol;

/// Why a connection ends, in the words of memcached's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum CloseReason {
    /// The client broke a rule, or the network did.
    #[default]
    Error,
    /// The client left.
    Normal,
    /// It asked for nothing for too long.
    IdleTimeout,
    /// It told the server to stop.
    Shutdown,
}

impl CloseReason {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Normal => "normal",
            Self::IdleTimeout => "idle_timeout",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Where a client is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Peer {
    Tcp(SocketAddr),
    Local,
}

impl Peer {
    /// `None` for one that is gone already.
    fn of(socket: impl AsFd) -> Option<Self> {
        let address = getpeername(socket).ok()?;
        Some(address.and_then(ip_address).map_or(Self::Local, Self::Tcp))
    }

    fn encode(self, out: &mut Vec<u8>, reason: Option<CloseReason>, client: i32) {
        let reason = reason.map(CloseReason::name);
        match self {
            Self::Tcp(address) => {
                encode_connection(out, address.ip(), address.port(), "tcp", reason, client);
            }
            Self::Local => encode_connection(out, "unix", 0, "local", reason, client),
        }
    }
}

fn ip_address(address: SocketAddrAny) -> Option<SocketAddr> {
    SocketAddr::try_from(address).ok()
}

impl Core {
    /// Somebody began or ended to watch.
    #[cold]
    pub(crate) fn change_watched(&mut self) {
        let streams = self.watched;
        self.shards.own_mut().watch(Watch { streams, client: -1 });
    }

    /// A watcher of this executor is gone.
    pub(crate) fn end_watching(&mut self, id: u64) {
        self.cluster.watchers.remove(id);
        self.watchers.retain(|(watcher, _)| *watcher != id);
    }
}

impl Connection {
    /// Tells a shard, here or elsewhere, whose the next request is that it executes.
    #[cold]
    pub(crate) fn announce(&self, core: &mut Core, route: Route, request: &KeyRequest<'_>) {
        let (now, watch) = (core.now, Watch { streams: core.watched, client: self.client });
        if let Some(shard) = core.reach(route.shard) {
            shard.watch(watch);
            shard.announce(now, route.hash, request);
        } else {
            core.outboxes.push(route.shard, &Entry::Watch(watch), None);
        }
    }

    /// The same of an upload that ends at `shard`.
    #[cold]
    pub(crate) fn announce_upload(&self, core: &mut Core, shard: usize) {
        let watch = Watch { streams: core.watched, client: self.client };
        if shard == core.index {
            core.shards.own_mut().watch(watch);
        } else {
            core.outboxes.push(shard, &Entry::Watch(watch), None);
        }
    }

    /// `watch`: from now on the client is told, and not heard.
    pub(crate) fn begin_watching(
        &mut self,
        core: &mut Core,
        streams: Option<Streams>,
    ) -> Result<(), &'static [u8]> {
        if !core.cluster.settings.watch {
            return Err(error_lines::WATCH_NOT_ALLOWED);
        }
        let streams = streams.ok_or(error_lines::ERROR)?;
        let id = core.cluster.watchers.add(core.index, streams);
        let id = id.ok_or(error_lines::TOO_MANY_WATCHERS)?;
        self.state = State::Watching(id);
        core.watchers.push((id, self.id));
        // Those that sleep are to see what their shards do while they are lent.
        for shard in core.other_shards() {
            core.cluster.mailboxes[shard].wake();
        }
        Ok(())
    }
}

impl Hub {
    /// The end of a turn while somebody watches.
    #[cold]
    pub(crate) fn serve_watchers(&mut self, mut wake: impl FnMut(usize)) {
        let (own, now) = (self.core.index, self.core.now);
        let lines = self.core.shards.own_mut().take_watched_lines(now);
        let cluster = &self.core.cluster;
        cluster.watchers.distribute(&lines, |shard| {
            if shard != own && cluster.mailboxes[shard].claim_doorbell() {
                wake(shard);
            }
        });
        cluster.watchers.begin_serving(own);
        for number in 0..self.core.watchers.len() {
            let (watcher, id) = self.core.watchers[number];
            let Some(entry) = self.entries[id.index as usize].as_mut() else { continue };
            let output = &mut entry.connection.output;
            if output.is_empty() {
                let watchers = &self.core.cluster.watchers;
                output.encode(|out| watchers.take(watcher, WATCHER_SEND_BYTES_MAX, out));
                self.touch(id.index);
            }
        }
    }

    /// True if there is something to be told, or a watcher here to be told it.
    pub(crate) fn has_watch_work(&self) -> bool {
        !self.core.watched.is_empty()
            && (self.core.cluster.watchers.is_pending(self.core.index)
                || self.core.shards.own().has_watched_lines())
    }

    /// A new connection has this socket.
    pub(crate) fn know_client(&mut self, index: u32, socket: impl AsFd, protocol: Protocol) {
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        let client = socket.as_fd().as_raw_fd();
        entry.connection.client = client;
        if self.core.verbosity >= log::COMMANDS {
            log::connection_opened(client, protocol);
        }
        if !self.core.watched.meets(Streams::CONNECTIONS) {
            return;
        }
        if let Some(peer) = Peer::of(socket) {
            entry.peer = Some(Box::new(peer));
            let shard = self.core.shards.own_mut();
            shard.show(Streams::CONNECTIONS, |out| peer.encode(out, None, client));
        }
    }

    /// A connection's socket is about to be closed.
    pub(crate) fn part_from_client(&mut self, index: u32, socket: impl AsFd) {
        if !self.core.watched.meets(Streams::CONNECTIONS) {
            return;
        }
        let Some(entry) = self.entries[index as usize].as_mut() else { return };
        let (client, reason) = (entry.connection.client, entry.connection.close_reason);
        if let Some(peer) = entry.peer.as_deref().copied().or_else(|| Peer::of(socket)) {
            let shard = self.core.shards.own_mut();
            shard.show(Streams::CONNECTIONS, |out| peer.encode(out, Some(reason), client));
        }
    }
}
