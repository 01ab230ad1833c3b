//! The thread that accepts connections and gives them to the shards in turn, or to the shard whose
//! port they came to.
//!
//! There is one acceptor, not one `SO_REUSEPORT` socket per shard: the kernel chooses among those
//! by a hash of the addresses, and in 1 of 8 cases 4 connections on 2 shards would all be on one.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with, getsockname};
use slabcore_protocol::Protocol;
use slabcore_protocol::error_lines::{TOO_MANY_CLIENTS, TOO_MANY_CONNECTIONS};

use crate::connection::affinity::home_of;
use crate::connection::new_connection::NewConnection;
use crate::settings::address::{Address, Addresses};
use crate::settings::limits::ACCEPTS_PER_SOCKET_MAX;
use crate::settings::listener::Listener;
use crate::settings::log;
use crate::shared::graceful_close;
use crate::shared::mailbox::Message;
use crate::shared::shared_state::SharedState;
use crate::shared::tls_handshakes::{Handshakes, Newcomer};

/// Pause after something ran out or failed, so that the thread does not spin. It is memcached's.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// The running acceptor.
pub(super) struct AcceptorThread {
    stop: OwnedFd,
    thread: JoinHandle<()>,
}

impl AcceptorThread {
    /// Starts the acceptor.
    pub(super) fn start(
        shared: &Arc<SharedState>,
        listeners: &Arc<[Listener]>,
    ) -> io::Result<Self> {
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let thread = spawn(Arc::clone(shared), Arc::clone(listeners), stop.try_clone()?)?;
        Ok(Self { stop, thread })
    }

    /// Ends it. Connections wait in the kernel then.
    pub(super) fn stop(self) {
        // The counter cannot overflow.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        // It has ended either way.
        let _ = self.thread.join();
    }
}

/// Starts the thread. It ends when `stop` becomes readable. `stop` must not block.
fn spawn(
    shared: Arc<SharedState>,
    listeners: Arc<[Listener]>,
    stop: OwnedFd,
) -> io::Result<JoinHandle<()>> {
    let has_tls = listeners.iter().any(|listener| listener.tls.is_some());
    let handshakes = if has_tls { Some(Handshakes::start(&shared)?) } else { None };
    // Those that another process has handed over were dealt out like these.
    let dealt = shared.admission.open_connections() as u32;
    std::thread::Builder::new()
        .name("slabcore-accept".to_owned())
        .spawn(move || Acceptor { shared, dealt, handshakes }.run(&listeners, &stop))
}

struct Acceptor {
    shared: Arc<SharedState>,
    /// Connections dealt out so far, modulo 2^32.
    dealt: u32,
    /// The threads that connections under TLS go to first.
    handshakes: Option<Handshakes>,
}

/// Why accepting from a listening socket ended for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AcceptOutcome {
    /// All waiting connections were accepted, or as many as one socket may have in a row.
    Done,
    /// No shard has room for the connections of this socket, or it failed. It is tried again after
    /// a pause.
    Paused,
    /// The process has no descriptors left.
    NoDescriptors,
}

impl Acceptor {
    fn run(mut self, listeners: &[Listener], stop: &OwnedFd) {
        let mut paused_until: Vec<Option<Instant>> = vec![None; listeners.len()];
        loop {
            self.wait_for_room(stop);
            let now = Instant::now();
            for until in &mut paused_until {
                until.take_if(|until| now >= *until);
            }
            let awake: Vec<usize> =
                (0..listeners.len()).filter(|&number| paused_until[number].is_none()).collect();
            let mut polled: Vec<PollFd<'_>> = vec![PollFd::new(stop, PollFlags::IN)];
            let sockets = awake.iter().map(|&number| &listeners[number].socket);
            polled.extend(sockets.map(|socket| PollFd::new(socket, PollFlags::IN)));
            let has_paused = awake.len() < listeners.len();
            match poll(&mut polled, has_paused.then(retry_pause).as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => {
                    log::accept_failed("poll()", error);
                    if has_stopped(stop) {
                        return;
                    }
                    std::thread::sleep(RETRY_PAUSE);
                    continue;
                }
            }
            if !polled[0].revents().is_empty() {
                return;
            }
            let ready: Vec<usize> = awake
                .iter()
                .zip(&polled[1..])
                .filter(|(_, polled)| !polled.revents().is_empty())
                .map(|(&number, _)| number)
                .collect();
            for number in ready {
                match self.accept_from(&listeners[number]) {
                    AcceptOutcome::Done => {}
                    AcceptOutcome::Paused => {
                        paused_until[number] = Some(Instant::now() + RETRY_PAUSE);
                    }
                    AcceptOutcome::NoDescriptors => self.stop_accepting(stop, has_descriptor),
                }
            }
        }
    }

    /// Waits while `-c` connections are open. Without `maxconns_fast` further ones wait in the
    /// kernel until others have ended.
    fn wait_for_room(&self, stop: &OwnedFd) {
        let shared = &self.shared;
        if !shared.settings.maxconns_fast && !shared.admission.has_room() {
            self.stop_accepting(stop, || shared.admission.has_room());
        }
    }

