//! One connection as its hub keeps it: the state machine, input that waits, and for what.

use slabcore_protocol::LINE_BYTES_MAX;

use slabcore_shard::ShardId;

use crate::connection::spare_buffers::SpareBuffers;
use crate::connection::tls_session::TlsSession;
use crate::connection::{Connection, ConnectionId};
use crate::settings::limits::SPARE_OUTPUT_BYTES_EACH_MAX;
use crate::settings::peer::Peer;

/// What the input of a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// For more bytes, if there are any.
    Input,
    /// For output to leave, or another shard's batch.
    Room,
    /// For their turn: the connection is in the hub's list of runnable ones.
    Turn,
    /// For all that is under way to end: the connection is to move to another shard.
    Quiet,
    /// For the driver to let go of the socket: nothing else keeps the connection here.
    Departure,
}

impl Waiting {
    /// True if the connection is to move: its input is kept as it comes.
    pub(crate) fn is_leaving(self) -> bool {
        matches!(self, Self::Quiet | Self::Departure)
    }
}

/// What a hub keeps of one connection.
#[derive(Debug)]
pub(crate) struct HubConnection {
    pub(crate) connection: Connection,
    /// What its socket carries is encrypted by this.
    pub(crate) tls: Option<Box<TlsSession>>,
    /// The start of a cut request, or what could not be executed yet.
    pub(crate) carry: Vec<u8>,
    /// Bytes of `carry` that are done with.
    pub(crate) carry_start: usize,
    /// Memory of `carry` as counted by the hub.
    pub(crate) carried: usize,
    /// The same if it is the start of a long request whose rest has not come, else 0.
    pub(crate) cut_bytes: usize,
    pub(crate) waiting: Waiting,
    /// In the hub's list of touched connections already.
    pub(crate) touched: bool,
    /// Some of its input is in the stage under way.
    pub(crate) staged: bool,
    /// The client sends no more.
    pub(crate) end_of_input: bool,
    /// Tick of the turn in which a request was last executed, in whole or in part.
    pub(crate) last_request: u32,
    /// Where the client is, if those who watch were told of it.
    pub(crate) peer: Option<Box<Peer>>,
}

/// A connection that is to move.
pub(crate) struct Leaving {
    pub(crate) id: ConnectionId,
    /// Number of the shard that it moves to.
    pub(crate) to: ShardId,
    /// Batches that must be back: they may carry what nobody owes this connection a reply for.
    pub(crate) marks: Vec<u64>,
    /// Turns for which output that the socket does not take is waited for.
    pub(crate) patience: u8,
}

impl HubConnection {
    /// A connection that begins at tick `now`.
    pub(crate) fn new(connection: Connection, tls: Option<Box<TlsSession>>, now: u32) -> Self {
        Self {
            connection,
            tls,
            carry: Vec::new(),
            carry_start: 0,
            carried: 0,
            cut_bytes: 0,
            waiting: Waiting::Input,
            touched: false,
            staged: false,
            end_of_input: false,
            last_request: now,
            peer: None,
        }
    }

    /// Makes `carry` ready for more.
    pub(crate) fn prepare_carry(&mut self, spares: &mut SpareBuffers) {
        if self.carry.capacity() == 0 {
            self.carry = spares.take();
        }
        // Moved only when less is left than was done since: linear in all.
        if self.carry_start > self.carry.len() / 2 {
            self.carry.drain(..std::mem::take(&mut self.carry_start));
        }
    }

    /// Bytes of `carry` that are not done with.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.carry.len() - self.carry_start
    }

    /// Lets go of most of a large `carry` once little is left in it. What is copied is a part of
    /// what was done since the last time.
    pub(crate) fn trim_carry(&mut self) {
        let is_large = self.carry.capacity() > SPARE_OUTPUT_BYTES_EACH_MAX;
        if is_large && self.pending_bytes() < self.carry.capacity() / 4 {
            self.carry.drain(..std::mem::take(&mut self.carry_start));
            self.carry.shrink_to_fit();
        }
    }

    /// True if `carry` is the start of a long request whose rest has not come. Whole requests that
    /// wait for their turn are none.
    pub(crate) fn waits_for_long_line(&self) -> bool {
        self.waiting == Waiting::Input && self.pending_bytes() > LINE_BYTES_MAX
    }

    /// Bytes of requests were executed in the turn of tick `now`. As in memcached, a client that
    /// only tries to log in is idle.
    #[inline]
    pub(crate) fn note_requests(&mut self, consumed: usize, now: u32) {
        if consumed > 0 && !self.connection.login.is_due() {
            self.last_request = now;
        }
    }

    /// True if nothing is under way: the client may be waited for.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting == Waiting::Input
            && self.connection.is_at_request()
            && self.connection.output.is_empty()
    }

    /// True if what arrives is the start of a request and may be executed now.
    #[inline]
    pub(crate) fn takes_plan(&self) -> bool {
        self.carry.is_empty()
            && self.connection.is_at_request()
            && !self.connection.output.is_full()
            && self.waiting == Waiting::Input
    }
}
