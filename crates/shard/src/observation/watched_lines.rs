//! Lines that a shard keeps for watchers, until its executor hands them out.

use alloc::vec::Vec;

use slabcore_protocol::Streams;

use crate::limits::WATCH_LINES_BYTES_MAX;

/// Who is watched, and what of it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// What all watchers together want to see.
    pub streams: Streams,
    /// Descriptor of the client whose requests follow.
    pub client: i32,
}

/// Lines for watchers, without the time and number that each begins with and the LF at its end.
#[derive(Debug, Default)]
pub struct WatchedLines {
    text: Vec<u8>,
    /// Of each line its stream and where it ends.
    lines: Vec<(Streams, usize)>,
    /// Lines that found no room.
    pub dropped: u64,
}

impl WatchedLines {
    /// Adds a line.
    pub fn push(&mut self, stream: Streams, write: impl FnOnce(&mut Vec<u8>)) {
        if self.text.len() >= WATCH_LINES_BYTES_MAX {
            self.dropped += 1;
            return;
        }
        write(&mut self.text);
        self.lines.push((stream, self.text.len()));
    }

    /// True if there is none.
    pub(crate) fn is_empty(&self) -> bool {
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

/// Kept while a shard is watched.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) watch: Watch,
    pub(crate) lines: WatchedLines,
}
