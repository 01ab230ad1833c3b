//! The requests of one executor that came by datagram and are not answered yet.
//!
//! Replies of other shards find them as they find connections, by index and generation. Their
//! indices are those from [`FIRST_INDEX`] on.

use std::collections::VecDeque;

use slabcore_metrics::Counter;
use slabcore_protocol::{Protocol, RequestDatagram};
use slabcore_shard::{ReplyPart, ShardId, Ticket};

use crate::connection::affinity::Affinity;
use crate::connection::login::Login;
use crate::connection::outgoing::LargeValue;
use crate::connection::{Connection, ConnectionId};
use crate::executor::Executor;
use crate::requests::datagram_request::{DatagramRequest, DatagramSource, Progress};
use crate::settings::limits::{ANSWERS_BYTES_MAX, PENDING_DATAGRAMS_MAX};
use crate::shared::slot_map::SlotMap;

/// The first index of a datagram's request; there are never as many connections.
const FIRST_INDEX: u32 = 1 << 31;

/// The datagram requests of one executor that are not answered yet.
#[derive(Debug, Default)]
pub(crate) struct PendingDatagrams {
    /// The requests by index without [`FIRST_INDEX`].
    requests: SlotMap<Box<DatagramRequest>>,
    /// Requests that can go on, in the order in which they are served.
    runnable: VecDeque<u32>,
    /// Requests that wait for a batch to leave.
    stalled: Vec<u32>,
    /// Bytes of the messages of all.
    kept_bytes: usize,
    /// No datagram is taken: another process may answer it.
    pub(super) is_closed: bool,
}

impl PendingDatagrams {
    /// True if another datagram may be taken.
    pub(crate) fn has_room(&self) -> bool {
        self.requests.len() < PENDING_DATAGRAMS_MAX && !self.is_closed
    }

    /// True if all datagrams are answered.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.len() == 0
    }

    /// True if a request can go on.
    #[inline]
    pub(crate) fn has_runnable(&self) -> bool {
        !self.runnable.is_empty()
    }

    /// The request with this index, which is not over.
    pub(crate) fn get_mut(&mut self, index: u32) -> &mut DatagramRequest {
        self.find(index).expect("a request lasts until it is ended")
    }

    /// The request that asked with this ticket, if it is not over.
    fn find_asking(&mut self, ticket: Ticket) -> Option<&mut DatagramRequest> {
        let index = ticket.connection.checked_sub(FIRST_INDEX)?;
        let id = ConnectionId { index, generation: ticket.generation };
        self.requests.find_mut(id).map(Box::as_mut)
    }

    fn find(&mut self, index: u32) -> Option<&mut DatagramRequest> {
        self.requests.get_mut(index.checked_sub(FIRST_INDEX)?).map(Box::as_mut)
    }

    /// Has a request go on when its turn comes. Does nothing if it is over, or in the list already.
    pub(crate) fn resume(&mut self, index: u32) {
        if let Some(request) = self.find(index)
            && !request.queued
        {
            request.queued = true;
            self.runnable.push_back(index);
        }
    }

    /// A batch has left: requests that waited for it go on.
    #[inline]
    pub(super) fn resume_stalled(&mut self) {
        if self.stalled.is_empty() {
            return;
        }
        for index in std::mem::take(&mut self.stalled) {
            self.resume(index);
        }
    }

    /// Adds the request of a datagram.
    pub(crate) fn begin(
        &mut self,
        executor: &mut Executor,
        source: DatagramSource,
        datagram: RequestDatagram<'_>,
    ) {
        let id = self.requests.insert_with(|id| {
            let id = ConnectionId { index: FIRST_INDEX + id.index, ..id };
            let affinity = Affinity::new(executor.shard, None, None);
            // As in memcached each datagram decides what it speaks. With logins, UDP is off.
            let connection = Connection::new(id, Protocol::Auto, Login::Free, affinity);
            Box::new(DatagramRequest::new(connection, source, datagram, executor))
        });
        self.resume(FIRST_INDEX + id.index);
    }

    /// Goes on with the request whose turn it is. Returns its index if it has a message to send;
    /// the caller sends that and resumes or ends the request.
    pub(crate) fn run(&mut self, executor: &mut Executor) -> Option<u32> {
        let index = self.runnable.pop_front()?;
        // One that was dropped meanwhile is not there any more.
        let request = self.find(index)?;
        request.queued = false;
        let before = request.message_bytes();
        let progress = request.advance(executor);
        let (output, times) = (&mut request.connection.output, &mut executor.times);
        output.take_answered(false, |requests| times.add_late(&requests));
        let after = request.message_bytes();
        self.kept_bytes = self.kept_bytes - before + after;
        self.limit_answers(executor);
        self.find(index)?;
        match progress {
            Progress::Message => return Some(index),
            Progress::More => self.resume(index),
            Progress::Waiting => {}
            Progress::Blocked => self.stalled.push(index),
            Progress::Over => self.end(executor, index),
            Progress::TooLong => self.drop_rest(executor, index),
        }
        None
    }

    /// Drops the longest answers, until all together are within their limit: a client that asks for
    /// little is answered, whatever others ask for.
    fn limit_answers(&mut self, executor: &mut Executor) {
        while self.kept_bytes > ANSWERS_BYTES_MAX {
            let kept = self.requests.iter().map(|(place, it)| (it.message_bytes(), place));
            let (_, longest) = kept.max().expect("kept bytes belong to a request");
            self.drop_rest(executor, FIRST_INDEX + longest);
        }
    }

    /// A datagram ends without the rest of its answer.
    pub(crate) fn drop_rest(&mut self, executor: &mut Executor, index: u32) {
        executor.metrics.add(Counter::AnswersDropped, 1);
        self.end(executor, index);
    }

    fn end(&mut self, executor: &mut Executor, index: u32) {
        let request = self.requests.remove(index - FIRST_INDEX).expect("a request ends once");
        self.kept_bytes -= request.message_bytes();
        request.end(executor);
    }

    /// Ends all requests.
    pub(crate) fn end_all(&mut self, executor: &mut Executor) {
        self.runnable.clear();
        for index in self.requests.indices() {
            self.end(executor, FIRST_INDEX + index);
        }
    }

    /// Takes another shard's reply that no connection of this executor asked for. It is for a
    /// pending datagram, or for a connection that has ended.
    #[cold]
    pub(super) fn take_reply(
        &mut self,
        executor: &mut Executor,
        shard: ShardId,
        ticket: Ticket,
        reply: ReplyPart<'_>,
    ) {
        if let Some(request) = self.find_asking(ticket) {
            request.connection.output.borrow_buffers(&mut executor.spares);
            request.connection.fill(executor, shard, ticket.slot, reply);
            self.resume(ticket.connection);
        } else if let ReplyPart::Held { hold, end, .. } = reply {
            executor.release(LargeValue::new(shard, hold, Vec::new(), end));
        }
    }
}
