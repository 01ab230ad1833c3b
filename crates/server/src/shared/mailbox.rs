//! How other threads reach an executor: a bounded channel, and a doorbell for when it sleeps.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering, fence};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::connection::hub_connection::HubConnection;
use crate::connection::tls_session::TlsSession;
use crate::settings::Protocol;
use crate::settings::limits::{HANDED_OVER_MAX, MAILBOX_MESSAGES_MAX};
use slabcore_shard::{Batch, ShardId, Ticket};

/// What an executor can be told.
#[derive(Debug)]
pub(crate) enum Message {
    /// Requests of another shard, to be executed and returned.
    Requests(Box<Batch>),
    /// A batch of our own that comes back from this shard, with its replies.
    Replies(ShardId, Box<Batch>),
    /// A new connection.
    Connection {
        socket: OwnedFd,
        /// It came to this shard's own port, and never moves.
        stays: bool,
        /// What it may speak.
        protocol: Protocol,
        /// Under TLS, and its handshake is done.
        tls: Option<Box<TlsSession>>,
    },
    /// A connection that another executor has served so far.
    Moved(OwnedFd, Box<HubConnection>),
    /// The certificate was read again, or why not: the reply for those who asked.
    Reloaded { ticket: Ticket, reply: String },
    /// Take no more requests: each client gets what it is owed, then its connection ends.
    Finish,
    /// Stop: close everything and end.
    Stop,
}

/// The part of a mailbox that everybody sees.
#[derive(Debug)]
pub(crate) struct Mailbox {
    sender: Sender<Message>,
    /// The owner sleeps, or is about to and will look once more.
    parked: AtomicBool,
    /// The owner's ring, for a doorbell from ring to ring; -1 if it has none.
    ring: AtomicI32,
    /// Doorbell that works from any thread: a pipe, its end to read first. Not an eventfd: one
    /// eventfd's wake-up signals the ring's other one only once (Linux 6.18 never clears the mark
    /// of a deferred signal).
    doorbell: (OwnedFd, OwnedFd),
}

impl Mailbox {
    /// A mailbox and the end that its owner reads.
    pub(crate) fn new() -> std::io::Result<(Self, Receiver<Message>)> {
        let (sender, receiver) = bounded(MAILBOX_MESSAGES_MAX);
        let doorbell = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let parked = AtomicBool::new(false);
        Ok((Self { sender, parked, ring: AtomicI32::new(-1), doorbell }, receiver))
    }

    /// Puts a message in; true if the owner sleeps and its doorbell must be rung by the caller.
    ///
    /// Batches always fit: their number is bounded below the mailbox's size. So does a connection
    /// that moves, if its sender has just seen less than [`HANDED_OVER_MAX`] messages wait.
    pub(crate) fn post(&self, message: Message) -> bool {
        match self.sender.try_send(message) {
            Ok(()) => self.claim_doorbell(),
            Err(TrySendError::Full(_)) => unreachable!("a mailbox holds all batches there are"),
            // Its owner has stopped: nobody waits for an answer.
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    /// Hands a connection over, ringing if need be; gives it back if too many wait already.
    pub(crate) fn hand_over(&self, message: Message) -> Result<(), Message> {
        match self.sender.try_send(message) {
            Ok(()) => {
                if self.claim_doorbell() {
                    self.ring_doorbell();
                }
                Ok(())
            }
            Err(TrySendError::Full(message)) => Err(message),
            Err(TrySendError::Disconnected(_)) => Ok(()),
        }
    }

    /// Messages that wait in it.
    pub(crate) fn waiting(&self) -> usize {
        self.sender.len()
    }

    /// True if there is room for a connection, with all batches there may be.
    pub(crate) fn takes_connection(&self) -> bool {
        self.sender.len() < HANDED_OVER_MAX
    }

    /// Rings if the owner sleeps, after it was given something elsewhere than in the mailbox.
    pub(crate) fn wake(&self) {
        if self.claim_doorbell() {
            self.ring_doorbell();
        }
    }

    /// True if the owner sleeps: the caller, and nobody else, must ring for it.
    pub(crate) fn claim_doorbell(&self) -> bool {
        // Pairs with the fence in `park`: either we see the flag, or the owner sees the message.
        fence(Ordering::SeqCst);
        self.parked.load(Ordering::Relaxed) && self.parked.swap(false, Ordering::Relaxed)
    }

    /// Wakes the owner, from any thread.
    pub(crate) fn ring_doorbell(&self) {
        // A full pipe has rung already.
        let _ = rustix::io::write(&self.doorbell.1, &[0]);
    }

    /// Leaves an order to finish.
    pub(crate) fn finish(&self) {
        self.order(|| Message::Finish);
    }

    /// Leaves an order to stop.
    pub(crate) fn stop(&self) {
        self.order(|| Message::Stop);
    }

    /// Wakes the owner from outside and leaves an order.
    fn order(&self, message: impl Fn() -> Message) {
        // If it is full, the owner is awake and the caller tries again.
        while let Err(_full) = self.hand_over(message()) {
            std::thread::yield_now();
        }
        self.ring_doorbell();
    }

    /// Owner: declares sleep. After this the channel must be looked at once more.
    pub(crate) fn park(&self) {
        self.parked.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Owner: awake again.
    pub(crate) fn unpark(&self) {
        self.parked.store(false, Ordering::Relaxed);
    }

    /// The doorbell, for the owner's poll or ring.
    pub(crate) fn doorbell(&self) -> &OwnedFd {
        &self.doorbell.0
    }

    /// Owner: takes what rang, so that it can ring again.
    pub(crate) fn silence(&self) {
        let mut rings = [0; 256];
        // An empty pipe means that it had not rung.
        let _ = rustix::io::read(&self.doorbell.0, &mut rings);
    }

    /// The owner's ring descriptor if it has one.
    pub(crate) fn ring(&self) -> Option<i32> {
        let fd = self.ring.load(Ordering::Acquire);
        (fd >= 0).then_some(fd)
    }

    /// Owner: others may ring through this ring.
    pub(crate) fn set_ring(&self, fd: i32) {
        self.ring.store(fd, Ordering::Release);
    }
}

/// Next message, if any.
pub(crate) fn next_message(receiver: &Receiver<Message>) -> Option<Message> {
    receiver.try_recv().ok()
}
