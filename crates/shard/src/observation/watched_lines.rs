//! The lines of one turn for watchers, which a shard keeps until its executor takes them.

use alloc::vec::Vec;

use slabcore_protocol::Streams;

use crate::limits::WATCH_LINES_BYTES_MAX;

/// What is watched, and whose requests follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// The streams of all watchers together; none: nobody watches.
    pub streams: Streams,
    /// Descriptor of the client whose requests follow.
    pub client: i32,
}

/// Lines for watchers. Each still lacks the time and the number at its start, and the LF at its
/// end.
#[derive(Debug, Default)]
pub struct WatchedLines {
    text: Vec<u8>,
    /// For each line its stream, and its end in `text`.
    lines: Vec<(Streams, usize)>,
    /// Lines that found no room.
    pub dropped: u64,
}

impl WatchedLines {
    /// Adds the line that `write` appends, or counts it as dropped.
    pub fn push(&mut self, stream: Streams, write: impl FnOnce(&mut Vec<u8>)) {
        if self.text.len() >= WATCH_LINES_BYTES_MAX {
            self.dropped += 1;
            return;
        }
        write(&mut self.text);
        self.lines.push((stream, self.text.len()));
    }

    /// True if there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines in order, each with its stream.
    pub fn iter(&self) -> impl Iterator<Item = (Streams, &[u8])> {
        let mut start = 0;
        self.lines.iter().map(move |&(stream, end)| {
            let line = &self.text[start..end];
            start = end;
            (stream, line)
        })
    }
}
