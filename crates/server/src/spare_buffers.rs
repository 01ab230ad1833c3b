//! Output buffers that wait for use; the one used last is the warmest and goes first.

use crate::limits::{SPARE_OUTPUT_BYTES_MAX, SPARE_OUTPUTS_MAX};

/// Fresh buffers start at this size, a short reply or two, and keep what they grew to.
const FRESH_BYTES: usize = 512;

/// See the module.
#[derive(Debug)]
pub(crate) struct SpareBuffers {
    spares: Vec<Vec<u8>>,
    for_tails: bool,
}

impl SpareBuffers {
    /// `for_tails`: there are other shards, so replies may have to wait behind theirs.
    pub(crate) fn new(for_tails: bool) -> Self {
        Self { spares: Vec::new(), for_tails }
    }

    /// Whether connections should borrow a second buffer, for their tail.
    pub(crate) fn for_tails(&self) -> bool {
        self.for_tails
    }

    /// An empty buffer.
    #[inline]
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.spares.pop().unwrap_or_else(|| Vec::with_capacity(FRESH_BYTES))
    }

    /// Keeps a buffer for reuse, unless it is overly large or there are plenty.
    #[inline]
    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity == 0
            || capacity > SPARE_OUTPUT_BYTES_MAX
            || self.spares.len() >= SPARE_OUTPUTS_MAX
        {
            return;
        }
        buffer.clear();
        self.spares.push(buffer);
    }
}
