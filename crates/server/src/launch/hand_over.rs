//! The old process of a take-over: gives sockets, connections and item memory to a new one.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use tracing::error;

use crate::launch::running::Running;
use crate::launch::take_over::give_to_executor;
use crate::settings::limits::{
    ENCRYPTED_END_MAX, HAND_OVER_ANSWER_MAX, HAND_OVER_DURATION_MAX, SUCCESSOR_SERVES_MAX,
    SUCCESSOR_START_MAX,
};
use crate::shared::hand_over::{Departed, TakeOverOrder};
use crate::shared::mailbox::Message;
use crate::shared::shared_state::Backend;
use crate::takeover::Channel;
use crate::takeover::messages::LentOffer;

/// Time between two looks whether executors have done what they were told.
const LOOK_EVERY: Duration = Duration::from_micros(100);

/// Time between two looks whether the take-over is to be given up.
const GIVE_UP_LOOK_EVERY: Duration = Duration::from_millis(50);

/// A take-over that has succeeded. This process has nothing left to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedOver {
    /// Connections that the new process serves.
    pub connections: usize,
    /// For how long nobody served them.
    pub pause: Duration,
}

/// A take-over that has failed.
#[derive(Debug)]
pub enum HandOverError {
    /// This process serves on.
    ServesOn(String),
    /// The new process has ended with the connections and the memory. Nobody serves.
    Lost(String),
}

impl fmt::Display for HandOverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServesOn(why) | Self::Lost(why) => f.write_str(why),
        }
    }
}

impl Running {
    /// Whether another process could take over: the items must be in memory that can be handed
    /// over.
    pub fn can_be_taken_over(&self) -> bool {
        self.shared.memory_file.is_some()
    }

    /// Has the process at the other end of the socket take over. Unless that fails, this one must
    /// end at once, and leave alone what it shares with the other: files, sockets, memory.
    ///
    /// `is_given_up` is asked now and then until the new process is ready.
    pub fn hand_over(
        &mut self,
        to: UnixStream,
        is_given_up: impl FnMut() -> bool,
    ) -> Result<HandedOver, HandOverError> {
        let serves_on = |error: io::Error| HandOverError::ServesOn(why(&error));
        let channel = Channel::new(to).map_err(serves_on)?;
        self.offer(&channel).map_err(serves_on)?;
        wait_until_ready(&channel, is_given_up).map_err(serves_on)?;
        self.close();
        self.end_encrypted();
        let begin = Instant::now();
        let connections = match self.rest_and_give(&channel) {
            Ok(connections) => connections,
            Err((connections, error)) => {
                self.serve_on(connections);
                return Err(serves_on(error));
            }
        };
        channel.hear_serving(SUCCESSOR_SERVES_MAX).map_err(|error| {
            HandOverError::Lost(format!("the new process does not serve: {}", why(&error)))
        })?;
        Ok(HandedOver { connections, pause: begin.elapsed() })
    }

    fn offer(&self, channel: &Channel) -> io::Result<()> {
        let memory = self.shared.memory_file.as_ref().ok_or_else(|| {
            io::Error::other("the items are in memory of this process alone (see -e)")
        })?;
        channel.offer(&LentOffer {
            ring_entries: match &self.shared.backend {
                Backend::Uring(size) => size.submissions,
                Backend::Epoll(_) => 0,
            },
            memory: memory.descriptor(),
            listeners: &self.listeners,
            udp_sockets: &self.udp_sockets,
            metrics: self.metrics_socket.as_ref().map(AsFd::as_fd),
        })
    }

    /// Ends the connections under TLS, as far as their clients read.
    fn end_encrypted(&self) {
        self.tell_all(TakeOverOrder::FinishEncrypted);
        wait(ENCRYPTED_END_MAX, || self.shared.hand_over.encrypted() == 0);
    }

    /// Brings the executors to rest, and gives connections and memory away. After an error, the
    /// connections are returned.
    fn rest_and_give(&mut self, channel: &Channel) -> Result<usize, (Vec<Departed>, io::Error)> {
        let too_slow = || io::Error::other("the connections do not come to rest");
        self.tell_all(TakeOverOrder::HandOver);
        let (shared, hand_over) = (&self.shared, &self.shared.hand_over);
        let leaving = || shared.admission.open_connections() - hand_over.encrypted();
        if !wait(HAND_OVER_DURATION_MAX, || leaving() == hand_over.departed_count()) {
            return Err((hand_over.take(), too_slow()));
        }
        self.tell_all(TakeOverOrder::Rest);
        let executors = shared.mailboxes.len();
        let rests = wait(HAND_OVER_DURATION_MAX, || hand_over.at_rest() == executors);
        let mut connections = self.shared.hand_over.take();
        connections.retain(|departed| {
            let fits = departed.record.fits();
            if !fits {
                self.shared.admission.connection_ended();
            }
            fits
        });
        if !rests {
            return Err((connections, too_slow()));
        }
        if let Some(file) = self.shared.memory_file.as_ref().filter(|_| hand_over.has_records()) {
            file.note_records();
        }
        self.stop_admin();
        let give = || {
            channel.give(&connections)?;
            channel.hear_received(HAND_OVER_ANSWER_MAX)?;
            channel.give_memory()
        };
        match give() {
            Ok(()) => Ok(connections.len()),
            Err(error) => Err((connections, error)),
        }
    }

    /// Serves again what was about to be given away.
    fn serve_on(&mut self, connections: Vec<Departed>) {
        if let Some(file) = &self.shared.memory_file {
            file.forget_records();
        }
        self.shared.hand_over.end_rest();
        self.tell_all(TakeOverOrder::Serve);
        // Some may have left after they were last looked at.
        for departed in connections.into_iter().chain(self.shared.hand_over.take()) {
            give_to_executor(&self.shared, departed);
        }
        self.stop_admin();
        if let Err(error) = self.open() {
            error!("no further connections are accepted: {error}");
        }
    }

    fn tell_all(&self, order: TakeOverOrder) {
        for mailbox in &self.shared.mailboxes {
            mailbox.post_from_outside(|| Message::TakeOver(order));
        }
    }
}

fn wait_until_ready(channel: &Channel, mut is_given_up: impl FnMut() -> bool) -> io::Result<()> {
    let begin = Instant::now();
    while !channel.wait(GIVE_UP_LOOK_EVERY)? {
        if is_given_up() {
            return Err(io::Error::other("a stop was ordered"));
        }
        if begin.elapsed() >= SUCCESSOR_START_MAX {
            let seconds = SUCCESSOR_START_MAX.as_secs();
            return Err(io::Error::other(format!(
                "the new process is not ready after {seconds} s"
            )));
        }
    }
    channel.hear_ready()
}

/// Waits until `is_so`, for `time` at most. Returns whether it is.
fn wait(time: Duration, is_so: impl Fn() -> bool) -> bool {
    let begin = Instant::now();
    while !is_so() {
        if begin.elapsed() >= time {
            return false;
        }
        thread::sleep(LOOK_EVERY);
    }
    true
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset => "the new process has ended".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            "the new process does not answer".to_owned()
        }
        _ => error.to_string(),
    }
}
