//! TLS handshakes, on threads of their own, because a signature takes longer than a thousand gets.
//! A connection comes to its shard after its handshake.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustls::{HandshakeKind, ServerConnection};

use crate::connection::ConnectionId;
use crate::connection::new_connection::NewConnection;
use crate::connection::tls_session::TlsSession;
use crate::settings::fatal::end_process;
use crate::settings::limits::{HANDSHAKE_DURATION_MAX, HANDSHAKE_THREADS_MAX};
use crate::settings::log;
use crate::settings::tls::ClientCertificates;
use crate::shared::graceful_close;
use crate::shared::mailbox::Message;
use crate::shared::shared_state::{SharedState, SharedTls};
use crate::shared::slot_map::SlotMap;

/// Number of the doorbell among the events. Handshakes have small numbers.
const DOORBELL: u64 = u64::MAX;

/// Events taken per system call.
const EVENTS_MAX: usize = 64;

/// Bytes read at a time: twice what a client without a certificate sends in a handshake.
const READ_BYTES: usize = 4 << 10;

/// Niceness of the threads: served connections come before new ones.
const NICENESS: i32 = 5;

/// Interval of searches for handshakes that take too long.
const SWEEP_PERIOD: Duration = Duration::from_secs(1);

/// Time until a full mailbox is tried again.
const RETRY_PERIOD: Duration = Duration::from_millis(10);

/// An accepted connection before its handshake.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) socket: OwnedFd,
    pub(crate) connection: Box<NewConnection>,
    /// The shard that will serve it.
    pub(crate) shard: usize,
    /// The listener's rule for client certificates.
    pub(crate) demanded: ClientCertificates,
}

/// The threads. They end when this is dropped, with all handshakes under way.
#[derive(Debug)]
pub(crate) struct Handshakes {
    threads: Vec<Thread>,
    /// The thread that gets the next connection.
    next: usize,
}

#[derive(Debug)]
struct Thread {
    /// `None` once the thread is to end.
    newcomers: Option<Sender<Newcomer>>,
    doorbell: OwnedFd,
    handle: Option<JoinHandle<io::Result<()>>>,
}

impl Handshakes {
    /// Starts a thread for each shard, a few at most.
    pub(crate) fn start(shared: &Arc<SharedState>) -> io::Result<Self> {
        let count = shared.settings.shards.min(HANDSHAKE_THREADS_MAX);
        let threads = (0..count).map(|_| Thread::start(shared)).collect::<io::Result<_>>()?;
        Ok(Self { threads, next: 0 })
    }

    /// Begins a handshake. The connection is counted already.
    pub(crate) fn begin(&mut self, newcomer: Newcomer) {
        let thread = &self.threads[self.next];
        self.next = (self.next + 1) % self.threads.len();
        if let Some(newcomers) = &thread.newcomers {
            // The thread ends only after this sender is gone.
            let _ = newcomers.send(newcomer);
            ring(&thread.doorbell);
        }
    }
}

impl Drop for Handshakes {
    fn drop(&mut self) {
        for thread in &mut self.threads {
            thread.newcomers = None;
            ring(&thread.doorbell);
        }
        for thread in &mut self.threads {
            if let Some(handle) = thread.handle.take() {
                // The thread has ended either way.
                let _ = handle.join();
            }
        }
    }
}

fn ring(doorbell: &OwnedFd) {
    // The counter cannot overflow before it is read.
    let _ = rustix::io::write(doorbell, &1_u64.to_ne_bytes());
}

impl Thread {
    fn start(shared: &Arc<SharedState>) -> io::Result<Self> {
        let (sender, newcomers) = unbounded();
        let doorbell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let data = epoll::EventData::new_u64(DOORBELL);
        epoll::add(&epoll, &doorbell, data, epoll::EventFlags::IN)?;
        let worker = Worker {
            shared: Arc::clone(shared),
            newcomers,
            doorbell: doorbell.try_clone()?,
            epoll,
            under_way: SlotMap::default(),
            done: Vec::new(),
        };
        // If it failed, its handshakes would be lost and still count for `-c`.
        let end = |error: &io::Error| end_process("a thread for TLS handshakes", error);
        let handle = std::thread::Builder::new()
            .name("slabcore-tls".to_owned())
            .spawn(move || worker.run().inspect_err(end))?;
        Ok(Self { newcomers: Some(sender), doorbell, handle: Some(handle) })
    }
}

/// A handshake under way.
struct Handshake {
    newcomer: Newcomer,
    session: ServerConnection,
    started: Instant,
    /// Bytes that the socket has not taken yet.
    unsent: Vec<u8>,
    interest: epoll::EventFlags,
}

/// State of a handshake after a step.
enum HandshakeStep {
    /// It waits for the socket.
    Waits(epoll::EventFlags),
    Done,
    Failed(HandshakeFailure),
}

