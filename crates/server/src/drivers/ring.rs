//! The data-plane ring: a safe interface to `io_uring` for sockets.
//!
//! Receives are multishot into provided buffers, so an idle connection owns no buffer. A send owns
//! its buffer, and holds the values that it sends from, until it completes. One [`Ring::enter`]
//! submits everything and waits.
#![allow(unsafe_code)]

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

use crate::connection::outgoing::Outgoing;
use crate::drivers::receive_buffers::ReceiveBuffers;
use crate::drivers::send_message::{SendMessage, SendMessages};
use crate::drivers::udp_port::Readiness;
use crate::hub::driver_actions::AfterSend;
use crate::settings::limits::{RECEIVE_BUFFER_BYTES, RECEIVE_BUFFERS};
use crate::settings::ring_size::RingSize;

const BUFFER_GROUP: u16 = 0;

/// Time that operations may take to end when the server ends.
const END_NANOSECONDS_MAX: u32 = 100_000_000;

/// Bytes that arrived for a connection, in a buffer that must be given back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    pub(super) index: u32,
    buffer: u16,
    bytes: usize,
    /// The receive has ended, and another one must be started.
    pub(super) rearm: bool,
}

/// A completion other than received bytes.
#[derive(Debug)]
pub(super) enum Completion {
    /// A receive has ended. `error` is 0 at the end of the input. After ENOBUFS and ECANCELED it
    /// may be started again.
    ReceiveEnded { index: u32, error: i32 },
    /// A send is over. `result` is how many bytes have left, or the negative error.
    Sent { index: u32, outgoing: Outgoing, result: i32 },
    /// Another thread rang.
    Doorbell { rearm: bool },
    /// A UDP socket that was watched is ready, and is not watched any more.
    Datagrams { socket: usize, readiness: Readiness },
    /// A doorbell by [`Ring::ring_other`] did not reach this shard.
    DoorbellLost { shard: usize },
    /// Another ring rang, or a cancellation ended. The turn itself is the answer.
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
enum Operation {
    Receive = 1,
    Send = 2,
    Doorbell = 3,
    Nothing = 4,
    Readable = 5,
    Writable = 6,
    RingOther = 7,
}

const OPERATION_SHIFT: u32 = 56;

fn user_data(operation: Operation, index: u32) -> u64 {
    (operation as u64) << OPERATION_SHIFT | u64::from(index)
}

/// What the kernel reads until a send completes.
struct RingSend {
    outgoing: Outgoing,
    /// The list of its pieces, if there are several.
    message: Option<Box<SendMessage>>,
}

/// An `io_uring` for sockets.
pub(crate) struct Ring {
    io: IoUring,
    /// They stay mapped while the kernel may write to them: see `Drop`.
    buffers: ManuallyDrop<ReceiveBuffers>,
    /// The sends under way, by connection. The kernel reads what they own.
    sending: Vec<Option<RingSend>>,
    messages: SendMessages,
    /// Sends that are not submitted yet and whose completion does not end a wait.
    queued_sends: usize,
    /// An operation was queued, so the kernel may write to `buffers`.
    is_used: bool,
}

impl Ring {
    /// Makes a ring that only this thread may use.
    ///
    /// It fails where `io_uring` is refused, or lacks what is used here (Linux 6.1 has it).
    pub(crate) fn new(size: RingSize) -> io::Result<Self> {
        let io = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_clamp()
            .setup_cqsize(size.completions)
            .build(size.submissions)?;
        let buffers = ReceiveBuffers::new(RECEIVE_BUFFERS, RECEIVE_BUFFER_BYTES)?;
        // SAFETY: the entries are page-aligned, as many as named, and live as long as the ring:
        // both are in this struct, and `Drop` frees them only if the ring was never used.
        unsafe {
            io.submitter().register_buf_ring_with_flags(
                buffers.entries_address(),
                RECEIVE_BUFFERS,
                BUFFER_GROUP,
                0,
            )?;
        }
        Ok(Self {
            io,
            buffers: ManuallyDrop::new(buffers),
            sending: Vec::new(),
            messages: SendMessages::default(),
            queued_sends: 0,
            is_used: false,
        })
    }

