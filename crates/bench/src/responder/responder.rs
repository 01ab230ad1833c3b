//! The responder's turn: it counts requests by their bytes, and answers each with the same reply.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use crate::responder::bare_ring::{BareRing, Completion};
use crate::responder::replies::Replies;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// A connection.
#[derive(Debug)]
struct Client {
    socket: OwnedFd,
    /// Received bytes of an incomplete request.
    incomplete_bytes: usize,
    /// Bytes of replies that are not sent yet.
    owed_bytes: usize,
    /// Bytes of the first of them that have left.
    sent_bytes: usize,
    is_sending: bool,
    at_end: bool,
}

/// A server that answers each `request_bytes` bytes with one reply.
pub struct Responder {
    ring: BareRing,
    listener: TcpListener,
    replies: Replies,
    request_bytes: usize,
    /// By descriptor.
    clients: Vec<Option<Client>>,
    completions: Vec<Completion>,
    /// Descriptors of clients that something has happened to.
    touched: Vec<i32>,
}

impl Responder {
    /// Listens on a free port of 127.0.0.1. Fails where `io_uring` is refused.
    pub fn new(request_bytes: usize, reply: &[u8]) -> io::Result<Self> {
        assert!(request_bytes > 0);
        let replies = Replies::of(reply);
        let mut ring = BareRing::new(replies)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        // Accepted sockets inherit it.
        rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
        rustix::net::listen(&listener, BACKLOG)?;
        ring.accept(listener.as_fd());
        Ok(Self {
            ring,
            listener,
            replies,
            request_bytes,
            clients: Vec::new(),
            completions: Vec::new(),
            touched: Vec::new(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers what has come, and waits for more.
    pub fn turn(&mut self) -> io::Result<()> {
        let mut completions = std::mem::take(&mut self.completions);
        self.ring.completions(&mut completions);
        let came = !completions.is_empty();
        for completion in completions.drain(..) {
            self.complete(completion)?;
        }
        self.completions = completions;
        let mut touched = std::mem::take(&mut self.touched);
        for socket in touched.drain(..) {
            self.settle(socket);
        }
        self.touched = touched;
        self.ring.enter(came)
    }

    fn complete(&mut self, completion: Completion) -> io::Result<()> {
        match completion {
            Completion::Accepted(socket) => self.open(socket?),
            Completion::Received { socket, bytes } => {
                let client = of(&mut self.clients, socket);
                client.incomplete_bytes += bytes;
                let requests = client.incomplete_bytes / self.request_bytes;
                client.incomplete_bytes %= self.request_bytes;
                client.owed_bytes += requests * self.replies.reply_bytes();
                self.touched.push(socket);
            }
            Completion::ReceiveEnded { socket, at_end } => {
                if at_end {
                    of(&mut self.clients, socket).at_end = true;
                    self.touched.push(socket);
                } else {
                    self.ring.receive(socket);
                }
            }
            Completion::Sent { socket, result } => {
                let client = of(&mut self.clients, socket);
                client.is_sending = false;
                match usize::try_from(result) {
                    Ok(bytes) => {
                        client.owed_bytes -= bytes;
                        client.sent_bytes =
                            (client.sent_bytes + bytes) % self.replies.reply_bytes();
                    }
                    // The client is gone, so the receive ends, too.
                    Err(_) => client.owed_bytes = 0,
                }
                self.touched.push(socket);
            }
        }
        Ok(())
    }

    fn open(&mut self, socket: OwnedFd) {
        let descriptor = socket.as_raw_fd();
        let at = index(descriptor);
        if at >= self.clients.len() {
            self.clients.resize_with(at + 1, || None);
        }
        self.clients[at] = Some(Client {
            socket,
            incomplete_bytes: 0,
            owed_bytes: 0,
            sent_bytes: 0,
            is_sending: false,
            at_end: false,
        });
        self.ring.receive(descriptor);
    }

    /// Sends what a client is owed, or closes it. One send is under way at a time.
    fn settle(&mut self, socket: i32) {
        let Some(client) = &mut self.clients[index(socket)] else { return };
        if client.is_sending {
            return;
        }
        if client.at_end {
            self.clients[index(socket)] = None;
        } else if client.owed_bytes > 0 {
            let start = client.sent_bytes;
            let bytes = client.owed_bytes.min(self.replies.bytes().len() - start);
            client.is_sending = true;
            self.ring.send(client.socket.as_raw_fd(), start, bytes);
        }
    }
}

fn index(socket: i32) -> usize {
    usize::try_from(socket).expect("a descriptor is not negative")
}

fn of(clients: &mut [Option<Client>], socket: i32) -> &mut Client {
    clients[index(socket)].as_mut().expect("it is closed after its operations have ended")
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::load::fixed_reply::FixedReply;
    use crate::load::generator::{Generator, Until};
    use crate::load::workload::{Operation, Workload};

    /// Every byte of the replies is checked by the generator. Some requests and replies are longer
    /// than what one receive or send takes.
    #[test]
    fn loads_of_one_key_are_answered() {
        let check = |operation, value_bytes, connections, depth| {
            let workload = Workload {
                operation,
                keys: 1,
                value_bytes: vec![value_bytes],
                connections,
                depth,
                ..Workload::default()
            };
            let fixed = FixedReply::of(&workload).unwrap();
            let (send_address, address) = mpsc::channel();
            let stops = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| {
                    // The ring belongs to the thread that makes it.
                    let made = Responder::new(fixed.request_bytes, &fixed.reply);
                    let Ok(mut responder) = made else { return drop(send_address) };
                    send_address.send(responder.address().unwrap()).unwrap();
                    while !stops.load(Ordering::Relaxed) {
                        responder.turn().unwrap();
                    }
                });
                let Ok(address) = address.recv() else {
                    eprintln!("skipped: io_uring is refused");
                    return;
                };
                let requests = (20 * depth) as u64;
                let result = Generator::connect(address, &workload, 1)
                    .and_then(|mut generator| generator.closed_loop(Until::Requests(requests)));
                stops.store(true, Ordering::Relaxed);
                // It wakes the responder, which then looks at `stops`.
                drop(TcpStream::connect(address));
                let tally = result.unwrap();
                assert!(tally.requests >= requests && tally.misses == 0, "{tally:?}");
            });
        };
        check(Operation::Get { keys: 1 }, 100, 3, 1);
        check(Operation::Get { keys: 1 }, 100, 1, 4000);
        check(Operation::Get { keys: 1 }, 300_000, 2, 20);
        check(Operation::Get { keys: 50 }, 10, 2, 3);
        check(Operation::MetaGet, 100, 2, 16);
        check(Operation::Set, 100_000, 2, 16);
    }
}
