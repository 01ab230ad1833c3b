//! The mailbox by which other threads reach an executor: a bounded channel, and a doorbell that
//! wakes a sleeping owner.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering, fence};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::connection::hub_connection::HubConnection;
use crate::connection::new_connection::NewConnection;
use crate::settings::limits::{HANDED_OVER_MAX, MAILBOX_MESSAGES_MAX};
use crate::shared::hand_over::{Departed, TakeOverOrder};
use crate::shared::snapshot_feed::SnapshotFeed;
use slabcore_shard::{Batch, ShardId, Ticket};

/// Pause of a thread before it tries a full mailbox again.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// A message to an executor.
#[derive(Debug)]
pub(crate) enum Message {
    /// Requests of another executor, to be executed and returned.
    Requests(Box<Batch>),
    /// A batch of our own that comes back from this shard, with its replies.
    Replies(ShardId, Box<Batch>),
    /// A connection that no executor has served yet. Boxed, so that a message stays small.
    Connection(OwnedFd, Box<NewConnection>),
    /// A connection that moves here from another executor.
    Moved(OwnedFd, Box<HubConnection>),
    /// The reply of a thread that has done what a client asked for: `refresh_certs`, `snapshot`.
    Answered { ticket: Ticket, reply: String },
    /// Show the items of the shard to a snapshot.
    Snapshot(SnapshotFeed),
    /// A connection that comes from another process.
    Adopted(Box<Departed>),
    /// Another process takes over.
    TakeOver(TakeOverOrder),
    /// Take no more requests. Each connection ends once its replies have left.
    Finish,
    /// Close everything and end.
    Stop,
}

/// The sending side of a mailbox, and its doorbell.
#[derive(Debug)]
pub(crate) struct Mailbox {
    sender: Sender<Message>,
    /// The owner sleeps, or is about to sleep and will look once more.
    parked: AtomicBool,
    /// Descriptor of the owner's ring, for a doorbell from ring to ring; -1 if it has none.
    ring: AtomicI32,
    /// Doorbell for any thread: a pipe, its reading end first. It is not an eventfd: the wake-up of
    /// one eventfd signals the ring's other one only once (Linux 6.18 never clears the mark of a
    /// deferred signal).
    doorbell: (OwnedFd, OwnedFd),
}

impl Mailbox {
    /// A mailbox, and the receiver for its owner.
    pub(crate) fn new() -> std::io::Result<(Self, Receiver<Message>)> {
        let (sender, receiver) = bounded(MAILBOX_MESSAGES_MAX);
        let doorbell = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let parked = AtomicBool::new(false);
        Ok((Self { sender, parked, ring: AtomicI32::new(-1), doorbell }, receiver))
    }

    /// Posts a message. True if the owner sleeps, and the caller must ring its doorbell.
    ///
    /// Batches always fit, because their number is bounded below the mailbox's size. A moving
    /// connection fits if its sender has just seen fewer than [`HANDED_OVER_MAX`] messages.
    pub(crate) fn post(&self, message: Message) -> bool {
        match self.sender.try_send(message) {
            Ok(()) => self.claim_doorbell(),
            Err(TrySendError::Full(_)) => unreachable!("a mailbox holds all batches there are"),
            // The owner has stopped: no reply is needed.
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    /// Posts a message, and rings if the owner sleeps. Returns the message if the mailbox is full.
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

    /// Number of waiting messages.
    pub(crate) fn waiting(&self) -> usize {
        self.sender.len()
    }

    /// True if there is room for a connection beside all possible batches.
    pub(crate) fn takes_connection(&self) -> bool {
        self.sender.len() < HANDED_OVER_MAX
    }

    /// Rings if the owner sleeps. For work that is not in the mailbox.
    pub(crate) fn wake(&self) {
        if self.claim_doorbell() {
            self.ring_doorbell();
        }
    }

    /// True if the owner sleeps. Only this caller must ring for it.
    pub(crate) fn claim_doorbell(&self) -> bool {
        // Pairs with the fence in `park`: either we see the flag, or the owner sees the message.
        fence(Ordering::SeqCst);
        self.parked.load(Ordering::Relaxed) && self.parked.swap(false, Ordering::Relaxed)
    }

    /// Wakes the owner, from any thread.
    pub(crate) fn ring_doorbell(&self) {
        // A full pipe rings already.
        let _ = rustix::io::write(&self.doorbell.1, &[0]);
    }

    /// Posts a message of another thread, once there is room beside all possible batches.
    pub(crate) fn deliver(&self, mut message: Message) {
        loop {
            if self.takes_connection() {
                match self.hand_over(message) {
                    Ok(()) => return,
                    Err(refused) => message = refused,
                }
            }
            std::thread::sleep(RETRY_PAUSE);
        }
    }

    /// Posts [`Message::Finish`].
    pub(crate) fn finish(&self) {
        self.post_from_outside(|| Message::Finish);
    }

    /// Posts [`Message::Stop`].
    pub(crate) fn stop(&self) {
        self.post_from_outside(|| Message::Stop);
    }

    /// Posts a message from a thread that is not an executor, and wakes the owner.
    pub(crate) fn post_from_outside(&self, message: impl Fn() -> Message) {
        // If the mailbox is full, the owner is awake and takes messages.
        while let Err(_full) = self.hand_over(message()) {
            std::thread::yield_now();
        }
        self.ring_doorbell();
    }

    /// Owner: is about to sleep. It must look at the channel once more after this.
    pub(crate) fn park(&self) {
        self.parked.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Owner: is awake again.
    pub(crate) fn unpark(&self) {
        self.parked.store(false, Ordering::Relaxed);
    }

    /// The doorbell, for the owner's poll or ring.
    pub(crate) fn doorbell(&self) -> &OwnedFd {
        &self.doorbell.0
    }

    /// Owner: empties the pipe, so that the doorbell can ring again.
    pub(crate) fn silence(&self) {
        let mut rings = [0; 256];
        // An empty pipe had not rung.
        let _ = rustix::io::read(&self.doorbell.0, &mut rings);
    }

    /// Descriptor of the owner's ring, if it has one.
    pub(crate) fn ring(&self) -> Option<i32> {
        let fd = self.ring.load(Ordering::Acquire);
        (fd >= 0).then_some(fd)
    }

    /// Owner: other executors may ring through this ring.
    pub(crate) fn set_ring(&self, fd: i32) {
        self.ring.store(fd, Ordering::Release);
    }
}

/// The next message, if there is one.
pub(crate) fn next_message(receiver: &Receiver<Message>) -> Option<Message> {
    receiver.try_recv().ok()
}