    /// The ring's descriptor, by which other rings ring for this one.
    pub(super) fn descriptor(&self) -> RawFd {
        self.io.as_raw_fd()
    }

    /// Has `eventfd` become readable when an operation completes after
    /// [`Self::enable_notifications`].
    pub(crate) fn register_eventfd(&self, eventfd: BorrowedFd<'_>) -> io::Result<()> {
        self.io.submitter().register_eventfd(eventfd.as_raw_fd())
    }

    /// Has completions notify the registered eventfd.
    pub(super) fn enable_notifications(&mut self) {
        self.io.completion().enable_eventfd();
    }

    /// Has completions leave the registered eventfd alone.
    pub(super) fn disable_notifications(&mut self) {
        self.io.completion().disable_eventfd();
    }

    /// Starts a receive, which lasts until the end of the input or an error.
    pub(super) fn receive(&mut self, index: u32, socket: BorrowedFd<'_>) {
        let entry = opcode::RecvMulti::new(Fd(socket.as_raw_fd()), BUFFER_GROUP)
            .build()
            .user_data(user_data(Operation::Receive, index));
        self.push(&entry);
    }

    /// Cancels the receive of a connection. It completes with ECANCELED unless it just ended.
    pub(super) fn cancel_receive(&mut self, index: u32) {
        let entry = opcode::AsyncCancel::new(user_data(Operation::Receive, index))
            .build()
            .user_data(user_data(Operation::Nothing, 0));
        self.push(&entry);
    }

    /// Cancels the send of a connection. It completes with ECANCELED, or with what has left.
    pub(super) fn cancel_send(&mut self, index: u32) {
        let entry = opcode::AsyncCancel::new(user_data(Operation::Send, index))
            .build()
            .user_data(user_data(Operation::Nothing, 0));
        self.push(&entry);
    }

    /// Sends the bytes from `offset` on. `outgoing` comes back with the completion. A connection
    /// has one send at a time. The completion ends a wait if work follows from it.
    pub(super) fn send(
        &mut self,
        index: u32,
        socket: BorrowedFd<'_>,
        outgoing: Outgoing,
        offset: usize,
        after: AfterSend,
    ) {
        let slot = index as usize;
        if slot >= self.sending.len() {
            self.sending.resize_with(slot + 1, || None);
        }
        assert!(self.sending[slot].is_none(), "one send per connection at a time");
        let fd = Fd(socket.as_raw_fd());
        let (entry, message) = match outgoing.plain() {
            Some(bytes) => {
                let bytes = &bytes[offset..];
                let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                let entry = opcode::Send::new(fd, bytes.as_ptr(), length).flags(NO_SIGNAL);
                (entry.build(), None)
            }
            None => {
                let message = self.messages.of(&outgoing.pieces(offset));
                // With this flag the kernel itself sends the rest when a slow client has room.
                let flags = (NO_SIGNAL | WAIT_ALL).cast_unsigned();
                let entry = opcode::SendMsg::new(fd, message.header()).flags(flags);
                (entry.build(), Some(message))
            }
        };
        let entry = entry.user_data(user_data(Operation::Send, index));
        self.sending[slot] = Some(RingSend { outgoing, message });
        self.queued_sends += usize::from(after == AfterSend::NextRequest);
        self.push(&entry);
    }

    /// Watches a doorbell. Each time it becomes readable, [`Completion::Doorbell`] follows.
    pub(super) fn watch(&mut self, doorbell: BorrowedFd<'_>) {
        let entry = opcode::PollAdd::new(Fd(doorbell.as_raw_fd()), POLL_READABLE)
            .multi(true)
            .build()
            .user_data(user_data(Operation::Doorbell, 0));
        self.push(&entry);
    }

