//! Requests for other shards, gathered over a turn: one batch per destination.

use slabcore_shard::{Batch, Entry, Ticket};
use slabcore_storage::Hold;

use crate::limits::BATCHES_IN_FLIGHT_MAX;

#[derive(Debug)]
struct Outbox {
    /// Gathers entries until it is sent.
    batch: Box<Batch>,
    /// Batches sent and not back yet.
    in_flight: usize,
    /// Boxed, as they travel so.
    #[expect(clippy::vec_box)]
    spares: Vec<Box<Batch>>,
}

/// One outbox per shard; our own stays empty.
#[derive(Debug)]
pub(crate) struct Outboxes {
    boxes: Vec<Outbox>,
    source: u8,
    /// Some batch takes no more until it is sent.
    any_full: bool,
}

impl Outboxes {
    pub(crate) fn new(source: usize, shards: usize) -> Self {
        let source = u8::try_from(source).expect("a shard's index fits a byte");
        let outbox =
            || Outbox { batch: Box::new(Batch::new(source)), in_flight: 0, spares: Vec::new() };
        Self { boxes: (0..shards).map(|_| outbox()).collect(), source, any_full: false }
    }

    /// Adds an entry for `shard`. Entries of a connection to a shard arrive in this order.
    #[inline]
    pub(crate) fn push(&mut self, shard: usize, entry: &Entry<'_>, ticket: Option<Ticket>) {
        debug_assert_ne!(shard, usize::from(self.source), "own keys are executed, not sent");
        let outbox = &mut self.boxes[shard];
        outbox.batch.push(entry, ticket);
        self.any_full |= outbox.batch.is_full();
    }

    /// Adds a get of `key` with nothing said of it.
    #[inline]
    pub(crate) fn push_get(&mut self, shard: usize, hash: u64, key: &[u8], ticket: Ticket) {
        let outbox = &mut self.boxes[shard];
        outbox.batch.push_get(hash, key, ticket);
        self.any_full |= outbox.batch.is_full();
    }

    /// Gives a held value back to `shard`.
    pub(crate) fn push_release(&mut self, shard: usize, hold: Hold) {
        self.boxes[shard].batch.push_release(hold);
    }

    /// True if nothing that was sent to `shard`, or will be, is under way.
    #[inline]
    pub(crate) fn is_quiet(&self, shard: usize) -> bool {
        let outbox = &self.boxes[shard];
        outbox.in_flight == 0 && outbox.batch.is_empty()
    }

    /// True if connections should wait: a batch is full and may not leave yet.
    #[inline]
    pub(crate) fn is_any_full(&self) -> bool {
        self.any_full
    }

    /// True if there is a batch that may leave.
    pub(crate) fn can_dispatch(&self) -> bool {
        let can = |it: &Outbox| !it.batch.is_empty() && it.in_flight < BATCHES_IN_FLIGHT_MAX;
        self.boxes.iter().any(can)
    }

    /// Hands every batch that may leave to `send`, with its destination.
    pub(crate) fn dispatch(&mut self, mut send: impl FnMut(usize, Box<Batch>)) {
        self.any_full = false;
        for (shard, outbox) in self.boxes.iter_mut().enumerate() {
            if outbox.batch.is_empty() {
                continue;
            }
            if outbox.in_flight == BATCHES_IN_FLIGHT_MAX {
                self.any_full |= outbox.batch.is_full();
                continue;
            }
            let next = outbox.spares.pop().unwrap_or_else(|| Box::new(Batch::new(self.source)));
            outbox.in_flight += 1;
            send(shard, std::mem::replace(&mut outbox.batch, next));
        }
    }

    /// Takes back a batch whose replies were read.
    pub(crate) fn recycle(&mut self, shard: usize, mut batch: Box<Batch>) {
        let outbox = &mut self.boxes[shard];
        assert!(outbox.in_flight > 0, "a batch comes back once");
        outbox.in_flight -= 1;
        batch.recycle();
        outbox.spares.push(batch);
    }
}
