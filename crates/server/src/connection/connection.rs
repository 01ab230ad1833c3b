//! One client connection: what is kept of it between two times that it is served.
//!
//! That is bounded: one request under way, and output up to a limit. Nothing further is executed
//! before the client has read.

use std::mem;

use slabcore_metrics::Command;
use slabcore_protocol::{Decoder, Protocol};

use crate::connection::affinity::Affinity;
use crate::connection::connection_record::InputPlace;
use crate::connection::dump_progress::DumpProgress;
use crate::connection::input_state::{Ignored, IgnoredReply, InputState, Upload};
use crate::connection::login::Login;
use crate::connection::output::Output;
use crate::connection::paused_get::PausedGet;
use crate::connection::redis_session::RedisSession;
use crate::connection::watcher_id::WatcherId;
use crate::settings::close_reason::CloseReason;

/// Identifies a connection of a shard: an index, and a generation that tells it from earlier
/// connections of that index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl ConnectionId {
    /// The id as one number, for the kernel.
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The id of [`Self::to_bits`].
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// Why a connection is not served further for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// The unconsumed bytes are an incomplete request.
    NeedsInput,
    /// It has more to do, but other connections come first.
    Yielded,
    /// Its output or another shard's batch is full.
    Blocked,
    /// It reads no further, and closes once its output has left.
    Closing,
}

/// What a watcher, the log and `stats conns` show as the descriptor of a client without a socket.
const NO_DESCRIPTOR: i32 = -1;

/// One client connection, without its socket.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) decoder: Decoder,
    pub(crate) login: Login,
    pub(crate) affinity: Affinity,
    pub(crate) output: Output,
    id: ConnectionId,
    input: InputState,
    /// The next request follows others that arrived with it. memcached refuses `watch` and dumps
    /// then, because its replies to those have not left.
    follows_requests: bool,
    /// What a connection that speaks Redis' dialect has beside others.
    pub(crate) redis: Option<Box<RedisSession>>,
    /// The next command waits until all replies of other shards are there.
    waits_for_replies: bool,
    /// Descriptor of the socket.
    descriptor: Option<i32>,
    /// The log needs no line that says which protocol the client speaks.
    is_protocol_logged: bool,
    close_reason: CloseReason,
}

impl Connection {
    /// A connection that may speak `protocol`.
    pub(crate) fn new(
        id: ConnectionId,
        protocol: Protocol,
        login: Login,
        affinity: Affinity,
    ) -> Self {
        Self {
            decoder: Decoder::of(protocol),
            login,
            affinity,
            output: Output::default(),
            id,
            input: InputState::Request,
            follows_requests: false,
            redis: None,
            waits_for_replies: false,
            descriptor: None,
            is_protocol_logged: protocol != Protocol::Auto,
            close_reason: CloseReason::default(),
        }
    }

    /// The id that replies to its requests carry.
    #[inline]
    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    /// Gives a connection that has moved its new id. No reply to the old one is under way.
    pub(crate) fn rename(&mut self, id: ConnectionId) {
        debug_assert!(self.is_at_request() && self.output.is_empty());
        self.id = id;
    }

    /// Descriptor of the client's socket, as watchers and the log see it; -1 without a socket.
    #[inline]
    pub(crate) fn descriptor(&self) -> i32 {
        self.descriptor.unwrap_or(NO_DESCRIPTOR)
    }

    /// The client has this socket.
    pub(crate) fn set_descriptor(&mut self, descriptor: i32) {
        self.descriptor = Some(descriptor);
    }

    /// True once: the log is yet to say which protocol the client speaks.
    pub(crate) fn take_protocol_to_log(&mut self) -> bool {
        !mem::replace(&mut self.is_protocol_logged, true)
    }

    /// Why the connection ends, once it does.
    pub(crate) fn close_reason(&self) -> CloseReason {
        self.close_reason
    }

    /// Keeps why the connection is about to end.
    pub(crate) fn set_close_reason(&mut self, reason: CloseReason) {
        self.close_reason = reason;
    }
}

/// Where the connection is in its input.
impl Connection {
    /// What the next bytes are.
    #[inline]
    pub(crate) fn input(&self) -> &InputState {
        &self.input
    }

    /// True if the next bytes are the start of a request.
    #[inline]
    pub(crate) fn is_at_request(&self) -> bool {
        matches!(self.input, InputState::Request)
    }

    /// True if a get has paused between two of its keys.
    #[inline]
    pub(crate) fn has_paused_get(&self) -> bool {
        matches!(self.input, InputState::Get(_) | InputState::Values(_))
    }

    /// True while a dump is under way.
    #[inline]
    pub(crate) fn is_dumping(&self) -> bool {
        matches!(self.input, InputState::Dump(_))
    }