    /// Watches a UDP socket until it is ready once.
    pub(super) fn watch_datagrams(
        &mut self,
        number: usize,
        socket: BorrowedFd<'_>,
        readiness: Readiness,
    ) {
        let (kind, events) = match readiness {
            Readiness::Readable => (Operation::Readable, POLL_READABLE),
            Readiness::Writable => (Operation::Writable, POLL_WRITABLE),
        };
        let entry = opcode::PollAdd::new(Fd(socket.as_raw_fd()), events)
            .build()
            .user_data(user_data(kind, number as u32));
        self.push(&entry);
    }

    /// Rings for a shard by the ring of its executor. If the kernel has no memory for that,
    /// [`Completion::DoorbellLost`] follows.
    pub(super) fn ring_other(&mut self, shard: usize, ring: RawFd) {
        let entry = opcode::MsgRingData::new(Fd(ring), 0, user_data(Operation::Nothing, 0), None)
            .build()
            .flags(squeue::Flags::SKIP_SUCCESS)
            .user_data(user_data(Operation::RingOther, shard as u32));
        self.push(&entry);
    }

    fn push(&mut self, entry: &squeue::Entry) {
        self.is_used = true;
        loop {
            // SAFETY: what an entry points to outlives it. Receives use the registered buffers,
            // sends what is in `sending` until their completion is taken: a buffer, values that are
            // held, and a message that names them, all at addresses of their own. Polls, cancels
            // and messages to rings point nowhere. None is freed before: see `Drop`.
            if unsafe { self.io.submission().push(entry) }.is_ok() {
                return;
            }
            // A full queue is submitted; EBUSY means completions must be taken first, and as the
            // completion queue is far larger than this, submitting later succeeds.
            let _ = self.io.submit();
        }
    }

    /// Submits what is queued. Waits for one event beside the sends that no work follows from,
    /// `wait` microseconds at most; `None`: does not wait.
    pub(super) fn enter(&mut self, wait: Option<u32>) -> io::Result<()> {
        let expected = std::mem::take(&mut self.queued_sends);
        let submitter = self.io.submitter();
        let result = match wait {
            // Deferred completions arrive here too, as the ring flags them.
            None => submitter.submit(),
            Some(microseconds) => {
                let timespec = Timespec::new().nsec(microseconds * 1000);
                submitter.submit_with_args(expected + 1, &SubmitArgs::new().timespec(&timespec))
            }
        };
        in_order(result)
    }

    /// Has everything that is due complete, without waiting. An executor that goes to sleep must
    /// call this after it has turned notifications on: earlier completions do not notify.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.queued_sends = 0;
        let timespec = Timespec::new();
        let result =
            self.io.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&timespec));
        in_order(result)
    }

    /// Takes the completions that are there. The bytes of a connection come before the end of its
    /// receive.
    pub(super) fn completions(
        &mut self,
        received: &mut Vec<Received>,
        others: &mut Vec<Completion>,
    ) {
        debug_assert!(received.is_empty() && others.is_empty());
        for entry in self.io.completion() {
            match read_received(&entry) {
                Some(bytes) => received.push(bytes),
                None => {
                    others.push(read_completion(&entry, &mut self.sending, &mut self.messages));
                }
            }
        }
    }

    /// True if completions wait to be taken.
    pub(super) fn has_completions(&mut self) -> bool {
        !self.io.completion().is_empty()
    }

    /// Ends all operations, so that the kernel closes their sockets now. After the ring's own end
    /// it would keep them for some milliseconds, and their UDP ports could not be bound again.
    pub(super) fn end_operations(&mut self) {
        // Operations that do not end in time end with the ring.
        let timeout = Some(Timespec::new().nsec(END_NANOSECONDS_MAX));
        let _ = self.io.submitter().register_sync_cancel(timeout, CancelBuilder::any());
        let _ = self.flush();
    }

    /// The bytes that were received.
    pub(super) fn bytes(&self, received: Received) -> &[u8] {
        self.buffers.bytes(received.buffer, received.bytes)
    }

    /// Lets the kernel fill a buffer again.
    pub(super) fn give_back(&mut self, received: Received) {
        self.buffers.give_back(received.buffer);
    }
}

