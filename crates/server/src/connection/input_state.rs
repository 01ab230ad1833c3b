//! The position of a connection in its input.
//!
//! Dialects: the reply to ignored bytes.

use slabcore_metrics::Command;
use slabcore_protocol::{BinaryError, BinaryReply};
use slabcore_shard::{ShardId, UploadId};

use crate::connection::connection_record::InputPlace;
use crate::connection::dump_progress::DumpProgress;
use crate::connection::paused_get::PausedGet;
use crate::connection::watcher_id::WatcherId;

/// What the next bytes of the input are.
#[derive(Debug)]
pub(crate) enum InputState {
    /// The start of a request.
    Request,
    /// The rest of a get's keys.
    Get(PausedGet),
    /// So many keys of a Redis command for several values, and more commands after them.
    Values(usize),
    /// The rest of a value that goes to its reservation as it arrives.
    Upload(Upload),
    /// Bytes to ignore.
    Ignored(Ignored),
    /// Requests that wait for the end of a dump.
    Dump(Box<DumpProgress>),
    /// Bytes without effect: the connection watches.
    Watching(WatcherId),
    /// Bytes without effect: the connection closes once its output has left.
    Closing,
}

/// A value that goes to its reservation as it arrives.
#[derive(Debug)]
pub(crate) struct Upload {
    id: UploadId,
    shard: ShardId,
    noreply: bool,
    /// Bytes of the value that have not arrived.
    left: u32,
    /// Bytes of line end that the protocol has.
    line_end_bytes: u8,
    /// The two bytes after the value, as far as they have arrived. CRLF where the protocol has no
    /// line end there.
    line_end: [u8; 2],
    line_end_len: u8,
}

impl Upload {
    /// An upload to `shard` of which nothing has arrived: `value_bytes`, then `line_end_bytes` of
    /// line end.
    pub(crate) fn new(
        id: UploadId,
        shard: ShardId,
        noreply: bool,
        value_bytes: u32,
        line_end_bytes: usize,
    ) -> Self {
        debug_assert!(line_end_bytes <= 2);
        let line_end_bytes = line_end_bytes as u8;
        let line_end_len = 2 - line_end_bytes;
        let line_end = *b"\r\n";
        Self { id, shard, noreply, left: value_bytes, line_end_bytes, line_end, line_end_len }
    }

    /// Number of the upload.
    pub(crate) fn id(&self) -> UploadId {
        self.id
    }

    /// Shard that owns the key.
    pub(crate) fn shard(&self) -> ShardId {
        self.shard
    }

    /// True if the client wants no reply.
    pub(crate) fn noreply(&self) -> bool {
        self.noreply
    }

    /// Takes the next bytes of the value from `input`.
    pub(crate) fn take_value<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        let value = &input[..input.len().min(self.left as usize)];
        self.left -= value.len() as u32;
        value
    }

    /// Takes the next bytes of the line end from `input`, once the value is complete. Returns how
    /// many.
    pub(crate) fn take_line_end(&mut self, input: &[u8]) -> usize {
        let mut count = 0;
        while self.left == 0 && self.line_end_len < 2 && count < input.len() {
            self.line_end[usize::from(self.line_end_len)] = input[count];
            self.line_end_len += 1;
            count += 1;
        }
        count
    }

    /// The bytes of the line end that have arrived.
    pub(crate) fn arrived_line_end(&self) -> &[u8] {
        let before = usize::from(2 - self.line_end_bytes);
        &self.line_end[before..usize::from(self.line_end_len)]
    }

    /// Whether the line end is right; `None` before all bytes have arrived.
    pub(crate) fn has_good_end(&self) -> Option<bool> {
        (self.left == 0 && self.line_end_len == 2).then_some(self.line_end == *b"\r\n")
    }
}

/// Bytes to ignore, and the reply to them.
#[derive(Debug)]
pub(crate) struct Ignored {
    left: u64,
    reply: IgnoredReply,
    command: Command,
}

/// The reply to ignored bytes, sent once all of them have arrived.
#[derive(Debug, Clone)]
pub(crate) enum IgnoredReply {
    /// A line, or nothing.
    Line(Option<&'static [u8]>),
    /// A binary reply, which may be the last of the connection.
    Error(BinaryError),
    /// The bytes that another process would have sent, and whether the connection closes then.
    Encoded(Box<[u8]>, bool),
}

impl IgnoredReply {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Line(line) => out.extend_from_slice(line.unwrap_or_default()),
            Self::Error(error) => BinaryReply::new(error.echo, error.status).encode(out),
            Self::Encoded(bytes, _) => out.extend_from_slice(bytes),
        }
    }

    /// True if the connection closes after it.
    pub(super) fn closes(&self) -> bool {
        match self {
            Self::Line(_) => false,
            Self::Error(error) => error.closes,
            Self::Encoded(_, closes) => *closes,
        }
    }
}

impl Ignored {
    /// The next `bytes` bytes, which are answered with `reply`.
    pub(super) fn new(bytes: u64, reply: IgnoredReply, command: Command) -> Self {
        Self { left: bytes, reply, command }
    }

    /// The command that the request is timed as.
    pub(crate) fn command(&self) -> Command {
        self.command
    }

    /// Takes as much of the next `input_bytes` as is to be ignored. Returns how many bytes.
    pub(super) fn take(&mut self, input_bytes: usize) -> usize {
        let count = usize::try_from(self.left).map_or(input_bytes, |left| left.min(input_bytes));
        self.left -= count as u64;
        count
    }

    /// The reply, once all bytes have arrived.
    pub(super) fn reply(&self) -> Option<IgnoredReply> {
        (self.left == 0).then(|| self.reply.clone())
    }

    /// The same for a [`ConnectionRecord`](super::connection_record::ConnectionRecord).
    pub(crate) fn into_place(self) -> InputPlace {
        let mut reply = Vec::new();
        self.reply.encode(&mut reply);
        let closes = self.reply.closes();
        InputPlace::Ignored { bytes: self.left, reply, closes, command: self.command }
    }
}
