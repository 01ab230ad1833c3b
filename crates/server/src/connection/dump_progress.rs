//! How far a dump has come.

use slabcore_protocol::DumpFormat;
use slabcore_shard::DumpPart;
use slabcore_storage::WalkPosition;

/// A dump that is under way.
#[derive(Debug)]
pub(crate) struct DumpProgress {
    pub(crate) part: DumpPart,
    /// The shard whose items are shown.
    pub(crate) shard: usize,
    /// The next part was asked of another executor.
    pub(crate) asked: bool,
    /// Lines and bytes that may follow.
    pub(crate) left: Allowance,
}

impl DumpProgress {
    /// A dump of these classes that has shown nothing yet.
    pub(crate) fn new(format: DumpFormat, classes: u64, left: Allowance) -> Self {
        let part = DumpPart { format, classes, position: WalkPosition::default() };
        Self { part, shard: 0, asked: false, left }
    }

    /// A part was made, and the next begins there.
    pub(crate) fn advance(&mut self, position: WalkPosition) {
        self.asked = false;
        self.part.position = position;
        if position.is_end() {
            self.shard += 1;
            self.part.position = WalkPosition::default();
        }
    }
}

/// What a dump may have yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    pub(crate) lines: usize,
    pub(crate) bytes: usize,
}

impl Allowance {
    /// No limit.
    pub(crate) const ALL: Self = Self { lines: usize::MAX, bytes: usize::MAX };

    /// Nothing may follow.
    pub(crate) fn is_spent(self) -> bool {
        self.lines == 0 || self.bytes == 0
    }

    /// As many of the lines in `text` as are left; the rest is dropped.
    pub(crate) fn take<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        if self.lines == usize::MAX {
            return text;
        }
        let mut taken = 0;
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            if self.lines == 0 || line.len() > self.bytes {
                self.bytes = 0;
                break;
            }
            self.lines -= 1;
            self.bytes -= line.len();
            taken += line.len();
        }
        &text[..taken]
    }
}
