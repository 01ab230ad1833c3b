//! The messages of other threads, and the batches of this executor for other shards.

use std::os::fd::OwnedFd;

use slabcore_metrics::Counter;
use slabcore_shard::{Batch, ReplyPart, ShardId, Ticket};

use crate::connection::ConnectionId;
use crate::executor::Executor;
use crate::hub::Hub;
use crate::hub::connection_report::report_of;
use crate::hub::departures::arrive;
use crate::hub::handing_over::HandingOver;
use crate::hub::hub::Phase;
use crate::hub::idle::Swept;
use crate::hub::subscribers::{have_messages_come, serve_subscribers};
use crate::hub::watching::{begin_connection, has_watch_work, serve_watchers};
use crate::settings::address::Addresses;
use crate::settings::close_reason::CloseReason;
use crate::shared::hand_over::{Departed, TakeOverOrder};
use crate::shared::mailbox::{Message, next_message};

impl Hub {
    /// Takes the messages that are in the mailbox now. `open` takes the socket of a connection that
    /// has come, `wake` rings for a shard. False if there was no message.
    pub(crate) fn take_messages(
        &mut self,
        mut open: impl FnMut(u32, OwnedFd),
        mut wake: impl FnMut(ShardId),
    ) -> bool {
        self.answer_publish_signal();
        let mut any = false;
        let mut report = None;
        // Messages that arrive meanwhile wait for the next turn: otherwise other threads could keep
        // this loop busy without end.
        for _ in 0..self.receiver.len() {
            let Some(message) = next_message(&self.receiver) else { break };
            any = true;
            match message {
                Message::Requests(mut batch) => {
                    let requests = u64::from(batch.requests());
                    self.executor.metrics.add(Counter::RequestsServed, requests);
                    let shard = self.executor.shards.own_mut();
                    self.executor.shared.run_time.apply_to(shard);
                    shard.execute_batch(self.executor.now, &mut batch);
                    if batch.asks_for_report() {
                        let report = report.get_or_insert_with(|| {
                            report_of(&self.connections, self.executor.now.tick()).to_bytes()
                        });
                        batch.put_report(report);
                    }
                    let source = batch.source();
                    let reply = Message::Replies(self.executor.shard, batch);
                    if self.executor.shared.mailboxes[source.index()].post(reply) {
                        wake(source);
                    }
                }
                Message::Replies(shard, batch) => self.take_replies(shard, batch),
                Message::Connection(socket, new) => {
                    let (encrypted, protocol) = (new.tls.is_some(), new.protocol);
                    let index = self.insert(*new).index;
                    begin_connection(
                        &mut self.executor,
                        &mut self.connections,
                        index,
                        &socket,
                        protocol,
                    );
                    open(index, socket);
                    if encrypted {
                        // A request may have come with the last bytes of the handshake.
                        self.receive_encrypted(index, &[]);
                        self.run_decrypted();
                    }
                    self.finish_if_due(index);
                }
                Message::Moved(socket, conn) => {
                    let index = arrive(&self.executor, &mut self.connections, conn);
                    open(index, socket);
                    self.finish_if_due(index);
                }
                Message::Adopted(departed) => self.take_adopted(*departed, &mut open),
                Message::TakeOver(order) => self.obey(order),
                Message::Answered { ticket, reply } => {
                    self.deliver(self.executor.shard, ticket, ReplyPart::Bytes(reply.as_bytes()));
                }
                // Without its feed the snapshot fails: the items are another process's now.
                Message::Snapshot(feed) if self.phase == Phase::Resting => drop(feed),
                Message::Snapshot(feed) => self.executor.begin_snapshot(feed),
                Message::Finish => self.finish(),
                Message::Stop => self.phase = Phase::Stopping,
            }
        }
        any
    }

    /// Takes no more requests.
    #[cold]
    fn finish(&mut self) {
        self.phase = Phase::Finishing;
        self.indices().into_iter().for_each(|index| self.end_of_input(index));
    }

