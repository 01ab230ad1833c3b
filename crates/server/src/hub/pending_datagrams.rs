//! The datagrams of one executor that are being answered.
//!
//! Replies of other shards find them as they find connections, by index and generation; the indices
//! from [`FIRST_INDEX`] on are theirs.

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

/// There are never as many connections.
const FIRST_INDEX: u32 = 1 << 31;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct PendingDatagrams {
    places: Vec<Option<Box<DatagramRequest>>>,
    generations: Vec<u32>,
    free: Vec<u32>,
    /// Those that can go on, first come, first served.
    runnable: VecDeque<u32>,
    /// Bytes of the messages of all.
    kept_bytes: usize,
}

impl PendingDatagrams {
    /// True if another datagram may be taken.
    pub(crate) fn has_room(&self) -> bool {
        self.places.len() - self.free.len() < PENDING_DATAGRAMS_MAX
    }

    /// True if one can go on.
    #[inline]
    pub(crate) fn has_runnable(&self) -> bool {
        !self.runnable.is_empty()
    }

    /// The one with this index, which is not over.
    pub(crate) fn get_mut(&mut self, index: u32) -> &mut DatagramRequest {
        self.find(index).expect("a datagram lasts until it is ended")
    }

    fn find(&mut self, index: u32) -> Option<&mut DatagramRequest> {
        let place = index.checked_sub(FIRST_INDEX)? as usize;
        self.places.get_mut(place)?.as_deref_mut()
    }

    /// The one that a reply is for.
    fn find_asking(&mut self, ticket: Ticket) -> Option<&mut DatagramRequest> {
        let place = ticket.connection.checked_sub(FIRST_INDEX)? as usize;
        let alive = self.generations.get(place) == Some(&ticket.generation);
        self.find(ticket.connection).filter(|_| alive)
    }

    /// Lets one go on when its turn comes; nothing happens if it is over, or waits for that.
    pub(crate) fn resume(&mut self, index: u32) {
        if let Some(request) = self.find(index)
            && !request.queued
        {
            request.queued = true;
            self.runnable.push_back(index);
        }
    }

    fn free_place(&mut self) -> ConnectionId {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.generations.push(0);
            self.places.len() as u32 - 1
        });
        let generation = self.generations[place as usize];
        ConnectionId { index: FIRST_INDEX + place, generation }
    }

    fn take(&mut self, index: u32) -> Box<DatagramRequest> {
        let place = index - FIRST_INDEX;
        let request = self.places[place as usize].take().expect("a datagram ends once");
        let generation = &mut self.generations[place as usize];
        *generation = generation.wrapping_add(1);
        self.free.push(place);
        self.kept_bytes -= request.message_bytes();
        request
    }

    /// A request has come by datagram.
    pub(crate) fn begin(
        &mut self,
        executor: &mut Executor,
        source: DatagramSource,
        request: RequestDatagram<'_>,
    ) {
        let id = self.free_place();
        let affinity = Affinity::new(executor.shard, None);
        // As in memcached each datagram decides what it speaks; where logins are due, UDP is off.
        let connection = Connection::new(id, Protocol::Auto, Login::Free, affinity);
        let request = DatagramRequest::new(connection, source, request, executor);
        self.places[(id.index - FIRST_INDEX) as usize] = Some(Box::new(request));
        self.resume(id.index);
    }

    /// Goes on with the request whose turn it is. Returns its index if it has a message to send:
    /// then it is to be resumed or ended. One that waits for a batch to leave joins `stalled`.
    pub(crate) fn run(&mut self, executor: &mut Executor, stalled: &mut Vec<u32>) -> Option<u32> {
        let index = self.runnable.pop_front()?;
        // One that was dropped meanwhile is not there any more.
        let request = self.find(index)?;
        request.queued = false;
        let before = request.message_bytes();
        let progress = request.advance(executor);
        let after = request.message_bytes();
        self.kept_bytes = self.kept_bytes - before + after;
        self.limit_answers(executor);
        self.find(index)?;
        match progress {
            Progress::Message => return Some(index),
            Progress::More => self.resume(index),
            Progress::Waiting => {}
            Progress::Blocked => stalled.push(index),
            Progress::Over => self.end(executor, index),
            Progress::TooLong => self.drop_rest(executor, index),
        }
        None
    }

    /// Drops the longest answers, until all together are within their limit: a client that asks for
    /// little is answered, whatever others ask for.
    fn limit_answers(&mut self, executor: &mut Executor) {
        while self.kept_bytes > ANSWERS_BYTES_MAX {
            let places = self.places.iter().enumerate();
            let kept = places.filter_map(|(place, it)| Some((it.as_ref()?.message_bytes(), place)));
            let (_, longest) = kept.max().expect("what is kept is a datagram's");
            self.drop_rest(executor, FIRST_INDEX + longest as u32);
        }
    }

    /// A datagram ends without the rest of its answer.
    pub(crate) fn drop_rest(&mut self, executor: &mut Executor, index: u32) {
        executor.metrics.add(Counter::AnswersDropped, 1);
        self.end(executor, index);
    }

    fn end(&mut self, executor: &mut Executor, index: u32) {
        self.take(index).end(executor);
    }

    /// Ends them all.
    pub(crate) fn end_all(&mut self, executor: &mut Executor) {
        self.runnable.clear();
        for place in 0..self.places.len() {
            if self.places[place].is_some() {
                self.end(executor, FIRST_INDEX + place as u32);
            }
        }
    }

    /// Another shard's reply that is not for a connection, or for one that is gone.
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