/// Why a handshake failed.
enum HandshakeFailure {
    /// The client closed the connection.
    Closed,
    /// It took longer than [`HANDSHAKE_DURATION_MAX`].
    Slow,
    System(Errno),
    /// What the client sent is not TLS, or not a session that the server accepts.
    Refused(rustls::Error),
}

impl fmt::Display for HandshakeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => write!(f, "the client closed the connection"),
            Self::Slow => write!(f, "it took longer than {} s", HANDSHAKE_DURATION_MAX.as_secs()),
            Self::System(error) => write!(f, "{error}"),
            Self::Refused(error) => write!(f, "{error}"),
        }
    }
}

struct Worker {
    shared: Arc<SharedState>,
    newcomers: Receiver<Newcomer>,
    doorbell: OwnedFd,
    epoll: OwnedFd,
    under_way: SlotMap<Handshake>,
    /// Connections after their handshake, and the shards that take them when they have room.
    done: Vec<(usize, Message)>,
}

impl Worker {
    /// Runs until the sender of new connections is gone.
    fn run(mut self) -> io::Result<()> {
        // If this fails, the thread only competes more.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let mut swept = Instant::now();
        loop {
            let timeout = self.timeout();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in events.drain(..) {
                match event.data.u64() {
                    DOORBELL => {
                        if !self.take_new() {
                            return Ok(());
                        }
                    }
                    id => self.go_on(ConnectionId::from_bits(id)),
                }
            }
            self.deliver();
            if swept.elapsed() >= SWEEP_PERIOD {
                self.sweep();
                swept = Instant::now();
            }
        }
    }

    fn timeout(&self) -> Option<Timespec> {
        let is_idle = self.under_way.is_empty();
        let period = match self.done.is_empty() {
            false => RETRY_PERIOD,
            true if is_idle => return None,
            true => SWEEP_PERIOD,
        };
        Timespec::try_from(period).ok()
    }

