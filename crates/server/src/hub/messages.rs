//! What other threads tell an executor, and what it sends to other shards.

use std::os::fd::OwnedFd;

use slabcore_metrics::Counter;
use slabcore_shard::{Batch, ReplyPart, ShardId, Ticket};

use crate::hub::Hub;
use crate::hub::idle::Swept;
use crate::settings::peer::CloseReason;
use crate::shared::mailbox::{Message, next_message};

impl Hub {
    /// Takes what waits in the mailbox now. `open` keeps the socket of a connection that is here
    /// now, `wake` rings for a shard.
    pub(crate) fn take_messages(
        &mut self,
        mut open: impl FnMut(u32, OwnedFd),
        mut wake: impl FnMut(ShardId),
    ) -> bool {
        self.answer_publish_signal();
        let mut any = false;
        // What comes meanwhile waits for the next turn: others could feed this shard without end.
        for _ in 0..self.receiver.len() + usize::from(self.postponed.is_some()) {
            let postponed = self.postponed.take().map(Message::Requests);
            let Some(message) = postponed.or_else(|| next_message(&self.receiver)) else { break };
            any = true;
            match message {
                Message::Requests(batch) if batch.asks_for_connections() && !self.is_told => {
                    self.postponed = Some(batch);
                    break;
                }
                Message::Requests(mut batch) => {
                    let requests = u64::from(batch.requests());
                    self.executor.metrics.add(Counter::RequestsServed, requests);
                    self.executor.shards.own_mut().execute_batch(self.executor.now, &mut batch);
                    let source = batch.source();
                    let reply = Message::Replies(self.executor.shard, batch);
                    if self.executor.cluster.mailboxes[source.index()].post(reply) {
                        wake(source);
                    }
                }
                Message::Replies(shard, batch) => self.take_replies(shard, batch),
                Message::Connection { socket, stays, protocol, tls } => {
                    let encrypted = tls.is_some();
                    let index = self.insert(stays, protocol, tls).index;
                    self.know_client(index, &socket, protocol);
                    open(index, socket);
                    if encrypted {
                        // A request may have come with the last bytes of the handshake.
                        self.decrypt(index, &[]);
                        self.run_decrypted();
                    }
                    self.finish_if_due(index);
                }
                Message::Moved(socket, conn) => {
                    let index = self.settle_in(conn);
                    open(index, socket);
                    self.finish_if_due(index);
                }
                Message::Reloaded { ticket, reply } => {
                    self.deliver(self.executor.shard, ticket, ReplyPart::Bytes(reply.as_bytes()));
                }
                Message::Finish => {
                    self.finishing = true;
                    self.indices().into_iter().for_each(|index| self.end_of_input(index));
                }
                Message::Stop => self.stopping = true,
            }
        }
        self.forget_told();
        any
    }

    /// A connection that comes after the order to finish takes no requests either.
    fn finish_if_due(&mut self, index: u32) {
        if self.finishing {
            self.end_of_input(index);
        }
    }

    /// Publishes the shard's numbers if the signal is raised, after the sweep for idle connections.
    /// The executor stays awake until then.
    fn answer_publish_signal(&mut self) {
        let signals = &self.executor.cluster.publish_signals[self.executor.shard.index()];
        if let Some(signal) = signals.pending()
            && self.sweep_idle() == Swept::All
        {
            let shard = self.executor.shards.own();
            shard.publish();
            let table = shard.class_table(self.executor.now.tick);
            self.executor.cluster.publish_classes(self.executor.shard.index(), table);
            self.executor.cluster.publish_signals[self.executor.shard.index()].answer(signal);
        }
    }

    /// Goes on with the sweep for idle connections that is due in this second, if one is.
    fn sweep_idle(&mut self) -> Swept {
        let (swept, idle) = self.idle.go_on(self.executor.now.tick, &self.connections);
        for index in idle {
            self.executor.metrics.add(Counter::IdleKicks, 1);
            self.end_of_input(index);
            if let Some(conn) = self.connections[index as usize].as_mut() {
                conn.connection.set_close_reason(CloseReason::IdleTimeout);
            }
        }
        swept
    }

    fn take_replies(&mut self, shard: ShardId, mut batch: Box<Batch>) {
        for (ticket, reply) in batch.take_replies() {
            self.deliver(shard, ticket, reply);
        }
        self.executor.outboxes.recycle(shard, batch);
        self.runnable_again();
    }

    /// A shard's reply, or its part of one, for whom it is for.
    #[expect(clippy::inline_always, reason = "each reply of another shard passes here")]
    #[inline(always)]
    pub(super) fn deliver(&mut self, shard: ShardId, ticket: Ticket, reply: ReplyPart<'_>) {
        let index = ticket.connection;
        let alive = self.generations.get(index as usize) == Some(&ticket.generation);
        match self.connections.get_mut(index as usize).and_then(Option::as_mut) {
            Some(conn) if alive => {
                conn.connection.output.borrow_buffers(&mut self.executor.spares);
                conn.connection.fill(&mut self.executor, shard, ticket.slot, reply);
                if !conn.touched {
                    conn.touched = true;
                    self.touched.push(index);
                }
                self.unblock(index);
            }
            _ => self.datagrams.take_reply(&mut self.executor, shard, ticket, reply),
        }
    }

    /// Sends gathered requests to other shards.
    pub(crate) fn dispatch(&mut self, mut wake: impl FnMut(ShardId)) {
        self.executor.ask_for_pages();
        if !self.executor.watched.is_empty() {
            self.serve_watchers(&mut wake);
        }
        self.executor.dispatch(wake);
        if !self.executor.outboxes.is_any_full() && !self.stalled.is_empty() {
            self.runnable_again();
        }
        if !self.leaving.is_empty() {
            self.prepare_departures();
        }
    }

    /// True if the mailbox holds something, or a scrape waits for the shard's numbers.
    pub(crate) fn has_messages(&self) -> bool {
        let signals = &self.executor.cluster.publish_signals[self.executor.shard.index()];
        !self.receiver.is_empty()
            || self.postponed.is_some()
            || signals.pending().is_some()
            || self.has_watch_work()
    }
}