    /// Takes no requests of a connection that has come after the order to finish. One under TLS
    /// does not leave the process either.
    fn finish_if_due(&mut self, index: u32) {
        let ends = match self.phase {
            Phase::Serving => false,
            Phase::FinishingEncrypted | Phase::HandingOver | Phase::Resting => {
                self.connections.get(index).is_some_and(|conn| conn.tls.is_some())
            }
            Phase::Finishing | Phase::Stopping => true,
        };
        if ends {
            self.end_of_input(index);
        }
    }

    /// Adds a connection of another process. Its addresses are those of its socket.
    #[cold]
    fn take_adopted(&mut self, departed: Departed, open: &mut impl FnMut(u32, OwnedFd)) {
        let Departed { socket, record, upload } = departed;
        let protocol = record.protocol;
        let index = self.adopt(record, Addresses::of_socket(&socket)).index;
        if let (Some(upload), Some(conn)) = (upload, self.connections.get_mut(index)) {
            // It has never left this process.
            conn.connection.begin_upload(upload);
        }
        begin_connection(&mut self.executor, &mut self.connections, index, &socket, protocol);
        open(index, socket);
        self.finish_if_due(index);
    }

    /// Does what a take-over by another process needs next.
    #[cold]
    fn obey(&mut self, order: TakeOverOrder) {
        match order {
            TakeOverOrder::FinishEncrypted => {
                self.phase = Phase::FinishingEncrypted;
                self.indices().into_iter().for_each(|index| self.finish_if_due(index));
            }
            TakeOverOrder::HandOver => {
                self.phase = Phase::HandingOver;
                self.departures.give_up();
                self.handing_over.begin();
                self.datagrams.is_closed = true;
            }
            TakeOverOrder::Rest => {
                self.phase = Phase::Resting;
                self.executor.end_snapshot();
            }
            TakeOverOrder::Serve => {
                self.phase = Phase::Serving;
                self.handing_over.end();
                self.datagrams.is_closed = false;
            }
        }
    }

    /// Publishes the shard's numbers if the signal is raised, after the sweep for idle connections.
    /// The executor stays awake until then.
    fn answer_publish_signal(&mut self) {
        let signals = &self.executor.shared.publish_signals[self.executor.shard.index()];
        if let Some(signal) = signals.pending()
            && self.sweep_idle() == Swept::All
        {
            self.connections.publish_waiting_input(&self.executor);
            self.executor.spares.publish(&self.executor.metrics);
            let shard = self.executor.shards.own();
            shard.publish();
            let table = shard.class_table(self.executor.now);
            self.executor.shared.publish_classes(self.executor.shard.index(), table);
            self.publish_wanted();
            self.executor.shared.publish_signals[self.executor.shard.index()].answer(signal);
        }
    }

    /// Publishes the curve, and what only some readers want.
    fn publish_wanted(&self) {
        let Executor { shard: number, shards, now, shared, .. } = &self.executor;
        let (shard, publications) = (shards.own(), &shared.publications);
        publications.publish_curve(number.index(), shard.miss_ratio_curve());
        let wanted = publications.wanted();
        if wanted.prefixes {
            publications.publish_prefixes(number.index(), shard.prefixes());
        }
        if wanted.hot_keys {
            publications.publish_hot_keys(number.index(), shard.hot_keys(*now));
        }
    }

    /// Goes on with the sweep for idle connections, and closes those it finds.
    fn sweep_idle(&mut self) -> Swept {
        let (swept, idle) = self.idle.go_on(self.executor.now.tick(), &self.connections);
        for index in idle {
            self.executor.metrics.add(Counter::IdleKicks, 1);
            self.end_of_input(index);
            if let Some(conn) = self.connections.get_mut(index) {
                conn.connection.set_close_reason(CloseReason::IdleTimeout);
            }
        }
        swept
    }

    fn take_replies(&mut self, shard: ShardId, mut batch: Box<Batch>) {
        self.executor.times.batch_returned(batch.sent());
        for (ticket, reply) in batch.take_replies() {
            self.deliver(shard, ticket, reply);
        }
        if batch.asks_for_report() {
            self.take_report(shard, &batch);
        }
        self.executor.outboxes.recycle(shard, batch);
        self.resume_stalled();
    }

