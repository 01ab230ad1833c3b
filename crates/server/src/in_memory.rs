//! A server without sockets, for benches and tests: bytes go in and come out by calls.
//!
//! All shards run on the caller's thread. Only what the kernel does is left out: requests
//! go through hub, shard and batches as in the server.

use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use slabcore_shard::{Router, ShardId};
use slabcore_storage::KeyHasher;

use crate::connection::ConnectionId;
use crate::connection::new_connection::NewConnection;
use crate::drivers::turn::{Sockets, TurnLists, turn};
use crate::hub::Hub;
use crate::hub::driver_actions::SocketAction;
use crate::launch::executor_setup::make_setups;
use crate::settings::address::Addresses;
use crate::settings::start_error::StartError;
use crate::settings::{BackendChoice, Keeping, Listen, Protocol, Settings};
use crate::shared::shared_state::{Backend, SharedState};

/// A server that benches and tests drive by hand: [`connect`](Self::connect),
/// [`receive`](Self::receive), [`turn`](Self::turn).
///
/// Its settings are memcached's defaults, except those that [`new`](Self::new) takes. There is no
/// socket to hold up a client that sends faster than it reads: its connection keeps all that it
/// sent.
pub struct InMemoryServer {
    shards: Vec<InMemoryShard>,
    shared: Arc<SharedState>,
    router: Router,
    /// Shard of the next connection.
    next_shard: usize,
    /// An executor may take the shards of others. All are on one thread, so one that does not turn
    /// must not hold its shard then.
    takes_others: bool,
}

/// The client's end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InMemoryConnection {
    shard: usize,
    id: ConnectionId,
}

impl InMemoryConnection {
    /// The shard that serves it.
    pub fn shard(&self) -> usize {
        self.shard
    }
}

/// What is kept of a connection in place of a socket.
struct MemoryConnection {
    id: ConnectionId,
    /// The server has closed it.
    closed: bool,
}

struct InMemoryShard {
    hub: Hub,
    connections: Vec<MemoryConnection>,
    lists: TurnLists,
    /// What clients have sent since the last turn.
    arrived: Vec<u8>,
    /// For each piece of `arrived`, its connection and where it is.
    inputs: Vec<(u32, Range<usize>)>,
}

impl InMemoryServer {
    /// An empty server of 1 to [`SHARDS_MAX`](crate::limits::SHARDS_MAX) shards. With the same seed
    /// the same keys have the same shards and buckets.
    ///
    /// Errors: as those of [`Listening::serve`](crate::Listening::serve) about memory and
    /// descriptors; a mailbox has a doorbell, though nobody sleeps here.
    pub fn new(shards: usize, memory_bytes: usize, hash_seed: u64) -> Result<Self, StartError> {
        Self::with_settings(settings(shards, memory_bytes), hash_seed)
    }

    /// As [`Self::new`], with items that could outlive the process (`--keep-memory`).
    pub fn with_kept_memory(
        shards: usize,
        memory_bytes: usize,
        hash_seed: u64,
    ) -> Result<Self, StartError> {
        let keeping = Keeping { keep_memory: true, ..Keeping::default() };
        Self::with_settings(Settings { keeping, ..settings(shards, memory_bytes) }, hash_seed)
    }

    fn with_settings(settings: Settings, hash_seed: u64) -> Result<Self, StartError> {
        let hasher = KeyHasher::new(hash_seed);
        let router = Router::new(hasher.clone(), settings.shards);
        let backend = Backend::Epoll("there are no sockets".to_owned());
        let (shared, setups) = make_setups(settings, backend, &[], Vec::new(), hash_seed)?;
        let shards = setups.into_iter().map(|setup| InMemoryShard {
            hub: setup.make_hub(Arc::clone(&shared)).0,
            connections: Vec::new(),
            lists: TurnLists::default(),
            arrived: Vec::new(),
            inputs: Vec::new(),
        });
        Ok(Self { shards: shards.collect(), shared, router, next_shard: 0, takes_others: false })
    }

    /// The shard that owns a key.
    pub fn shard_of(&self, key: &[u8]) -> usize {
        self.router.route(key).shard.index()
    }

    /// A new connection; they are dealt out to the shards in turn, the first to shard 0.
    pub fn connect(&mut self) -> InMemoryConnection {
        self.connect_with(Protocol::Auto)
    }

    /// As [`Self::connect`], of a client that speaks Redis' dialect.
    pub fn connect_redis(&mut self) -> InMemoryConnection {
        self.takes_others = true;
        self.connect_with(Protocol::Resp)
    }

    fn connect_with(&mut self, protocol: Protocol) -> InMemoryConnection {
        let shard = self.next_shard;
        self.next_shard = (shard + 1) % self.shards.len();
        self.shared.admission.connection_opened();
        InMemoryConnection { shard, id: self.shards[shard].connect(protocol) }
    }

    /// Bytes from a client; they wait for the next turn. Does nothing if the server has closed the
    /// connection.
    #[inline]
    pub fn receive(&mut self, connection: InMemoryConnection, bytes: &[u8]) {
        let shard = &mut self.shards[connection.shard];
        if shard.is_open(connection.id) {
            let start = shard.arrived.len();
            shard.arrived.extend_from_slice(bytes);
            shard.inputs.push((connection.id.index, start..shard.arrived.len()));
        }
    }

