//! The ring of the responder. Flags, sizes, receives, sends and waits are those of the server's
//! ring (`crates/server/src/drivers/ring.rs`). Nobody reads what is received.
#![allow(unsafe_code)]

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::{BufRingEntry, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use memmap2::{Advice, MmapMut, MmapOptions};
use rustix::io::Errno;

use crate::responder::replies::Replies;

const SUBMISSIONS: u32 = 1024;
const COMPLETIONS: u32 = 8192;
const BUFFERS: u16 = 256;
const BUFFER_BYTES: usize = 16 << 10;
const BUFFER_GROUP: u16 = 0;
/// Where the buffers start, after the list of them.
const BUFFERS_START: usize = 4096;
/// How long a turn waits for the next event after one that had some.
const LULL_NANOSECONDS: u32 = 1_000_000;

const _: () = assert!(BUFFERS.is_power_of_two());
const _: () = assert!(BUFFERS as usize * size_of::<BufRingEntry>() <= BUFFERS_START);

/// Something that has happened to a socket, which its descriptor names.
#[derive(Debug)]
pub(super) enum Completion {
    Accepted(io::Result<OwnedFd>),
    Received {
        socket: i32,
        bytes: usize,
    },
    /// Another receive must be started, unless the input is at its end.
    ReceiveEnded {
        socket: i32,
        at_end: bool,
    },
    /// `result` is how many bytes have left, or the negative error.
    Sent {
        socket: i32,
        result: i32,
    },
}

#[derive(Clone, Copy)]
#[repr(u64)]
enum RingOperation {
    Accept = 1,
    Receive = 2,
    Send = 3,
}

const OPERATION_SHIFT: u32 = 32;

fn user_data(operation: RingOperation, socket: i32) -> u64 {
    (operation as u64) << OPERATION_SHIFT | u64::from(socket.cast_unsigned())
}

/// A ring that only accepts, receives, and sends the same replies.
pub(super) struct BareRing {
    io: IoUring,
    buffers: Buffers,
    replies: Replies,
    queued_sends: usize,
}

impl BareRing {
    /// Makes a ring that only this thread may use.
    pub(super) fn new(replies: Replies) -> io::Result<Self> {
        let io = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_clamp()
            .setup_cqsize(COMPLETIONS)
            .build(SUBMISSIONS)?;
        let buffers = Buffers::new()?;
        let address = buffers.memory.as_ptr().addr() as u64;
        // SAFETY: the entries are page-aligned, as many as named, and never unmapped.
        unsafe {
            io.submitter().register_buf_ring_with_flags(address, BUFFERS, BUFFER_GROUP, 0)?;
        }
        Ok(Self { io, buffers, replies, queued_sends: 0 })
    }

    /// Accepts connections until an error.
    pub(super) fn accept(&mut self, listener: BorrowedFd<'_>) {
        let entry = opcode::AcceptMulti::new(Fd(listener.as_raw_fd())).build();
        self.push(&entry.user_data(user_data(RingOperation::Accept, 0)));
    }

    /// Starts a receive, which lasts until the end of the input or an error.
    pub(super) fn receive(&mut self, socket: i32) {
        let entry = opcode::RecvMulti::new(Fd(socket), BUFFER_GROUP).build();
        self.push(&entry.user_data(user_data(RingOperation::Receive, socket)));
    }

    /// Sends `bytes` of the replies from `start` on.
    pub(super) fn send(&mut self, socket: i32, start: usize, bytes: usize) {
        let bytes = &self.replies.bytes()[start..start + bytes];
        let entry = opcode::Send::new(Fd(socket), bytes.as_ptr(), bytes.len() as u32)
            .flags(rustix::net::SendFlags::NOSIGNAL.bits().cast_signed())
            .build();
        self.queued_sends += 1;
        self.push(&entry.user_data(user_data(RingOperation::Send, socket)));
    }

    fn push(&mut self, entry: &squeue::Entry) {
        loop {
            // SAFETY: receives use the registered buffers, and sends the replies. Both stay where
            // they are until the process ends.
            if unsafe { self.io.submission().push(entry) }.is_ok() {
                return;
            }
            // A full queue is submitted. The completion queue is far larger.
            let _ = self.io.submit();
        }
    }

    /// Submits what is queued and waits for one event beside the sends. In a lull it waits for 1 ms
    /// at most, else until there is one.
    pub(super) fn enter(&mut self, is_lull: bool) -> io::Result<()> {
        let expected = std::mem::take(&mut self.queued_sends) + 1;
        let submitter = self.io.submitter();
        let timespec = Timespec::new().nsec(LULL_NANOSECONDS);
        let args = SubmitArgs::new();
        let args = if is_lull { args.timespec(&timespec) } else { args };
        match submitter.submit_with_args(expected, &args) {
            Ok(_) => Ok(()),
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::TIME | Errno::INTR | Errno::BUSY | Errno::AGAIN) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Takes the completions that are there. The buffers of what was received return to the kernel.
    pub(super) fn completions(&mut self, completions: &mut Vec<Completion>) {
        for entry in self.io.completion() {
            read(&entry, &mut self.buffers, completions);
        }
    }
}

fn read(entry: &cqueue::Entry, buffers: &mut Buffers, completions: &mut Vec<Completion>) {
    let (socket, result) = ((entry.user_data() as u32).cast_signed(), entry.result());
    match entry.user_data() >> OPERATION_SHIFT {
        it if it == RingOperation::Accept as u64 => {
            let accepted = if result < 0 {
                Err(io::Error::from_raw_os_error(-result))
            } else {
                // SAFETY: the kernel has just opened it, and names it once.
                Ok(unsafe { OwnedFd::from_raw_fd(result) })
            };
            completions.push(Completion::Accepted(accepted));
        }
        it if it == RingOperation::Receive as u64 => {
            if let Some(buffer) = cqueue::buffer_select(entry.flags()) {
                buffers.give_back(buffer);
            }
            let bytes = usize::try_from(result).unwrap_or(0);
            if bytes > 0 {
                completions.push(Completion::Received { socket, bytes });
            }
            if !cqueue::more(entry.flags()) {
                // Without a free buffer the receive ends before the input does.
                let is_short = result == -Errno::NOBUFS.raw_os_error();
                completions
                    .push(Completion::ReceiveEnded { socket, at_end: bytes == 0 && !is_short });
            }
        }
        _ => completions.push(Completion::Sent { socket, result }),
    }
}

/// The buffers that the kernel fills with what clients send.
struct Buffers {
    /// The list of buffers, then the buffers. Never unmapped, as the kernel writes to them.
    memory: ManuallyDrop<MmapMut>,
    tail: u16,
}

impl Buffers {
    /// Makes them, and gives all of them to the kernel.
    fn new() -> io::Result<Self> {
        let bytes = BUFFERS_START + usize::from(BUFFERS) * BUFFER_BYTES;
        let memory = MmapOptions::new().len(bytes).populate().map_anon()?;
        // Without huge pages the buffers work, too.
        let _ = memory.advise(Advice::HugePage);
        let mut buffers = Self { memory: ManuallyDrop::new(memory), tail: 0 };
        for buffer in 0..BUFFERS {
            buffers.give_back(buffer);
        }
        Ok(buffers)
    }

    /// Gives a buffer to the kernel to be filled.
    fn give_back(&mut self, buffer: u16) {
        assert!(buffer < BUFFERS);
        let base = self.memory.as_mut_ptr();
        #[expect(clippy::cast_ptr_alignment, reason = "the mapping starts at a page")]
        let entries = base.cast::<BufRingEntry>();
        let place = usize::from(self.tail & (BUFFERS - 1));
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the mapping starts with `BUFFERS` entries, and the buffer lies in it. The kernel
        // reads entries only up to the tail, which is stored last, in the first entry.
        unsafe {
            let entry = &mut *entries.add(place);
            let start = BUFFERS_START + usize::from(buffer) * BUFFER_BYTES;
            entry.set_addr(base.add(start).addr() as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(buffer);
            let tail = BufRingEntry::tail(entries).cast::<AtomicU16>();
            (*tail).store(self.tail, Ordering::Release);
        }
    }
}