    /// True if the client is sent what others do.
    pub(crate) fn is_watching(&self) -> bool {
        matches!(self.input, InputState::Watching(_))
    }

    /// True if the client reads messages of others.
    pub(crate) fn reads_messages(&self) -> bool {
        self.redis.as_ref().is_some_and(|session| !session.subscribed.is_empty())
    }

    /// True if the connection closes once its output has left.
    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.input, InputState::Closing)
    }

    /// A request has ended: the next one follows.
    pub(crate) fn end_request(&mut self) {
        self.input = InputState::Request;
    }

    /// A get has paused between two of its keys.
    pub(crate) fn pause_get(&mut self, rest: PausedGet) {
        self.input = InputState::Get(rest);
    }

    /// So many keys of a command for several values are left.
    pub(crate) fn pause_values(&mut self, keys: usize) {
        self.input = InputState::Values(keys);
    }

    /// Whether the next command waits until all replies of other shards are there.
    pub(crate) fn set_waits_for_replies(&mut self, waits: bool) {
        self.waits_for_replies = waits;
    }

    /// True if the next command waits until all replies of other shards are there.
    pub(crate) fn waits_for_replies(&self) -> bool {
        self.waits_for_replies
    }

    /// A value is taken as it arrives.
    pub(crate) fn begin_upload(&mut self, upload: Upload) {
        self.input = InputState::Upload(upload);
    }

    /// The value that is being taken, if one is.
    pub(crate) fn upload_mut(&mut self) -> Option<&mut Upload> {
        match &mut self.input {
            InputState::Upload(upload) => Some(upload),
            _ => None,
        }
    }

    /// A dump has begun.
    pub(crate) fn start_dump(&mut self, dump: DumpProgress) {
        self.input = InputState::Dump(Box::new(dump));
    }

    /// The dump that is under way, if one is.
    pub(crate) fn dump_mut(&mut self) -> Option<&mut DumpProgress> {
        match &mut self.input {
            InputState::Dump(dump) => Some(dump),
            _ => None,
        }
    }

    /// Goes on where another process has stopped. A watcher is one again by
    /// [`Self::become_watcher`].
    pub(crate) fn go_on_at(&mut self, place: InputPlace) {
        self.input = match place {
            InputPlace::Request | InputPlace::Watching(_) => InputState::Request,
            InputPlace::Get(get) => InputState::Get(get),
            InputPlace::Values(keys) => InputState::Values(keys),
            InputPlace::Ignored { bytes, reply, closes, command } => {
                let reply = IgnoredReply::Encoded(reply.into(), closes);
                InputState::Ignored(Ignored::new(bytes, reply, command))
            }
            InputPlace::Closing => InputState::Closing,
        };
    }

    /// True while a value is taken as it arrives.
    pub(crate) fn is_uploading(&self) -> bool {
        matches!(self.input, InputState::Upload(_))
    }

    /// True while bytes are ignored.
    pub(crate) fn is_ignoring(&self) -> bool {
        matches!(self.input, InputState::Ignored(_))
    }

    /// The connection is a watcher from now on.
    pub(crate) fn become_watcher(&mut self, id: WatcherId) {
        self.input = InputState::Watching(id);
    }

    /// Reads no further. Returns what was under way.
    pub(crate) fn close_input(&mut self) -> InputState {
        mem::replace(&mut self.input, InputState::Closing)
    }

    /// Ignores the next `bytes` bytes, then replies. The request is timed as `command`.
    pub(crate) fn ignore(&mut self, bytes: u64, reply: IgnoredReply, command: Command) {
        self.input = InputState::Ignored(Ignored::new(bytes, reply, command));
        self.take_ignored(0);
    }

    /// Takes as much of the next `input_bytes` as is to be ignored, and replies after the last
    /// byte. Returns how many bytes.
    pub(crate) fn take_ignored(&mut self, input_bytes: usize) -> usize {
        let InputState::Ignored(ignored) = &mut self.input else { return 0 };
        let count = ignored.take(input_bytes);
        if let Some(reply) = ignored.reply() {
            self.output.encode(|out| reply.encode(out));
            self.input = if reply.closes() { InputState::Closing } else { InputState::Request };
        }
        count
    }

    /// True if the next request follows others that arrived with it.
    pub(crate) fn follows_requests(&self) -> bool {
        self.follows_requests
    }

    /// Whether the next request follows others whose replies memcached would hold back.
    #[inline]
    pub(crate) fn set_follows_requests(&mut self, follows: bool) {
        self.follows_requests = follows;
    }

    /// Notes that all complete requests of the received input are executed.
    #[inline]
    pub(crate) fn end_arrived(&mut self) {
        self.follows_requests &= !self.is_at_request();
    }
}
