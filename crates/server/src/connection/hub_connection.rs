//! One connection as its hub keeps it: its state, its unconsumed input, and what it waits for.

use slabcore_protocol::LINE_BYTES_MAX;

use crate::connection::Connection;
use crate::connection::carry::Carry;
use crate::connection::receipt::Receipt;
use crate::connection::tls_session::TlsSession;
use crate::settings::address::Addresses;
use crate::settings::limits::CARRY_READ_BYTES_MAX;

/// What the input of a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// For more bytes, if there are any.
    Input,
    /// For output to leave, or another shard's batch.
    OutputSpace,
    /// For its turn: the connection is in the hub's list of runnable ones.
    Turn,
    /// For all that is under way to end: the connection is to move to another shard.
    Quiet,
    /// For the driver to give up the socket: nothing else keeps the connection here.
    Departure,
}

impl Waiting {
    /// True if the connection is to move. Its input is kept and not executed.
    pub(crate) fn is_leaving(self) -> bool {
        matches!(self, Self::Quiet | Self::Departure)
    }
}

/// What a hub keeps of one connection.
#[derive(Debug)]
pub(crate) struct HubConnection {
    pub(crate) connection: Connection,
    pub(crate) addresses: Addresses,
    /// The session that encrypts what its socket carries.
    pub(crate) tls: Option<Box<TlsSession>>,
    /// Its input that is not executed yet.
    pub(crate) carry: Carry,
    /// When that input was received.
    pub(crate) receipt: Receipt,
    pub(crate) waiting: Waiting,
    /// It is in the hub's list of touched connections.
    pub(crate) touched: bool,
    /// Some of its input is in the stage under way.
    pub(crate) staged: bool,
    /// The client sends no more.
    pub(crate) end_of_input: bool,
    /// Tick of the turn in which a request was last executed, in whole or in part.
    pub(crate) last_request: u32,
}

impl HubConnection {
    /// A connection that begins at tick `now`.
    pub(crate) fn new(
        connection: Connection,
        addresses: Addresses,
        tls: Option<Box<TlsSession>>,
        now: u32,
    ) -> Self {
        Self {
            connection,
            addresses,
            tls,
            carry: Carry::default(),
            receipt: Receipt::default(),
            waiting: Waiting::Input,
            touched: false,
            staged: false,
            end_of_input: false,
            last_request: now,
        }
    }

    /// True if the carry is an incomplete long request, or a long pipeline that its client writes
    /// before it reads. Other complete requests that wait for their turn do not count.
    pub(crate) fn waits_for_client(&self) -> bool {
        match self.waiting {
            Waiting::Input => self.carry.pending().len() > LINE_BYTES_MAX,
            Waiting::OutputSpace => {
                self.reads_ahead() && self.carry.pending().len() > CARRY_READ_BYTES_MAX
            }
            Waiting::Turn | Waiting::Quiet | Waiting::Departure => false,
        }
    }

    /// True if requests are read while the client does not read the replies.
    #[inline]
    pub(crate) fn reads_ahead(&self) -> bool {
        self.connection.redis.is_some()
    }

    /// Notes that bytes of requests were executed in the turn of tick `now`. As in memcached, a
    /// client that only tries to log in is idle.
    #[inline]
    pub(crate) fn note_requests(&mut self, consumed: usize, now: u32) {
        if consumed > 0 && !self.connection.login.is_due() {
            self.last_request = now;
        }
    }

    /// True if nothing is under way: only the client can go on. One that reads messages of others
    /// is not idle.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting == Waiting::Input
            && !self.connection.reads_messages()
            && self.connection.is_at_request()
            && self.connection.output.is_empty()
    }

    /// True if what arrives is the start of a request and may be executed now.
    #[inline]
    pub(crate) fn takes_staged(&self) -> bool {
        self.carry.is_empty()
            && self.connection.is_at_request()
            && !self.connection.output.is_full()
            && self.waiting == Waiting::Input
    }
}
