//! A UDP client. It writes and reads frames, and joins the datagrams of a message.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rustix::net::sockopt::set_socket_recv_buffer_size;

use crate::limits::SILENCE_MAX;
use crate::wire::replies::shown;

/// Bytes of a frame: id, sequence, number of datagrams, reserved.
const FRAME_BYTES: usize = 8;

/// Bytes of the largest reply datagram.
const REPLY_BYTES_MAX: usize = 1400;

/// Bytes of commands that fit one datagram.
pub const COMMANDS_BYTES_MAX: usize = 65_507 - FRAME_BYTES;

/// Receive buffer for replies that arrive faster than they are read. The system may grant less.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// One datagram of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The request's id.
    pub id: u16,
    /// Position in its message.
    pub sequence: u16,
    /// Number of datagrams of its message.
    pub total: u16,
    /// The bytes after the frame.
    pub part: Vec<u8>,
}

/// A client with its own socket. A read fails the test if the server stays silent for too long.
#[derive(Debug)]
pub struct DatagramClient {
    socket: UdpSocket,
    last_id: u16,
}

impl DatagramClient {
    /// A client of the server at this address.
    pub fn new(server: SocketAddr) -> Self {
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).expect("a socket");
        socket.connect(server).expect("a local address");
        socket.set_read_timeout(Some(SILENCE_MAX)).expect("a time is set");
        set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_BYTES).expect("a size is set");
        Self { socket, last_id: 0x01ff }
    }

    /// Sends a datagram of these bytes, frame included.
    pub fn send_raw(&self, bytes: &[u8]) {
        self.socket.send(bytes).expect("the system takes the datagram");
    }

    /// Sends commands in a frame with these numbers.
    pub fn send_framed(&self, [id, sequence, total, reserved]: [u16; 4], commands: &[u8]) {
        let mut bytes = Vec::with_capacity(FRAME_BYTES + commands.len());
        for number in [id, sequence, total, reserved] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(commands);
        self.send_raw(&bytes);
    }

    /// Sends commands as one request and returns its id.
    pub fn send(&mut self, commands: impl AsRef<[u8]>) -> u16 {
        self.last_id += 1;
        self.send_framed([self.last_id, 0, 1, 0], commands.as_ref());
        self.last_id
    }

    /// Receives the next datagram.
    pub fn read_datagram(&mut self) -> Datagram {
        let mut bytes = [0; REPLY_BYTES_MAX + 1];
        let count = match self.socket.recv(&mut bytes) {
            Ok(count) => count,
            Err(error) => panic!("the server sends no datagram: {error}"),
        };
        assert!((FRAME_BYTES..=REPLY_BYTES_MAX).contains(&count), "a datagram of {count} bytes");
        let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        assert_eq!(word(6), 0, "the reserved number");
        let part = bytes[FRAME_BYTES..count].to_vec();
        Datagram { id: word(0), sequence: word(2), total: word(4), part }
    }

    /// Receives the next message, which must answer the request `id`. All of its datagrams except
    /// the last must be full. A message of no datagrams is empty.
    pub fn read_message(&mut self, id: u16) -> Vec<u8> {
        let first = self.read_datagram();
        let total = first.total;
        assert_eq!((first.id, first.sequence), (id, 0), "{total}: {}", shown(&first.part));
        let mut message = first.part;
        for sequence in 1..total {
            let full = usize::from(sequence) * (REPLY_BYTES_MAX - FRAME_BYTES);
            assert_eq!(message.len(), full, "bytes before datagram {sequence}");
            let next = self.read_datagram();
            assert_eq!((next.id, next.sequence, next.total), (id, sequence, total));
            message.extend(next.part);
        }
        message
    }

    /// Sends commands, each answered with one message, and checks the messages.
    pub fn expect(&mut self, commands: impl AsRef<[u8]>, messages: &[&str]) {
        let id = self.send(commands.as_ref());
        for &message in messages {
            let got = self.read_message(id);
            let (wanted, got) = (shown(message.as_bytes()), shown(&got));
            assert_eq!(got, wanted, "to {}", shown(commands.as_ref()));
        }
    }

    /// Checks that no message is left: the next one must answer a new request. The server must
    /// answer in order, as with one thread.
    pub fn expect_silence(&mut self) {
        self.expect("mn\r\n", &["MN\r\n"]);
    }
}
