//! The lowest methods of a connection that executes requests: replies, tickets, and its end.
//!
//! All other files of this room may call these methods, which call none of the others.
//!
//! Dialects: binary replies, and the packets of `stats`.

use slabcore_protocol::{BinaryReply, Echo, Protocol, Reply, encode_stat_packets, error_lines};
use slabcore_shard::Ticket;

use crate::connection::input_state::InputState;
use crate::connection::{Connection, ConnectionId};
use crate::executor::Executor;

impl Connection {
    /// Appends a reply of one line.
    pub(super) fn reply(&mut self, reply: Reply) {
        self.output.encode(|out| reply.encode(out));
    }

    /// Appends a binary reply.
    pub(super) fn reply_binary(&mut self, reply: &BinaryReply<'_>) {
        self.output.encode(|out| reply.encode(out));
    }

    /// Appends a reply of several lines. For a binary request, which has an echo, the lines become
    /// packets.
    pub(super) fn reply_text(&mut self, text: &[u8], echo: Option<Echo>) {
        self.output.encode(|out| match echo {
            None => out.extend_from_slice(text),
            Some(echo) => encode_stat_packets(out, echo, text),
        });
    }

    /// Opens a slot for another shard's reply that may have a value.
    #[inline]
    pub(super) fn open_read(&mut self, executor: &mut Executor) -> Ticket {
        let slot = self.output.open_read(&mut executor.spares, executor.open_reads_max);
        self.ticket_for(slot)
    }

    /// Opens a slot for another shard's reply without a value.
    pub(super) fn open_ticket(&mut self, executor: &mut Executor) -> Ticket {
        let slot = self.output.open_slot(&mut executor.spares);
        self.ticket_for(slot)
    }

    /// The ticket by which the reply for a slot finds this connection.
    pub(super) fn ticket_for(&self, slot: u32) -> Ticket {
        let ConnectionId { index, generation } = self.id();
        Ticket { connection: index, generation, slot }
    }

    /// Reads no further input. The output is still sent.
    pub(crate) fn close(&mut self, executor: &mut Executor) {
        match self.close_input() {
            InputState::Upload(upload) => executor.upload_abandon(upload.shard(), upload.id()),
            InputState::Watching(watcher) => executor.end_watching(watcher),
            _ => {}
        }
        if let Some(session) = &mut self.redis
            && !session.subscribed.is_empty()
        {
            executor.end_subscriptions(session.number, &mut session.subscribed);
        }
    }

    /// Closes the connection because there is no memory for its input, and says so.
    pub(crate) fn refuse_input(&mut self, executor: &mut Executor) {
        if !self.is_closing() {
            if self.decoder.protocol() != Protocol::Binary {
                self.reply(Reply::Error(error_lines::OUT_OF_MEMORY_READING));
            }
            self.close(executor);
        }
    }

    /// Releases what the connection holds in shards. Called once the connection is gone.
    pub(crate) fn end(&mut self, executor: &mut Executor) {
        self.close(executor);
        for value in self.output.drain_large() {
            executor.release(value);
        }
    }
}
