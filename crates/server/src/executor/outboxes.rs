//! Requests for other shards, gathered during a turn: one batch per destination.

use slabcore_shard::{Batch, ForwardedRequest, ShardId, Ticket};
use slabcore_storage::{HashedKey, Hold};

use crate::settings::limits::BATCHES_IN_FLIGHT_MAX;

#[derive(Debug)]
struct Outbox {
    /// Gathers requests until it is sent.
    batch: Box<Batch>,
    /// Batches sent and not back yet.
    in_flight: usize,
    /// Number of batches that have returned, in the order in which they were sent.
    returned: u64,
    /// Empty batches for reuse. Boxed, because batches travel boxed.
    #[expect(clippy::vec_box)]
    spares: Vec<Box<Batch>>,
}

/// One outbox per shard. The own one stays empty.
#[derive(Debug)]
pub(crate) struct Outboxes {
    boxes: Vec<Outbox>,
    source: ShardId,
    /// Some batch is full until it is sent.
    any_full: bool,
}

impl Outboxes {
    pub(super) fn new(source: ShardId, shards: usize) -> Self {
        let batch = || Box::new(Batch::new(source));
        let outbox = || Outbox { batch: batch(), in_flight: 0, returned: 0, spares: Vec::new() };
        Self { boxes: (0..shards).map(|_| outbox()).collect(), source, any_full: false }
    }

    /// Adds a request for `shard`. Requests of a connection to a shard arrive in this order.
    #[inline]
    pub(crate) fn push(
        &mut self,
        shard: ShardId,
        request: &ForwardedRequest<'_>,
        ticket: Option<Ticket>,
    ) {
        debug_assert_ne!(shard, self.source, "own keys are executed, not sent");
        let outbox = &mut self.boxes[shard.index()];
        outbox.batch.push(request, ticket);
        self.any_full |= outbox.batch.is_full();
    }

    /// Adds a plain get of `key`.
    #[inline]
    pub(crate) fn push_get(&mut self, shard: ShardId, key: HashedKey<'_>, ticket: Ticket) {
        let outbox = &mut self.boxes[shard.index()];
        outbox.batch.push_get(key, ticket);
        self.any_full |= outbox.batch.is_full();
    }

    /// Asks the executor of `shard` for the report of its connections.
    pub(crate) fn ask_for_report(&mut self, shard: ShardId, ticket: Ticket) {
        self.boxes[shard.index()].batch.ask_for_report(ticket);
    }

    /// Returns a held value to `shard`.
    pub(super) fn push_release(&mut self, shard: ShardId, hold: Hold) {
        self.boxes[shard.index()].batch.push_release(hold);
    }

    /// True if no batch for `shard` is under way or waits to be sent.
    #[inline]
    pub(super) fn is_quiet(&self, shard: ShardId) -> bool {
        let outbox = &self.boxes[shard.index()];
        outbox.in_flight == 0 && outbox.batch.is_empty()
    }

    /// True if no batch is under way or waits to be sent.
    pub(crate) fn are_all_quiet(&self) -> bool {
        self.boxes.iter().all(|it| it.in_flight == 0 && it.batch.is_empty())
    }

    /// For each shard, how many batches must have returned until it has done all requests pushed so
    /// far.
    pub(crate) fn marks(&self) -> Vec<u64> {
        let mark =
            |it: &Outbox| it.returned + it.in_flight as u64 + u64::from(!it.batch.is_empty());
        self.boxes.iter().map(mark).collect()
    }

    /// True if all shards have done the requests pushed before these marks were taken.
    pub(crate) fn have_returned(&self, marks: &[u64]) -> bool {
        self.boxes.iter().zip(marks).all(|(it, &mark)| it.returned >= mark)
    }

    /// True if connections should wait: a full batch may not be sent yet.
    #[inline]
    pub(crate) fn is_any_full(&self) -> bool {
        self.any_full
    }

    /// True if a batch may be sent.
    pub(crate) fn can_dispatch(&self) -> bool {
        let can = |it: &Outbox| !it.batch.is_empty() && it.in_flight < BATCHES_IN_FLIGHT_MAX;
        self.boxes.iter().any(can)
    }

    /// Passes every batch that may be sent to `send`, with its destination.
    pub(super) fn dispatch(&mut self, mut send: impl FnMut(ShardId, Box<Batch>)) {
        self.any_full = false;
        let shards = ShardId::first(self.boxes.len());
        for (shard, outbox) in shards.zip(&mut self.boxes) {
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
    pub(crate) fn recycle(&mut self, shard: ShardId, mut batch: Box<Batch>) {
        let outbox = &mut self.boxes[shard.index()];
        assert!(outbox.in_flight > 0, "a batch comes back once");
        outbox.in_flight -= 1;
        outbox.returned += 1;
        batch.recycle();
        outbox.spares.push(batch);
    }
}

#[cfg(test)]
mod tests {
    use slabcore_shard::FlushTime;

    use super::*;

    /// A connection may send another shard requests without a reply (noreply). Before it asks a
    /// third shard, the other one must have executed all requests pushed so far, and no more.
    #[test]
    fn marks_are_reached_when_what_was_pushed_before_is_back() {
        let mut outboxes = Outboxes::new(ShardId::new(0), 3);
        let [one, two] = [1, 2].map(ShardId::new);
        let mut sent = Vec::new();
        assert!(outboxes.have_returned(&outboxes.marks()));
        outboxes.push(one, &ForwardedRequest::Flush(FlushTime::Immediately), None);
        outboxes.dispatch(|shard, batch| sent.push((shard, batch)));
        outboxes.push(one, &ForwardedRequest::Flush(FlushTime::Immediately), None);
        outboxes.push(two, &ForwardedRequest::Flush(FlushTime::Immediately), None);
        let marks = outboxes.marks();
        outboxes.dispatch(|shard, batch| sent.push((shard, batch)));
        // A later request is not waited for.
        outboxes.push(one, &ForwardedRequest::Flush(FlushTime::Immediately), None);
        outboxes.dispatch(|shard, batch| sent.push((shard, batch)));
        let shards: Vec<_> = sent.iter().map(|it| it.0).collect();
        assert_eq!(shards, [one, one, two, one]);
        for (number, (shard, batch)) in sent.into_iter().enumerate() {
            assert_eq!(outboxes.have_returned(&marks), number == 3);
            outboxes.recycle(shard, batch);
        }
        assert!(outboxes.is_quiet(one) && outboxes.is_quiet(two));
    }
}
