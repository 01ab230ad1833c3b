//! Output buffers and queues of slots for reuse. The one returned last is used first, because it is
//! in the CPU's cache.

use std::collections::VecDeque;

use slabcore_metrics::{Gauge, ShardMetrics};

use crate::connection::slot::Slot;
use crate::settings::limits::{
    SPARE_OUTPUT_BYTES_EACH_MAX, SPARE_OUTPUT_BYTES_MAX, SPARE_OUTPUTS_MAX, SPARE_SLOT_QUEUES_MAX,
};

/// Initial size of a new buffer: a short reply or two. Buffers keep the size they grow to.
const FRESH_BYTES: usize = 512;

/// The output buffers and queues of slots that one executor keeps for reuse.
#[derive(Debug)]
pub(crate) struct SpareBuffers {
    spares: Vec<Vec<u8>>,
    /// Memory of all `spares`.
    spare_bytes: usize,
    slot_queues: Vec<VecDeque<Slot>>,
    for_tails: bool,
}

impl SpareBuffers {
    /// `for_tails`: there are other shards, so replies may have to wait for theirs.
    pub(crate) fn new(for_tails: bool) -> Self {
        Self { spares: Vec::new(), spare_bytes: 0, slot_queues: Vec::new(), for_tails }
    }

    /// Whether a connection takes a second buffer, for its tail.
    pub(super) fn for_tails(&self) -> bool {
        self.for_tails
    }

    /// An empty buffer.
    #[inline]
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let Some(buffer) = self.spares.pop() else { return Vec::with_capacity(FRESH_BYTES) };
        self.spare_bytes -= buffer.capacity();
        buffer
    }

    /// Keeps a buffer for reuse, unless the limits are reached.
    #[inline]
    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity == 0
            || capacity > SPARE_OUTPUT_BYTES_EACH_MAX
            || self.spare_bytes + capacity > SPARE_OUTPUT_BYTES_MAX
            || self.spares.len() >= SPARE_OUTPUTS_MAX
        {
            return;
        }
        buffer.clear();
        self.spare_bytes += capacity;
        self.spares.push(buffer);
    }

    /// Publishes how much memory is kept.
    pub(crate) fn publish(&self, metrics: &ShardMetrics) {
        metrics.set(Gauge::SpareBufferBytes, self.spare_bytes as u64);
    }

    /// An empty queue of slots.
    #[inline]
    pub(super) fn take_slots(&mut self) -> VecDeque<Slot> {
        self.slot_queues.pop().unwrap_or_default()
    }

    /// Keeps an empty queue of slots for reuse, unless the limit is reached.
    #[inline]
    pub(super) fn put_slots(&mut self, slots: VecDeque<Slot>) {
        debug_assert!(slots.is_empty());
        if self.slot_queues.len() < SPARE_SLOT_QUEUES_MAX {
            self.slot_queues.push(slots);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_carried_a_value_is_not_kept() {
        let mut spares = SpareBuffers::new(false);
        spares.put(Vec::with_capacity(SPARE_OUTPUT_BYTES_EACH_MAX + 1));
        spares.put(Vec::with_capacity(SPARE_OUTPUT_BYTES_EACH_MAX));
        assert_eq!(spares.spares.len(), 1);
        assert_eq!(spares.take().capacity(), SPARE_OUTPUT_BYTES_EACH_MAX);
        assert_eq!(spares.spare_bytes, 0);
    }
}