    /// Delivers a shard's reply, or its part of one, to the connection or datagram that asked.
    #[expect(clippy::inline_always, reason = "each reply of another shard passes here")]
    #[inline(always)]
    fn deliver(&mut self, shard: ShardId, ticket: Ticket, reply: ReplyPart<'_>) {
        let executor = &mut self.executor;
        let id = ConnectionId { index: ticket.connection, generation: ticket.generation };
        match self.connections.find_and_touch(id) {
            Some(conn) => {
                conn.connection.output.borrow_buffers(&mut executor.spares);
                conn.connection.fill(executor, shard, ticket.slot, reply);
                self.connections.unblock(id.index);
            }
            None => self.datagrams.take_reply(executor, shard, ticket, reply),
        }
    }

    /// Gives the report of this executor to those of its connections that asked for it.
    #[cold]
    fn answer_report_tickets(&mut self) {
        let report = report_of(&self.connections, self.executor.now.tick()).to_bytes();
        for ticket in std::mem::take(&mut self.executor.report_tickets) {
            self.deliver(self.executor.shard, ticket, ReplyPart::Bytes(&report));
        }
    }

    /// Takes the report of another executor that came back with a batch.
    #[cold]
    fn take_report(&mut self, shard: ShardId, batch: &Batch) {
        let (tickets, report) = batch.report();
        for &ticket in tickets {
            self.deliver(shard, ticket, ReplyPart::Bytes(report));
        }
    }

    /// Sends gathered requests to other shards. `wake` rings for a shard.
    pub(crate) fn dispatch(&mut self, mut wake: impl FnMut(ShardId)) {
        if !self.executor.report_tickets.is_empty() {
            self.answer_report_tickets();
        }
        if self.phase != Phase::Resting {
            self.executor.ask_for_pages();
        }
        if !self.executor.watched.is_empty() {
            serve_watchers(&mut self.executor, &mut self.connections, &mut wake);
        }
        serve_subscribers(&mut self.executor, &mut self.connections);
        self.executor.dispatch(wake);
        if !self.executor.outboxes.is_any_full() {
            self.resume_stalled();
        }
        if !self.departures.is_empty() {
            self.departures.prepare(&self.executor, &mut self.connections);
        }
        if self.handing_over.is_under_way() {
            self.go_on_handing_over();
        }
    }

    #[cold]
    fn go_on_handing_over(&mut self) {
        self.handing_over.prepare(&mut self.executor, &mut self.connections);
        if self.phase == Phase::Resting {
            HandingOver::release_all(&mut self.executor, &mut self.connections);
        }
        let is_quiet = self.executor.outboxes.are_all_quiet() && self.datagrams.is_empty();
        if self.phase == Phase::Resting && is_quiet {
            self.handing_over.end();
            let is_saved = self.executor.shards.own_mut().save_record();
            self.executor.shared.hand_over.note_rest(is_saved);
        }
    }

    /// A batch has left: connections and datagrams that waited for it go on.
    fn resume_stalled(&mut self) {
        self.connections.unblock_stalled();
        self.datagrams.resume_stalled();
    }

    /// Sends a connection with its socket to the shard that it is to move to, or to another
    /// process. Gives the socket back
    /// if that has no room: the connection goes on here.
    pub(crate) fn depart(
        &mut self,
        index: u32,
        socket: OwnedFd,
        wake: impl FnOnce(ShardId),
    ) -> Option<OwnedFd> {
        if self.handing_over.is_under_way() {
            HandingOver::depart(&mut self.executor, &mut self.connections, index, socket);
            return None;
        }
        self.departures.depart(&mut self.executor, &mut self.connections, index, socket, wake)
    }

    /// True if the mailbox has a message, a signal to publish is not answered yet, or watchers or
    /// subscribers are to be served, or a snapshot can go on.
    pub(crate) fn has_messages(&self) -> bool {
        let signals = &self.executor.shared.publish_signals[self.executor.shard.index()];
        !self.receiver.is_empty()
            || signals.pending().is_some()
            || has_watch_work(&self.executor)
            || have_messages_come(&self.executor)
            || self.executor.can_go_on_with_snapshot()
    }
}
