//! The input of a connection that is not executed yet: an incomplete request, or requests that wait
//! for their turn.

use crate::connection::spare_buffers::SpareBuffers;
use crate::settings::limits::SPARE_OUTPUT_BYTES_EACH_MAX;

/// The input of a connection that is not executed yet.
#[derive(Debug, Default)]
pub(crate) struct Carry {
    bytes: Vec<u8>,
    /// Bytes at the start that are executed.
    executed: usize,
    /// What the sums of the hub have of it.
    pub(crate) counted: CountedCarry,
}

/// The part of one carry in a hub's sums.
#[derive(Debug, Default)]
pub(crate) struct CountedCarry {
    /// Bytes of its memory.
    pub(crate) bytes: usize,
    /// The same if it is an incomplete long request, else 0.
    pub(crate) cut_bytes: usize,
}

impl Carry {
    /// True if there is no input.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The input that is not executed yet.
    #[inline]
    pub(crate) fn pending(&self) -> &[u8] {
        &self.bytes[self.executed..]
    }

    /// Bytes of memory that it takes.
    #[inline]
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// The buffer to append input to.
    pub(crate) fn buffer(&mut self, spares: &mut SpareBuffers) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = spares.take();
        }
        // Pending bytes are moved only if they are fewer than those executed since the last move,
        // so all moves together are linear in the input.
        if self.executed > self.bytes.len() / 2 {
            self.bytes.drain(..std::mem::take(&mut self.executed));
        }
        &mut self.bytes
    }

    /// The first `count` pending bytes are executed.
    pub(crate) fn consume(&mut self, count: usize, spares: &mut SpareBuffers) {
        self.executed += count;
        if self.executed == self.bytes.len() {
            spares.put(self.take_bytes());
        }
    }

    /// Gives back most of a large buffer once little is left in it. It copies less than was
    /// executed since the last time.
    pub(crate) fn trim(&mut self) {
        let is_large = self.bytes.capacity() > SPARE_OUTPUT_BYTES_EACH_MAX;
        if is_large && self.pending().len() < self.bytes.capacity() / 4 {
            self.bytes.drain(..std::mem::take(&mut self.executed));
            self.bytes.shrink_to_fit();
        }
    }

    /// Takes the buffer out; nothing is pending any more.
    pub(crate) fn take_bytes(&mut self) -> Vec<u8> {
        self.executed = 0;
        std::mem::take(&mut self.bytes)
    }
}