    /// Begins the handshakes of new connections. False if the sender is gone.
    fn take_new(&mut self) -> bool {
        let mut rings = [0; 8];
        // The channel is looked at in any case.
        let _ = rustix::io::read(&self.doorbell, &mut rings);
        loop {
            match self.newcomers.try_recv() {
                Ok(newcomer) => self.begin(newcomer),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn begin(&mut self, newcomer: Newcomer) {
        let config = self.tls().config(newcomer.demanded);
        let session = match ServerConnection::new(config) {
            Ok(session) => session,
            Err(error) => return self.failed(&HandshakeFailure::Refused(error)),
        };
        let interest = epoll::EventFlags::IN;
        let (started, unsent) = (Instant::now(), Vec::new());
        let handshake = Handshake { newcomer, session, started, unsent, interest };
        let id = self.under_way.insert_with(|_| handshake);
        self.watch_new(id, interest);
    }

    /// Has a new handshake's socket watched, and begins it.
    fn watch_new(&mut self, id: ConnectionId, interest: epoll::EventFlags) {
        let Some(handshake) = self.under_way.find_mut(id) else { return };
        let data = epoll::EventData::new_u64(id.to_bits());
        if let Err(error) = epoll::add(&self.epoll, &handshake.newcomer.socket, data, interest) {
            self.under_way.remove(id.index);
            return self.failed(&HandshakeFailure::System(error));
        }
        self.go_on(id);
    }

    fn go_on(&mut self, id: ConnectionId) {
        let Some(handshake) = self.under_way.find_mut(id) else { return };
        match handshake.step() {
            HandshakeStep::Waits(wanted) if wanted == handshake.interest => {}
            HandshakeStep::Waits(wanted) => {
                handshake.interest = wanted;
                let data = epoll::EventData::new_u64(id.to_bits());
                let socket = &handshake.newcomer.socket;
                if let Err(error) = epoll::modify(&self.epoll, socket, data, wanted) {
                    self.end(id.index);
                    self.failed(&HandshakeFailure::System(error));
                }
            }
            HandshakeStep::Done => {
                if let Some(handshake) = self.end(id.index) {
                    self.finish(handshake);
                }
            }
            HandshakeStep::Failed(why) => {
                if let Some(handshake) = self.end(id.index) {
                    graceful_close::close(&handshake.newcomer.socket);
                }
                self.failed(&why);
            }
        }
    }

    /// Removes a handshake, and stops watching its socket.
    fn end(&mut self, index: u32) -> Option<Handshake> {
        let handshake = self.under_way.remove(index)?;
        // It cannot fail: the socket is open and watched.
        let _ = epoll::delete(&self.epoll, &handshake.newcomer.socket);
        Some(handshake)
    }

    fn finish(&mut self, handshake: Handshake) {
        let Handshake { newcomer, session, .. } = handshake;
        if session.handshake_kind() != Some(HandshakeKind::Resumed) {
            self.tls().new_sessions.fetch_add(1, Ordering::Relaxed);
        }
        let Newcomer { socket, mut connection, shard, .. } = newcomer;
        connection.tls = Some(Box::new(TlsSession::new(session)));
        self.done.push((shard, Message::Connection(socket, connection)));
    }

    /// Hands connections to their shards, if those have room.
    fn deliver(&mut self) {
        for (shard, message) in std::mem::take(&mut self.done) {
            let mailbox = &self.shared.mailboxes[shard];
            if !mailbox.takes_connection() {
                self.done.push((shard, message));
            } else if mailbox.hand_over(message).is_err() {
                // Dropping the message closed the connection.
                self.shared.admission.connection_ended();
            }
        }
    }

    /// Ends the handshakes that take too long.
    fn sweep(&mut self) {
        for index in self.under_way.indices() {
            let late = |it: &Handshake| it.started.elapsed() >= HANDSHAKE_DURATION_MAX;
            if self.under_way.get(index).is_some_and(late) {
                self.end(index);
                self.failed(&HandshakeFailure::Slow);
            }
        }
    }

    fn failed(&self, why: &HandshakeFailure) {
        log::handshake_failed(self.shared.verbosity.load(Ordering::Relaxed), why);
        self.tls().handshake_errors.fetch_add(1, Ordering::Relaxed);
        self.shared.admission.connection_ended();
    }

    fn tls(&self) -> &SharedTls {
        self.shared.tls.as_ref().expect("a listener under TLS needs it")
    }
}

impl Handshake {
    /// Goes on as far as possible without waiting.
    fn step(&mut self) -> HandshakeStep {
        loop {
            while self.session.wants_write() {
                // Writing to memory never fails.
                let _ = self.session.write_tls(&mut self.unsent);
            }
            match self.send() {
                Ok(()) if !self.session.is_handshaking() => return HandshakeStep::Done,
                Ok(()) => {}
                Err(Errno::AGAIN) => return HandshakeStep::Waits(epoll::EventFlags::OUT),
                Err(error) => return HandshakeStep::Failed(HandshakeFailure::System(error)),
            }
            let mut received = [0; READ_BYTES];
            match recv(self.newcomer.socket.as_fd(), &mut received, RecvFlags::DONTWAIT) {
                Ok((0, _)) => return HandshakeStep::Failed(HandshakeFailure::Closed),
                Ok((bytes, _)) => {
                    if let Err(error) = self.receive(&received[..bytes]) {
                        return HandshakeStep::Failed(HandshakeFailure::Refused(error));
                    }
                }
                Err(Errno::AGAIN) => return HandshakeStep::Waits(epoll::EventFlags::IN),
                Err(Errno::INTR) => {}
                Err(error) => return HandshakeStep::Failed(HandshakeFailure::System(error)),
            }
        }
    }

    /// Processes received bytes. An error: they are invalid; the client gets an alert.
    fn receive(&mut self, mut received: &[u8]) -> Result<(), rustls::Error> {
        while !received.is_empty() {
            let read = self.session.read_tls(&mut received);
            let is_read = read.is_ok_and(|bytes| bytes > 0);
            let full = || rustls::Error::General("its messages are too long".to_owned());
            let processed = if is_read { self.session.process_new_packets() } else { Err(full()) };
            if let Err(error) = processed {
                // The alert is for the client's log. If it is lost, nothing changes.
                let _ = self.session.write_tls(&mut self.unsent);
                let _ = self.send();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sends what is unsent.
    fn send(&mut self) -> rustix::io::Result<()> {
        while !self.unsent.is_empty() {
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match send(self.newcomer.socket.as_fd(), &self.unsent, flags) {
                Ok(bytes) => drop(self.unsent.drain(..bytes)),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::launch::executor_setup::make_setups;
    use crate::settings::BackendChoice;
    use crate::shared::shared_state::Backend;
    use crate::whole_server::settings;

    /// The thread ended silently, and clients waited until they gave up.
    #[test]
    fn a_thread_that_cannot_wait_says_why() {
        let settings = settings(BackendChoice::Epoll);
        let backend = Backend::Epoll(String::new());
        let (shared, _setups) =
            make_setups(settings, backend, &[], Vec::new(), 1).map_err(drop).unwrap();
        let (_newcomers, receiver) = unbounded();
        let no_epoll = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        let worker = Worker {
            shared,
            newcomers: receiver,
            doorbell: no_epoll.try_clone().unwrap(),
            epoll: no_epoll,
            under_way: SlotMap::default(),
            done: Vec::new(),
        };
        let error = worker.run().unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::INVAL));
    }
}