    /// The client sends no more: the connection ends once it got what it is owed.
    pub fn end_of_input(&mut self, connection: InMemoryConnection) {
        let shard = &mut self.shards[connection.shard];
        if shard.is_open(connection.id) {
            shard.execute_inputs();
            shard.hub.end_of_input(connection.id.index);
        }
    }

    /// Turns of all shards that have work, until none has any. What leaves for a connection goes to
    /// `send`, in its order.
    #[inline]
    pub fn turn(&mut self, mut send: impl FnMut(InMemoryConnection, &[u8])) {
        loop {
            let mut idle = true;
            for index in 0..self.shards.len() {
                if !self.shards[index].has_work() {
                    continue;
                }
                idle = false;
                if self.takes_others {
                    self.others(index).for_each(|it| it.hub.executor.shards.free());
                }
                let shard = &mut self.shards[index];
                shard.turn(|id, bytes| send(InMemoryConnection { shard: index, id }, bytes));
                if self.takes_others {
                    self.others(index).for_each(|it| it.hub.executor.shards.take_back());
                }
            }
            if idle {
                return;
            }
        }
    }

    fn others(&mut self, index: usize) -> impl Iterator<Item = &mut InMemoryShard> {
        let all = self.shards.iter_mut().enumerate();
        all.filter(move |(other, _)| *other != index).map(|(_, shard)| shard)
    }

    /// Whether the server has not closed a connection.
    pub fn is_open(&self, connection: InMemoryConnection) -> bool {
        self.shards[connection.shard].is_open(connection.id)
    }
}

impl InMemoryShard {
    fn connect(&mut self, protocol: Protocol) -> ConnectionId {
        let id = self.hub.insert(NewConnection {
            addresses: Addresses::UNNAMED,
            number: Some(self.hub.executor.shard.index() as u32),
            protocol,
            tls: None,
        });
        let connection = MemoryConnection { id, closed: false };
        match self.connections.get_mut(id.index as usize) {
            Some(place) => *place = connection,
            None => self.connections.push(connection),
        }
        id
    }

    #[inline]
    fn is_open(&self, id: ConnectionId) -> bool {
        let connection = &self.connections[id.index as usize];
        connection.id == id && !connection.closed
    }

    /// Executes what clients have sent, before the turn.
    fn execute_inputs(&mut self) {
        self.hub.executor.begin_turn();
        take_inputs(&mut self.hub, &mut self.arrived, &mut self.inputs);
    }

    #[inline]
    fn has_work(&self) -> bool {
        let hub = &self.hub;
        !self.inputs.is_empty() || hub.has_messages() || hub.has_runnable() || hub.has_touched()
    }

    #[inline]
    fn turn(&mut self, send: impl FnMut(ConnectionId, &[u8])) {
        let Self { hub, connections, lists, arrived, inputs } = self;
        let mut sockets = MemorySockets { connections, arrived, inputs, send };
        let outlook = turn(hub, &mut sockets, lists);
        debug_assert!(outlook.is_ok(), "nothing here asks the kernel");
    }
}

/// Passes to the hub what clients have sent.
#[inline]
fn take_inputs(hub: &mut Hub, arrived: &mut Vec<u8>, inputs: &mut Vec<(u32, Range<usize>)>) {
    hub.receive(inputs.drain(..).map(|(index, range)| (index, &arrived[range])));
    arrived.clear();
}

/// What a turn uses in place of sockets.
struct MemorySockets<'a, S> {
    connections: &'a mut Vec<MemoryConnection>,
    arrived: &'a mut Vec<u8>,
    inputs: &'a mut Vec<(u32, Range<usize>)>,
    /// Takes what leaves for a connection.
    send: S,
}

impl<S: FnMut(ConnectionId, &[u8])> Sockets for MemorySockets<'_, S> {
    #[inline]
    fn receive(&mut self, hub: &mut Hub) -> bool {
        let came = !self.inputs.is_empty();
        take_inputs(hub, self.arrived, self.inputs);
        came
    }

    fn open(&mut self, _: u32, _: OwnedFd) {
        unreachable!("no acceptor hands sockets over");
    }

    fn serve_datagrams(&mut self, _: &mut Hub) -> bool {
        false
    }

    #[inline]
    fn settle(&mut self, hub: &mut Hub, index: u32, _: &mut Vec<ShardId>) {
        let Some(actions) = hub.take_actions(index) else { return };
        let connection = &mut self.connections[index as usize];
        if let Some(outgoing) = actions.send {
            if let Some(bytes) = outgoing.plain() {
                (self.send)(connection.id, bytes);
            } else {
                let mut offset = 0;
                while offset < outgoing.total_bytes() {
                    for piece in &outgoing.pieces(offset) {
                        (self.send)(connection.id, piece);
                        offset += piece.len();
                    }
                }
            }
            hub.sent(index, outgoing);
        }
        if actions.socket == SocketAction::Close {
            connection.closed = true;
            hub.remove(index);
        }
    }

    fn enter(&mut self, _: &mut Hub, wakes: &mut Vec<ShardId>, _: bool) -> io::Result<()> {
        debug_assert!(wakes.is_empty(), "no shard sleeps");
        Ok(())
    }
}

/// memcached's defaults, without sockets.
fn settings(shards: usize, memory_bytes: usize) -> Settings {
    Settings {
        listen: Listen::Tcp(Vec::new()),
        moving: None,
        memory_bytes,
        shards,
        backend: BackendChoice::Epoll,
        metrics_listen: None,
        product: "in memory",
        ..Settings::default()
    }
}

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod redis_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod timing_tests;
#[cfg(test)]
mod tls_tests;