/// Accepts errors that need no answer: a timeout, an interruption, or completions that must be
/// taken first.
fn in_order(result: io::Result<usize>) -> io::Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(error) => match error.raw_os_error() {
            Some(ETIME | EINTR | EBUSY | EAGAIN) => Ok(()),
            _ => Err(error),
        },
    }
}

fn read_received(entry: &cqueue::Entry) -> Option<Received> {
    if entry.user_data() >> OPERATION_SHIFT != Operation::Receive as u64 {
        return None;
    }
    let bytes = usize::try_from(entry.result()).ok().filter(|bytes| *bytes > 0)?;
    let buffer = cqueue::buffer_select(entry.flags())?;
    let rearm = !cqueue::more(entry.flags());
    Some(Received { index: entry.user_data() as u32, buffer, bytes, rearm })
}

fn read_completion(
    entry: &cqueue::Entry,
    sending: &mut [Option<RingSend>],
    messages: &mut SendMessages,
) -> Completion {
    let index = entry.user_data() as u32;
    let result = entry.result();
    match entry.user_data() >> OPERATION_SHIFT {
        it if it == Operation::Receive as u64 => Completion::ReceiveEnded { index, error: -result },
        it if it == Operation::Send as u64 => {
            let sent = sending[index as usize].take();
            let RingSend { outgoing, message } = sent.expect("a send completes once");
            if let Some(message) = message {
                messages.put(message);
            }
            Completion::Sent { index, outgoing, result }
        }
        it if it == Operation::Doorbell as u64 => {
            Completion::Doorbell { rearm: !cqueue::more(entry.flags()) }
        }
        it if it == Operation::Readable as u64 => {
            Completion::Datagrams { socket: index as usize, readiness: Readiness::Readable }
        }
        it if it == Operation::Writable as u64 => {
            Completion::Datagrams { socket: index as usize, readiness: Readiness::Writable }
        }
        // Only a failure has a completion.
        it if it == Operation::RingOther as u64 => {
            Completion::DoorbellLost { shard: index as usize }
        }
        _ => Completion::Nothing,
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // The kernel ends the operations of a closed ring in the background. So what it may still
        // touch is leaked; for a hold that is the item memory. A ring ends with its server.
        std::mem::forget(std::mem::take(&mut self.sending));
        if !self.is_used {
            // SAFETY: they are dropped once, and not used after this. The kernel does not write to
            // them, as no operation was ever queued. It keeps their list itself.
            unsafe { ManuallyDrop::drop(&mut self.buffers) };
        }
    }
}

const ETIME: i32 = rustix::io::Errno::TIME.raw_os_error();
const EINTR: i32 = rustix::io::Errno::INTR.raw_os_error();
const EBUSY: i32 = rustix::io::Errno::BUSY.raw_os_error();
const EAGAIN: i32 = rustix::io::Errno::AGAIN.raw_os_error();
const POLL_READABLE: u32 = rustix::event::PollFlags::IN.bits() as u32;
const POLL_WRITABLE: u32 = rustix::event::PollFlags::OUT.bits() as u32;

const NO_SIGNAL: i32 = rustix::net::SendFlags::NOSIGNAL.bits().cast_signed();
const WAIT_ALL: i32 = libc::MSG_WAITALL;

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::event::{EventfdFlags, eventfd};

    use super::*;
    use crate::settings::limits::LULL_MICROSECONDS;

    /// The shard that rang had claimed the doorbell, so nobody else rang, and the executor slept
    /// on.
    #[test]
    fn a_doorbell_that_does_not_reach_its_shard_is_reported() {
        let Ok(mut ring) = Ring::new(RingSize::SMALLEST) else {
            eprintln!("skipped: io_uring is refused");
            return;
        };
        let no_ring = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        ring.ring_other(3, no_ring.as_fd().as_raw_fd());
        ring.enter(Some(LULL_MICROSECONDS)).unwrap();
        let (mut received, mut others) = (Vec::new(), Vec::new());
        ring.completions(&mut received, &mut others);
        assert!(received.is_empty());
        assert!(matches!(others[..], [Completion::DoorbellLost { shard: 3 }]), "{others:?}");
    }
}
