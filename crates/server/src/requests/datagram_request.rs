//! The request of one datagram, and its answer.
//!
//! A connection without a socket executes its commands one after the other. The reply to a command
//! becomes a message, which is sent before the next command is executed. So the end of a message is
//! known without parsing it, and only one is kept.

use rustix::net::SocketAddrAny;
use slabcore_protocol::{
    MESSAGE_DATAGRAMS_MAX, MESSAGE_PART_BYTES, RequestDatagram, message_datagrams, reply_frame,
};

use crate::connection::{Connection, Pause};
use crate::executor::Executor;
use crate::settings::limits::{ANSWER_BYTES_MAX, OUTPUT_BYTES_MAX, SEND_VALUE_BYTES_MAX};

/// The source of a datagram. Its answer goes there.
#[derive(Debug, Clone)]
pub(crate) struct DatagramSource {
    /// Number of the socket.
    pub(crate) socket: usize,
    pub(crate) address: SocketAddrAny,
}

/// What follows from [`DatagramRequest::advance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is a message to be sent: [`DatagramRequest::datagram`].
    Message,
    /// There is more to do, but other requests come first.
    More,
    /// A reply of another shard is missing.
    Waiting,
    /// Another shard's batch is full.
    Blocked,
    /// All commands are answered. An incomplete one at the end is dropped.
    Over,
    /// The answer is too long; the rest of it is dropped.
    TooLong,
}

/// The message that is being sent.
#[derive(Debug, Clone, Copy)]
struct MessageProgress {
    /// Sequence of the next datagram.
    next: u16,
    /// Datagrams of the message. `quit` is answered with one datagram whose total is 0.
    total: u16,
}

/// The request of one datagram, with its answer so far.
#[derive(Debug)]
pub(crate) struct DatagramRequest {
    pub(crate) connection: Connection,
    pub(crate) source: DatagramSource,
    id: u16,
    commands: Vec<u8>,
    /// When the datagram was received.
    received: u64,
    /// Bytes of `commands` that are executed.
    done_bytes: usize,
    /// What the command under way has replied so far.
    message: Vec<u8>,
    sending: Option<MessageProgress>,
    /// Bytes of the messages that were sent.
    answered_bytes: usize,
    /// It is in the list of requests that can go on.
    pub(crate) queued: bool,
}

impl DatagramRequest {
    pub(crate) fn new(
        connection: Connection,
        source: DatagramSource,
        request: RequestDatagram<'_>,
        executor: &mut Executor,
    ) -> Self {
        let mut commands = executor.spares.take();
        commands.extend_from_slice(request.commands);
        Self {
            connection,
            source,
            id: request.id,
            commands,
            received: executor.times.begun(),
            done_bytes: 0,
            message: executor.spares.take(),
            sending: None,
            answered_bytes: 0,
            queued: false,
        }
    }

    /// Bytes of the message that is being made or sent.
    pub(crate) fn message_bytes(&self) -> usize {
        self.message.len()
    }

    /// Takes the next step, which is bounded.
    pub(crate) fn advance(&mut self, executor: &mut Executor) -> Progress {
        if let Some(sending) = self.sending {
            if sending.next < sending.total.max(1) {
                return Progress::Message;
            }
            self.message_sent();
        }
        if self.connection.output.can_send() {
            return self.collect(executor);
        }
        if !self.connection.output.is_idle() {
            return Progress::Waiting;
        }
        let is_closing = self.connection.is_closing();
        if self.connection.is_at_request() || is_closing {
            if !self.message.is_empty() {
                return self.begin_message();
            }
            if is_closing || self.done_bytes == self.commands.len() {
                return Progress::Over;
            }
        }
        if executor.outboxes.is_any_full() {
            return Progress::Blocked;
        }
        if self.connection.is_dumping() {
            return self.go_on_dumping(executor);
        }
        self.execute(executor)
    }

    /// Makes the next part of a `stats cachedump`. Unbounded dumps are refused.
    fn go_on_dumping(&mut self, executor: &mut Executor) -> Progress {
        let connection = &mut self.connection;
        connection.output.borrow_buffers(&mut executor.spares);
        let pause = connection.go_on_dumping(executor);
        executor.give_back();
        connection.output.return_buffers(&mut executor.spares);
        if pause == Some(Pause::Blocked) { Progress::Waiting } else { Progress::More }
    }

    /// Executes a command, or goes on with one.
    fn execute(&mut self, executor: &mut Executor) -> Progress {
        let connection = &mut self.connection;
        connection.output.borrow_buffers(&mut executor.spares);
        executor.times.begin_receipt(self.received);
        let consumed = connection.serve_one(executor, &self.commands[self.done_bytes..]);
        executor.times.end_receipt();
        executor.give_back();
        connection.output.return_buffers(&mut executor.spares);
        if consumed == 0 {
            return Progress::Over;
        }
        self.done_bytes += consumed;
        // Of all commands that end a connection only `quit` has no reply.
        let has_quit = connection.is_closing() && connection.output.is_empty();
        if has_quit && self.answered_bytes == 0 {
            return self.begin_message();
        }
        Progress::More
    }

    /// Appends the part of a reply that is ready to the message.
    fn collect(&mut self, executor: &mut Executor) -> Progress {
        let output = &mut self.connection.output;
        let outgoing = output.take(&mut executor.spares, SEND_VALUE_BYTES_MAX);
        let bytes = self.answered_bytes + self.message.len() + outgoing.total_bytes();
        let fits = bytes <= ANSWER_BYTES_MAX;
        if fits {
            outgoing.append_to(&mut self.message);
        }
        output.all_sent();
        executor.spares.put(outgoing.replies);
        if let Some(parts) = outgoing.parts {
            executor.parts_sent(output, parts);
        }
        output.return_buffers(&mut executor.spares);
        if fits { Progress::More } else { Progress::TooLong }
    }

    fn begin_message(&mut self) -> Progress {
        let total = message_datagrams(self.message.len()).expect("an answer is shorter");
        self.sending = Some(MessageProgress { next: 0, total });
        Progress::Message
    }

    fn message_sent(&mut self) {
        self.sending = None;
        self.answered_bytes += self.message.len();
        if self.message.capacity() > OUTPUT_BYTES_MAX {
            self.message = Vec::new();
        } else {
            self.message.clear();
        }
    }

    /// The next datagram of the message: its frame, and a part of the message.
    pub(crate) fn datagram(&self) -> Option<([u8; 8], &[u8])> {
        let MessageProgress { next, total } =
            self.sending.filter(|it| it.next < it.total.max(1))?;
        let rest = &self.message[usize::from(next) * MESSAGE_PART_BYTES..];
        let part = &rest[..rest.len().min(MESSAGE_PART_BYTES)];
        Some((reply_frame(self.id, next, total), part))
    }

    /// Notes that the datagram of [`Self::datagram`] has left.
    pub(crate) fn datagram_sent(&mut self) {
        if let Some(sending) = &mut self.sending {
            sending.next += 1;
        }
    }

    /// Ends the request, and gives back what it holds.
    pub(crate) fn end(mut self, executor: &mut Executor) {
        self.connection.end(executor);
        self.connection.output.return_buffers(&mut executor.spares);
        executor.spares.put(self.commands);
        if self.message.capacity() <= OUTPUT_BYTES_MAX {
            executor.spares.put(self.message);
        }
    }
}

const _: () = assert!(ANSWER_BYTES_MAX <= MESSAGE_DATAGRAMS_MAX * MESSAGE_PART_BYTES);
