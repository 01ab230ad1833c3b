//! One client connection, whatever drives its socket: what is kept of it between visits.
//!
//! That is bounded: a request under way, and output up to a limit; beyond it nothing further is
//! executed until the client has read.
//!
//! Dialects: the reply that is owed once bytes were ignored.

use slabcore_protocol::{BinaryError, Decoder, Protocol};
use slabcore_shard::UploadId;

use crate::connection::affinity::Affinity;
use crate::connection::dump_progress::DumpProgress;
use crate::connection::login::Login;
use crate::connection::output::Output;
use crate::connection::watcher_id::WatcherId;
use crate::settings::peer::CloseReason;

/// Which connection of its shard: an index, and a generation that tells it from earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// Why a visit to a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// What is not consumed is the start of a request whose rest is not here.
    Hungry,
    /// There is more to do; others come first.
    Yielded,
    /// Output or another shard's batch is full.
    Blocked,
    /// Nothing more is to be read; close once the output has left.
    Closing,
}

/// What the next bytes of the input are.
#[derive(Debug)]
pub(crate) enum State {
    /// At the first byte of a request.
    Line,
    /// In the middle of a get: the input starts with the rest of its keys.
    Keys {
        with_cas: bool,
        exptime: Option<i32>,
        /// Bytes of these keys with the line end; all of them are here.
        line_bytes: usize,
    },
    /// In the middle of a value that streams into its reservation.
    Upload(Upload),
    /// In the middle of bytes to be ignored; then the reply.
    Swallow { left: u64, reply: Afterwards },
    /// In the middle of a dump; the input waits for its end.
    Dump(Box<DumpProgress>),
    /// Told what others do; nothing that is sent counts.
    Watching(WatcherId),
    /// Done: `quit`, a line without end, or a shutdown.
    Closing,
}

/// A value that streams into its reservation.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) id: UploadId,
    /// Shard that owns the key.
    pub(crate) shard: usize,
    /// Bytes of the value to come.
    pub(crate) left: u32,
    /// The two bytes behind the value, as far as they are here; where none are due, a CRLF.
    pub(crate) line_end: [u8; 2],
    pub(crate) line_end_len: u8,
    pub(crate) noreply: bool,
}

/// What the client hears once bytes were ignored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Afterwards {
    /// A line, or nothing.
    Line(Option<&'static [u8]>),
    /// A binary reply, which may be the last.
    Error(BinaryError),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) decoder: Decoder,
    pub(crate) state: State,
    pub(crate) login: Login,
    pub(crate) affinity: Affinity,
    pub(crate) output: Output,
    /// Descriptor of the socket, as watchers and the log are told; -1: there is none.
    pub(crate) client: i32,
    /// The log tells what a client speaks that may speak anything.
    pub(crate) is_protocol_told: bool,
    /// What has arrived together has had other requests before this one. memcached refuses `watch`
    /// and dumps then, as its replies to those have not left.
    pub(crate) has_asked: bool,
    /// Why the connection ends, once it does.
    pub(crate) close_reason: CloseReason,
}

impl Connection {
    /// A connection that may speak `protocol`.
    pub(crate) fn new(
        id: ConnectionId,
        protocol: Protocol,
        login: Login,
        affinity: Affinity,
    ) -> Self {
        let (decoder, output) = (Decoder::of(protocol), Output::default());
        Self {
            id,
            decoder,
            state: State::Line,
            login,
            affinity,
            output,
            client: -1,
            is_protocol_told: protocol != Protocol::Auto,
            has_asked: false,
            close_reason: CloseReason::default(),
        }
    }

    /// The connection has moved; nothing is under way in the name of the old id.
    pub(crate) fn rename(&mut self, id: ConnectionId) {
        debug_assert!(self.is_at_request() && self.output.is_empty());
        self.id = id;
    }

    /// True if the connection is to be closed once its output has left.
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing)
    }

    /// True if the client is told what others do.
    pub(crate) fn is_watching(&self) -> bool {
        matches!(self.state, State::Watching(_))
    }

    /// True if the connection's next bytes are the first of a request.
    pub(crate) fn is_at_request(&self) -> bool {
        matches!(self.state, State::Line)
    }
}