    /// Accepts nothing until `has_room`, or the server stops.
    fn stop_accepting(&self, stop: &OwnedFd, has_room: impl Fn() -> bool) {
        let shared = &self.shared;
        let begun = Instant::now();
        shared.admission.begin_pause();
        while !pause(stop) && !has_room() {}
        shared.admission.end_pause(begun.elapsed());
    }

    /// Accepts some of the connections that wait at a socket.
    fn accept_from(&mut self, listener: &Listener) -> AcceptOutcome {
        for _ in 0..ACCEPTS_PER_SOCKET_MAX {
            if !self.shared.settings.maxconns_fast && !self.shared.admission.has_room() {
                break;
            }
            // Mailboxes keep room for batches, so connections may have to wait in the kernel.
            let Some(shard) = self.shard_for(listener) else { return AcceptOutcome::Paused };
            match acceptfrom_with(listener.socket.as_fd(), SocketFlags::CLOEXEC) {
                Ok((socket, peer)) => self.deal(socket, peer, listener, shard),
                Err(Errno::AGAIN) => break,
                // This client is gone already, or is not allowed. Others may wait.
                Err(Errno::CONNABORTED | Errno::PROTO | Errno::PERM | Errno::INTR) => {}
                Err(error @ (Errno::MFILE | Errno::NFILE)) => {
                    log::accept_failed("accept4()", error);
                    return AcceptOutcome::NoDescriptors;
                }
                Err(error) => {
                    log::accept_failed("accept4()", error);
                    return AcceptOutcome::Paused;
                }
            }
        }
        AcceptOutcome::Done
    }

    /// The shard for the next connection: the listener's own, or the next in turn that has room.
    fn shard_for(&self, listener: &Listener) -> Option<usize> {
        let mailboxes = &self.shared.mailboxes;
        let takes = |shard: &usize| mailboxes[*shard].takes_connection();
        match listener.shard {
            Some(own) => Some(own).filter(takes),
            None => {
                let serving = self.shared.serving.executors();
                let home = home_of(self.dealt, serving).index();
                (0..serving).map(|n| (home + n) % serving).find(takes)
            }
        }
    }

    /// Hands a connection over to a shard.
    fn deal(
        &mut self,
        socket: OwnedFd,
        peer: Option<SocketAddrAny>,
        listener: &Listener,
        shard: usize,
    ) {
        let owner = listener.shard;
        let shared = &self.shared;
        if !shared.admission.has_room() {
            shared.admission.connection_rejected();
            log::connection_refused(shared.verbosity.load(Ordering::Relaxed));
            let line = match listener.protocol {
                Some(Protocol::Resp) => TOO_MANY_CLIENTS,
                _ => TOO_MANY_CONNECTIONS,
            };
            // The client is refused, also if it does not read why.
            let _ = rustix::net::send(
                &socket,
                line,
                rustix::net::SendFlags::NOSIGNAL | rustix::net::SendFlags::DONTWAIT,
            );
            graceful_close::close(&socket);
            return;
        }
        shared.admission.connection_opened();
        let number = owner.is_none().then_some(self.dealt);
        self.dealt = self.dealt.wrapping_add(u32::from(owner.is_none()));
        // With logins, all listeners of memcached's protocols speak the one that has them.
        let has_logins = shared.users.is_some();
        let own = listener.protocol.filter(|own| !has_logins || *own == Protocol::Resp);
        let protocol = own.unwrap_or(shared.settings.protocol);
        let local = Address::of(getsockname(&socket).ok());
        let addresses = Addresses { peer: Address::of(peer), local };
        let connection = Box::new(NewConnection { addresses, number, protocol, tls: None });
        if let Some(demanded) = listener.tls {
            let handshakes = self.handshakes.as_mut().expect("there are listeners under TLS");
            handshakes.begin(Newcomer { socket, connection, shard, demanded });
            return;
        }
        if shared.mailboxes[shard].hand_over(Message::Connection(socket, connection)).is_err() {
            // Dropping the message closes the connection.
            shared.admission.connection_ended();
        }
    }
}

/// Waits a little. True if the acceptor is to end.
fn pause(stop: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(stop, PollFlags::IN)];
    match poll(&mut polled, Some(&retry_pause())) {
        Ok(ready) => ready > 0,
        // It may fail at once, without an order to stop.
        Err(_) => {
            std::thread::sleep(RETRY_PAUSE);
            has_stopped(stop)
        }
    }
}

fn retry_pause() -> Timespec {
    Timespec { tv_sec: 0, tv_nsec: RETRY_PAUSE.subsec_nanos().into() }
}

/// True if the acceptor is to end. It does without `poll`, which may fail.
fn has_stopped(stop: &OwnedFd) -> bool {
    rustix::io::read(stop, &mut [0; 8]).is_ok()
}

/// True if the process could get another descriptor.
fn has_descriptor() -> bool {
    eventfd(0, EventfdFlags::CLOEXEC).is_ok()
}

#[cfg(test)]
#[path = "acceptor_tests.rs"]
mod tests;
