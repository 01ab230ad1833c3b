//! The same turn without sockets, for benches and tests: bytes go in and come out by calls.
//!
//! All shards run on the caller's thread. What a kernel would do is left out, and nothing else: a
//! request takes the way through hub, shard and batches that it takes in the server.

use std::ops::Range;
use std::sync::Arc;

use slabcore_metrics::Counter;
use slabcore_shard::Router;
use slabcore_storage::KeyHasher;

use crate::connection::ConnectionId;
use crate::hub::Hub;
use crate::hub::driver_actions::SocketAction;
use crate::launch::executor_setup::make_setups;
use crate::settings::start_error::StartError;
use crate::settings::{BackendChoice, Listen, Protocol, Settings};
use crate::shared::cluster::{Backend, Cluster};

/// A server that benches and tests drive by hand: [`connect`](Self::connect),
/// [`receive`](Self::receive), [`turn`](Self::turn).
///
/// Its settings are memcached's defaults, but for what [`new`](Self::new) asks. A client that sends
/// faster than it reads is not held up as by a socket: its connection keeps all that it sent.
pub struct InMemoryServer {
    shards: Vec<InMemoryShard>,
    cluster: Arc<Cluster>,
    router: Router,
    /// Where the next connection goes.
    next_shard: usize,
}

/// One client's end.
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

/// What a driver keeps of one connection.
struct MemoryConnection {
    id: ConnectionId,
    /// The server has closed it.
    closed: bool,
}

struct InMemoryShard {
    hub: Hub,
    connections: Vec<MemoryConnection>,
    touched: Vec<u32>,
    /// What clients sent since the last turn, and whose it is.
    arrived: Vec<u8>,
    inputs: Vec<(u32, Range<usize>)>,
    /// The clock was read since the last turn ended.
    begun: bool,
}

impl InMemoryServer {
    /// An empty server of 1 to [`SHARDS_MAX`](crate::limits::SHARDS_MAX) shards. With the same seed
    /// the same keys have the same shards and buckets.
    ///
    /// Errors: as those of [`Listening::serve`](crate::Listening::serve) about memory and
    /// descriptors; a mailbox has a doorbell, though nobody sleeps here.
    pub fn new(shards: usize, memory_bytes: usize, hash_seed: u64) -> Result<Self, StartError> {
        let hasher = KeyHasher::new(hash_seed);
        let router = Router::new(hasher.clone(), shards);
        let backend = Backend::Epoll("there are no sockets".to_owned());
        let settings = settings(shards, memory_bytes);
        let (cluster, setups) = make_setups(settings, backend, &[], Vec::new(), &hasher)?;
        let shards = setups.into_iter().map(|setup| InMemoryShard {
            hub: setup.make_hub(Arc::clone(&cluster)).0,
            connections: Vec::new(),
            touched: Vec::new(),
            arrived: Vec::new(),
            inputs: Vec::new(),
            begun: false,
        });
        Ok(Self { shards: shards.collect(), cluster, router, next_shard: 0 })
    }

    /// The shard that owns a key.
    pub fn shard_of(&self, key: &[u8]) -> usize {
        self.router.route(key).shard.index()
    }

    /// A new connection; they are dealt out to the shards in turn, the first to shard 0.
    pub fn connect(&mut self) -> InMemoryConnection {
        let shard = self.next_shard;
        self.next_shard = (shard + 1) % self.shards.len();
        self.cluster.admission.connection_opened();
        InMemoryConnection { shard, id: self.shards[shard].connect() }
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
            shard.begin();
            shard.take_inputs();
            shard.hub.end_of_input(connection.id.index);
        }
    }

    /// Turns of all shards that have work, until none has any. What leaves for a connection goes to
    /// `send`, in its order.
    #[inline]
    pub fn turn(&mut self, mut send: impl FnMut(InMemoryConnection, &[u8])) {
        loop {
            let mut idle = true;
            for (index, shard) in self.shards.iter_mut().enumerate() {
                if shard.has_work() {
                    shard.turn(|id, bytes| send(InMemoryConnection { shard: index, id }, bytes));
                    idle = false;
                }
            }
            if idle {
                return;
            }
        }
    }

    /// Whether the server has not closed a connection.
    pub fn is_open(&self, connection: InMemoryConnection) -> bool {
        self.shards[connection.shard].is_open(connection.id)
    }
}

impl InMemoryShard {
    fn connect(&mut self) -> ConnectionId {
        let id = self.hub.insert(false, Protocol::Auto, None);
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

    /// Before the first bytes of a turn.
    #[inline]
    fn begin(&mut self) {
        if !self.begun {
            self.begun = true;
            self.hub.executor.begin_turn();
        }
    }

    /// What came in, for the hub.
    #[inline]
    fn take_inputs(&mut self) {
        let arrived = &self.arrived;
        self.hub.receive(self.inputs.drain(..).map(|(index, range)| (index, &arrived[range])));
        self.arrived.clear();
    }

    #[inline]
    fn has_work(&self) -> bool {
        let hub = &self.hub;
        !self.inputs.is_empty()
            || self.begun
            || hub.has_messages()
            || hub.has_runnable()
            || hub.has_touched()
    }

    #[inline]
    fn turn(&mut self, mut send: impl FnMut(ConnectionId, &[u8])) {
        self.begin();
        self.take_inputs();
        self.hub.take_messages(
            |_, _| unreachable!("no acceptor hands sockets over"),
            |_| unreachable!("no shard sleeps"),
        );
        self.hub.run_runnable();
        if self.hub.is_to_tell() {
            self.hub.tell_connections(|_| None);
        }
        self.hub.dispatch(|_| unreachable!("no shard sleeps"));
        let mut touched = std::mem::take(&mut self.touched);
        self.hub.take_touched(&mut touched);
        for index in touched.drain(..) {
            self.settle(index, &mut send);
        }
        self.touched = touched;
        self.hub.executor.metrics.add(Counter::Turns, 1);
        self.hub.maintain();
        self.begun = false;
    }

    #[inline]
    fn settle(&mut self, index: u32, send: &mut impl FnMut(ConnectionId, &[u8])) {
        let Some(actions) = self.hub.take_actions(index) else { return };
        let connection = &mut self.connections[index as usize];
        if let Some(outgoing) = actions.send {
            if let Some(bytes) = outgoing.plain() {
                send(connection.id, bytes);
            } else {
                let mut offset = 0;
                while offset < outgoing.total_bytes() {
                    for piece in &outgoing.pieces(offset) {
                        send(connection.id, piece);
                        offset += piece.len();
                    }
                }
            }
            self.hub.sent(index, outgoing);
        }
        if actions.socket == SocketAction::Close {
            connection.closed = true;
            self.hub.remove(index);
        }
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
mod tests;
#[cfg(test)]
mod tls_tests;
