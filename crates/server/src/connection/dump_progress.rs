//! The progress of a dump.

use slabcore_protocol::DumpFormat;
use slabcore_shard::{DumpPart, ShardId};
use slabcore_storage::WalkPosition;

/// A dump that is under way.
#[derive(Debug)]
pub(crate) struct DumpProgress {
    part: DumpPart,
    /// Shards whose items were all shown.
    done_shards: usize,
    is_awaited: bool,
    left: Allowance,
}

impl DumpProgress {
    /// A dump of these classes that has shown nothing yet.
    pub(crate) fn new(format: DumpFormat, classes: u64, left: Allowance) -> Self {
        let part = DumpPart { format, classes, position: WalkPosition::default() };
        Self { part, done_shards: 0, is_awaited: false, left }
    }

    /// The next part.
    pub(crate) fn part(&self) -> &DumpPart {
        &self.part
    }

    /// Form of the lines.
    pub(crate) fn format(&self) -> DumpFormat {
        self.part.format
    }

    /// The shard whose items are shown.
    pub(crate) fn shard(&self) -> ShardId {
        ShardId::new(self.done_shards)
    }

    /// True if nothing is left to show, of this many shards.
    pub(crate) fn is_over(&self, shards: usize) -> bool {
        self.done_shards == shards || self.left.is_spent()
    }

    /// True if another executor makes the next part.
    pub(crate) fn is_awaited(&self) -> bool {
        self.is_awaited
    }

    /// Another executor makes the next part.
    pub(crate) fn await_part(&mut self) {
        self.is_awaited = true;
    }

    /// A part was made: takes the lines of it that may be shown, and goes on at `position`.
    pub(crate) fn take_part<'a>(&mut self, lines: &'a [u8], position: WalkPosition) -> &'a [u8] {
        self.is_awaited = false;
        self.part.position = position;
        if position.is_end() {
            self.done_shards += 1;
            self.part.position = WalkPosition::default();
        }
        self.left.take(lines)
    }
}

/// How much a dump may still show.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Allowance {
    /// No limit.
    All,
    /// So many lines, of so many bytes together.
    Lines { lines: usize, bytes: usize },
}

impl Allowance {
    /// True if nothing may follow.
    fn is_spent(self) -> bool {
        matches!(self, Self::Lines { lines: 0, .. } | Self::Lines { bytes: 0, .. })
    }

    /// As many of the lines in `text` as may be shown. The rest is dropped.
    fn take<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let Self::Lines { lines, bytes } = self else { return text };
        let mut taken = 0;
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            if *lines == 0 || line.len() > *bytes {
                *bytes = 0;
                break;
            }
            *lines -= 1;
            *bytes -= line.len();
            taken += line.len();
        }
        &text[..taken]
    }
}
