//! What a decoder has found.

use std::fmt;

/// What a decoder has found so far. It is final once the decoder has returned `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Streams that began, or of which a block was found.
    pub streams: u64,
    /// Streams that have their last block. The others were cut.
    pub streams_ended: u64,
    /// Whole items.
    pub items: u64,
    /// Items that are known to be missing: those that ended streams had in all, less those found.
    pub items_missing: u64,
    /// Whole blocks.
    pub blocks: u64,
    /// Blocks that are known to be missing, by the numbers of those found.
    pub blocks_missing: u64,
    /// Bytes that are in no whole block.
    pub bytes_skipped: u64,
}

impl Report {
    /// Whether there is a stream, and nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.streams > 0
            && self.streams == self.streams_ended
            && self.items_missing + self.blocks_missing + self.bytes_skipped == 0
    }

    /// Adds what another decoder has found.
    pub fn add(&mut self, other: &Report) {
        self.streams += other.streams;
        self.streams_ended += other.streams_ended;
        self.items += other.items;
        self.items_missing += other.items_missing;
        self.blocks += other.blocks;
        self.blocks_missing += other.blocks_missing;
        self.bytes_skipped += other.bytes_skipped;
    }
}

/// One line: `1000 items, complete`, or `1000 items; damaged: ...`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} items", self.items)?;
        if self.is_complete() {
            return write!(f, ", complete");
        }
        if self.streams == 0 {
            return write!(f, "; not a snapshot");
        }
        let cut = self.streams.saturating_sub(self.streams_ended);
        let losses = [
            (cut, "streams cut"),
            (self.blocks_missing, "blocks missing"),
            (self.items_missing, "items missing"),
            (self.bytes_skipped, "bytes skipped"),
        ];
        let mut separator = "; damaged: ";
        for (count, what) in losses.into_iter().filter(|it| it.0 > 0) {
            write!(f, "{separator}{count} {what}")?;
            separator = ", ";
        }
        Ok(())
    }
}
