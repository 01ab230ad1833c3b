//! The times of an executor's turns, and of the requests that they answer.
//!
//! The time of a request begins when its last byte is taken from the kernel, and ends when its
//! reply is about to be given to the kernel. Both happen at the ends of turns. So most requests of
//! a turn take as long as the turn: they are only counted, and recorded together at its end. Some
//! are answered by a later turn than the one that received them. They are kept in groups with their
//! times of receipt.

use std::sync::Arc;

use arrayvec::ArrayVec;
use slabcore_metrics::{Command, CommandCounts, ShardTimings};

use crate::connection::request_group::RequestGroup;
use crate::settings::limits::LATE_GROUPS_MAX;
use crate::shared::clock::nanoseconds;

/// The times of one executor. All are nanoseconds of the monotonic clock.
pub(crate) struct TurnTimes {
    /// Requests received by this turn and answered by it. Those since `mark` are the ones of the
    /// connection that is served now.
    counts: CommandCounts,
    mark: CommandCounts,
    /// When this turn began. What it takes from the kernel was received then.
    begun: u64,
    /// When the requests that are executed now were received.
    received: u64,
    /// Requests that this turn answers, but that an earlier one received.
    late: ArrayVec<RequestGroup, LATE_GROUPS_MAX>,
    /// How many of them are recorded already.
    late_requests: u64,
    timings: Arc<ShardTimings>,
}

impl TurnTimes {
    pub(super) fn new(timings: Arc<ShardTimings>) -> Self {
        Self {
            counts: CommandCounts::NONE,
            mark: CommandCounts::NONE,
            begun: 0,
            received: 0,
            late: ArrayVec::new(),
            late_requests: 0,
            timings,
        }
    }

    /// A turn begins. Returns the time.
    #[inline]
    pub(super) fn begin_turn(&mut self) -> u64 {
        let now = nanoseconds();
        // Requests may have been executed since the last turn.
        let before = RequestGroup { received: self.begun, counts: self.counts };
        self.counts = CommandCounts::NONE;
        self.begun = now;
        self.received = now;
        if !before.counts.is_empty() {
            self.add_late(&before);
        }
        now
    }

    /// When this turn began: the time of receipt of all that it takes from the kernel.
    #[inline]
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    /// The requests that are executed from now on were received at this time, until
    /// [`Self::end_receipt`].
    pub(crate) fn begin_receipt(&mut self, received: u64) {
        self.received = received;
    }

    /// The requests that are executed from now on were received by this turn.
    pub(crate) fn end_receipt(&mut self) {
        self.received = self.begun;
    }

    /// The requests that are counted from now on are those of one connection.
    #[inline]
    pub(crate) fn begin_connection(&mut self) {
        self.mark = self.counts;
    }

    /// A request was executed, or the last part of it.
    #[expect(clippy::inline_always, reason = "called for each request, it is one instruction")]
    #[inline(always)]
    pub(crate) fn count(&mut self, command: Command) {
        self.counts.count(command);
    }

    /// True if the requests that are executed now were received by an earlier turn.
    #[inline]
    pub(crate) fn are_late(&self) -> bool {
        self.received != self.begun
    }

    /// Takes the requests of the connection that was served out of the counts of this turn. `None`:
    /// there are none.
    #[inline]
    pub(crate) fn take_counted(&mut self) -> Option<RequestGroup> {
        let counts = self.counts.since(&self.mark);
        self.counts = self.mark;
        (!counts.is_empty()).then_some(RequestGroup { received: self.received, counts })
    }

    /// Requests that this turn answers, with their own time of receipt.
    #[inline]
    pub(crate) fn add_late(&mut self, group: &RequestGroup) {
        if group.received == self.begun {
            self.counts.merge(&group.counts);
            return;
        }
        match self.late.last_mut() {
            // Connections whose requests came together are mostly answered together, too.
            Some(last) if last.received == group.received => last.counts.merge(&group.counts),
            _ => self.push_late(group),
        }
    }

    #[inline(never)]
    fn push_late(&mut self, group: &RequestGroup) {
        if self.late.is_full() {
            self.record_late(nanoseconds());
        }
        self.late.push(*group);
    }

    /// A batch of so many requests is sent to another shard. Returns when.
    pub(super) fn batch_sent(&mut self, requests: u64) -> u64 {
        // One that only gives values back has none.
        if requests > 0 {
            self.timings.batch_requests.record(requests, 1);
        }
        nanoseconds()
    }

    /// The replies of a batch that was sent at this time are taken.
    pub(crate) fn batch_returned(&mut self, sent: u64) {
        self.timings.hops.record(self.begun.saturating_sub(sent), 1);
    }

    /// A turn ends: its replies are about to leave. `worked`: it has done something.
    #[inline]
    pub(crate) fn end_turn(&mut self, worked: bool) {
        if worked || !self.counts.is_empty() || !self.late.is_empty() {
            self.record(nanoseconds());
        }
    }

    fn record(&mut self, now: u64) {
        let length = now.saturating_sub(self.begun);
        self.timings.turns.record(length, 1);
        self.timings.record_requests(length, &self.counts);
        if !self.late.is_empty() {
            self.record_late(now);
        }
        let requests = self.counts.total() + std::mem::take(&mut self.late_requests);
        if requests > 0 {
            self.timings.turn_requests.record(requests, 1);
        }
        self.counts = CommandCounts::NONE;
    }

    fn record_late(&mut self, now: u64) {
        for group in self.late.drain(..) {
            self.late_requests += group.counts.total();
            self.timings.record_requests(now.saturating_sub(group.received), &group.counts);
        }
    }
}
