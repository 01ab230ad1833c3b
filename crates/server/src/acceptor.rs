//! The thread that accepts connections and deals them out, one shard after the other, or to the
//! shard whose port they came to.
//!
//! One acceptor instead of a `SO_REUSEPORT` socket per shard: the kernel would deal by a hash of
//! the addresses, and 4 connections on 2 shards would all land on one in 1 of 8 cases.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};
use slabcore_protocol::error_lines::TOO_MANY_CONNECTIONS;

use crate::cluster::Cluster;
use crate::listener::Listener;
use crate::log;
use crate::mailbox::Message;
use crate::tls_handshakes::{Handshakes, Newcomer};

/// Pause after descriptors ran out, mailboxes were full or `-c` was reached: not to spin.
const RETRY_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// Starts the acceptor; it ends when `stop` becomes readable.
pub(crate) fn spawn(
    cluster: Arc<Cluster>,
    listeners: Vec<Listener>,
    stop: OwnedFd,
) -> io::Result<JoinHandle<()>> {
    let has_tls = listeners.iter().any(|listener| listener.tls.is_some());
    let handshakes = if has_tls { Some(Handshakes::start(&cluster)?) } else { None };
    std::thread::Builder::new()
        .name("slabcore-accept".to_owned())
        .spawn(move || Acceptor { cluster, next_shard: 0, handshakes }.run(&listeners, &stop))
}

struct Acceptor {
    cluster: Arc<Cluster>,
    next_shard: usize,
    /// Where connections under TLS go first.
    handshakes: Option<Handshakes>,
}

impl Acceptor {
    fn run(mut self, listeners: &[Listener], stop: &OwnedFd) {
        loop {
            self.wait_for_room(stop);
            let mut polled: Vec<PollFd<'_>> = vec![PollFd::new(stop, PollFlags::IN)];
            polled.extend(listeners.iter().map(|it| PollFd::new(&it.socket, PollFlags::IN)));
            match poll(&mut polled, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return,
            }
            if !polled[0].revents().is_empty() {
                return;
            }
            for (listener, polled) in listeners.iter().zip(&polled[1..]) {
                if !polled.revents().is_empty() && !self.accept_all(listener) {
                    pause(stop);
                }
            }
        }
    }

    /// Without `maxconns_fast` connections beyond `-c` wait in the kernel until others have ended.
    fn wait_for_room(&self, stop: &OwnedFd) {
        let cluster = &self.cluster;
        if cluster.settings.maxconns_fast || cluster.has_room() {
            return;
        }
        let begun = Instant::now();
        cluster.accepting.store(false, Ordering::Relaxed);
        cluster.listen_disabled.fetch_add(1, Ordering::Relaxed);
        while !cluster.has_room() && !pause(stop) {}
        cluster.accepting.store(true, Ordering::Relaxed);
        let microseconds = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        cluster.listen_disabled_us.fetch_add(microseconds, Ordering::Relaxed);
    }

    /// Accepts what waits at a socket; false if resources ran out.
    fn accept_all(&mut self, listener: &Listener) -> bool {
        loop {
            if !self.cluster.settings.maxconns_fast && !self.cluster.has_room() {
                return true;
            }
            let shard = listener.shard.unwrap_or(self.next_shard);
            // Mailboxes keep room for batches: connections wait in the kernel instead.
            if !self.cluster.mailboxes[shard].takes_connection() {
                return false;
            }
            match accept_with(listener.socket.as_fd(), SocketFlags::CLOEXEC) {
                Ok(socket) => self.deal(socket, listener),
                Err(Errno::AGAIN) => return true,
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => return false,
                // The client has gone already: others may wait.
                Err(_) => {}
            }
        }
    }

    /// Hands a connection over.
    fn deal(&mut self, socket: OwnedFd, listener: &Listener) {
        let owner = listener.shard;
        let cluster = &self.cluster;
        if !cluster.has_room() {
            cluster.rejected_connections.fetch_add(1, Ordering::Relaxed);
            log::connection_refused(cluster.verbosity.load(Ordering::Relaxed));
            // It may be gone, or not read: it is refused either way.
            let _ = rustix::net::send(
                &socket,
                TOO_MANY_CONNECTIONS,
                rustix::net::SendFlags::NOSIGNAL | rustix::net::SendFlags::DONTWAIT,
            );
            return;
        }
        cluster.connections.fetch_add(1, Ordering::Relaxed);
        let shard = owner.unwrap_or(self.next_shard);
        if owner.is_none() {
            self.next_shard = (self.next_shard + 1) % cluster.mailboxes.len();
        }
        // A login that is due names the protocol that has it.
        let own = listener.protocol.filter(|_| cluster.users.is_none());
        let protocol = own.unwrap_or(cluster.settings.protocol);
        let stays = owner.is_some();
        if let Some(demanded) = listener.tls {
            let handshakes = self.handshakes.as_mut().expect("there are listeners under TLS");
            handshakes.begin(Newcomer { socket, stays, protocol, shard, demanded });
            return;
        }
        let message = Message::Connection { socket, stays, protocol, tls: None };
        if cluster.mailboxes[shard].hand_over(message).is_err() {
            // Dropping the message closes the connection.
            cluster.connection_ended();
        }
    }
}

/// Waits a little; true if the acceptor shall end.
fn pause(stop: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(stop, PollFlags::IN)];
    // An error is no order to stop.
    poll(&mut polled, Some(&RETRY_PAUSE)).is_ok_and(|ready| ready > 0)
}
