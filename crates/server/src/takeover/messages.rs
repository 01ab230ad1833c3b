//! The messages of a take-over, in their order.
//!
//! ```text
//! old process                                new process
//!     | -- offer: sockets, item memory ------> |
//!     | <----------------------------- ready - |
//!     | -- connections, some at a time ------> |
//!     | -- no more connections --------------> |
//!     | <-------------------------- received - |
//!     | -- the memory is yours --------------> |
//!     | <--------------------------- serving - |
//! ```
//! Up to "the memory is yours" the old process can serve on; from then on only the new one can.
//!
//! The first byte of a message is its kind. The version is that of all messages and of the records
//! of connections: a process that does not know it refuses, and the other one serves on.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::connection::connection_record::ConnectionRecord;
use crate::settings::Protocol;
use crate::settings::limits::MESSAGE_CONNECTIONS_MAX;
use crate::settings::listener::{DatagramSocket, Listener};
use crate::settings::tls::ClientCertificates;
use crate::shared::hand_over::Departed;
use crate::takeover::Channel;

/// Version of the messages.
const VERSION: u32 = 1;

const OFFER: u8 = 1;
const READY: u8 = 2;
const CONNECTIONS: u8 = 3;
const NO_MORE: u8 = 4;
const RECEIVED: u8 = 5;
const MEMORY: u8 = 6;
const SERVING: u8 = 7;

/// What the old process shares with the new one before the connections.
#[derive(Debug)]
pub(crate) struct Offer {
    /// Entries of a ring of the old process; 0: it has none.
    pub(crate) ring_entries: u32,
    /// The file of the item memory. Nothing in it may be touched yet.
    pub(crate) memory: OwnedFd,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) udp_sockets: Vec<DatagramSocket>,
    /// The listening socket of the metrics.
    pub(crate) metrics: Option<TcpListener>,
}

/// The same for the old process, which goes on using all of it.
#[derive(Debug)]
pub(crate) struct LentOffer<'a> {
    pub(crate) ring_entries: u32,
    pub(crate) memory: BorrowedFd<'a>,
    pub(crate) listeners: &'a [Listener],
    pub(crate) udp_sockets: &'a [OwnedFd],
    pub(crate) metrics: Option<BorrowedFd<'a>>,
}

impl Channel {
    /// Old process: offers what is lent.
    pub(crate) fn offer(&self, offer: &LentOffer<'_>) -> io::Result<()> {
        let mut bytes = vec![OFFER];
        let counts = [offer.listeners.len(), offer.udp_sockets.len()];
        let [listeners, udp_sockets] = counts.map(|count| count as u32);
        let has_metrics = u32::from(offer.metrics.is_some());
        for word in [VERSION, offer.ring_entries, listeners, udp_sockets, has_metrics] {
            bytes.extend(word.to_le_bytes());
        }
        for listener in offer.listeners {
            bytes.extend(listener.shard.map_or(0, |shard| shard as u32 + 1).to_le_bytes());
            bytes.push(encode_protocol(listener.protocol));
            bytes.push(encode_certificates(listener.tls));
        }
        let mut descriptors = vec![offer.memory];
        descriptors.extend(offer.listeners.iter().map(|it| it.socket.as_fd()));
        descriptors.extend(offer.udp_sockets.iter().map(AsFd::as_fd));
        descriptors.extend(offer.metrics);
        self.send(&bytes, &descriptors)
    }

    /// New process: receives the offer.
    pub(crate) fn receive_offer(&self) -> io::Result<Offer> {
        let received = self.receive()?;
        let mut bytes = body(&received.bytes, OFFER)?;
        let mut words = [0; 5];
        for word in &mut words {
            *word = take_word(&mut bytes)?;
        }
        let [version, ring_entries, listeners, udp_sockets, has_metrics] = words;
        if version != VERSION {
            let why =
                format!("the other process has version {version} of the hand-over's messages");
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let mut descriptors = received.descriptors.into_iter();
        let mut next = || descriptors.next().ok_or_else(nonsense);
        let memory = next()?;
        let mut all = Vec::new();
        for _ in 0..listeners {
            let shard = (take_word(&mut bytes)? as usize).checked_sub(1);
            let protocol = decode_protocol(take_byte(&mut bytes)?)?;
            let tls = decode_certificates(take_byte(&mut bytes)?)?;
            all.push(Listener { shard, protocol, tls, ..Listener::of_socket(next()?)? });
        }
        let udp_sockets = (0..udp_sockets)
            .map(|_| DatagramSocket::of_socket(next()?))
            .collect::<io::Result<_>>()?;
        let metrics = if has_metrics != 0 { Some(next()?.into()) } else { None };
        Ok(Offer { ring_entries, memory, listeners: all, udp_sockets, metrics })
    }

    /// New process: has all it needs but memory and connections.
    pub(crate) fn say_ready(&self) -> io::Result<()> {
        self.send(&[READY], &[])
    }

    /// Old process: hears [`Self::say_ready`], which has come.
    pub(crate) fn hear_ready(&self) -> io::Result<()> {
        self.hear(READY, Duration::ZERO)
    }

    /// Old process: gives connections away.
    pub(crate) fn give(&self, connections: &[Departed]) -> io::Result<()> {
        for some in connections.chunks(MESSAGE_CONNECTIONS_MAX) {
            let mut begin = 0;
            let mut bytes = vec![CONNECTIONS];
            for (place, departed) in some.iter().enumerate() {
                departed.record.encode(&mut bytes);
                // A record may be long.
                if bytes.len() >= LONG_BYTES || place + 1 == some.len() {
                    let sockets: Vec<_> =
                        some[begin..=place].iter().map(|it| it.socket.as_fd()).collect();
                    self.send(&bytes, &sockets)?;
                    begin = place + 1;
                    bytes.truncate(1);
                }
            }
        }
        self.send(&[NO_MORE], &[])
    }

    /// New process: takes what [`Self::give`] gives, if the first comes within `patience`.
    pub(crate) fn take(&self, patience: Duration) -> io::Result<Vec<Departed>> {
        let mut connections = Vec::new();
        self.expect(patience)?;
        loop {
            let received = self.receive()?;
            if received.bytes == [NO_MORE] {
                return Ok(connections);
            }
            let mut bytes = body(&received.bytes, CONNECTIONS)?;
            for socket in received.descriptors {
                let record = ConnectionRecord::decode(&mut bytes).ok_or_else(nonsense)?;
                connections.push(Departed { socket, record, upload: None });
            }
            if !bytes.is_empty() {
                return Err(nonsense());
            }
        }
    }

    /// New process: has all connections, and understands them.
    pub(crate) fn say_received(&self) -> io::Result<()> {
        self.send(&[RECEIVED], &[])
    }

    /// Old process: waits for [`Self::say_received`].
    pub(crate) fn hear_received(&self, patience: Duration) -> io::Result<()> {
        self.hear(RECEIVED, patience)
    }

    /// Old process: the item memory is the other's from now on. After an error it is not.
    pub(crate) fn give_memory(&self) -> io::Result<()> {
        self.send(&[MEMORY], &[])
    }

    /// New process: waits for [`Self::give_memory`].
    pub(crate) fn take_memory(&self, patience: Duration) -> io::Result<()> {
        self.hear(MEMORY, patience)
    }

    /// New process: serves all connections.
    pub(crate) fn say_serving(&self) -> io::Result<()> {
        self.send(&[SERVING], &[])
    }

    /// Old process: waits for [`Self::say_serving`].
    pub(crate) fn hear_serving(&self, patience: Duration) -> io::Result<()> {
        self.hear(SERVING, patience)
    }

    fn hear(&self, kind: u8, patience: Duration) -> io::Result<()> {
        self.expect(patience)?;
        if self.receive()?.bytes == [kind] { Ok(()) } else { Err(nonsense()) }
    }

    fn expect(&self, patience: Duration) -> io::Result<()> {
        if self.wait(patience)? { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    }
}

/// Bytes of records from which a message takes no further one.
const LONG_BYTES: usize = 1 << 20;

/// The rest of a message of this kind.
fn body(bytes: &[u8], kind: u8) -> io::Result<&[u8]> {
    match bytes.split_first() {
        Some((&first, rest)) if first == kind => Ok(rest),
        _ => Err(nonsense()),
    }
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the other process says what is not understood")
}

fn take_word(bytes: &mut &[u8]) -> io::Result<u32> {
    let (word, rest) = bytes.split_first_chunk().ok_or_else(nonsense)?;
    *bytes = rest;
    Ok(u32::from_le_bytes(*word))
}

fn take_byte(bytes: &mut &[u8]) -> io::Result<u8> {
    let (&byte, rest) = bytes.split_first().ok_or_else(nonsense)?;
    *bytes = rest;
    Ok(byte)
}

fn encode_protocol(protocol: Option<Protocol>) -> u8 {
    match protocol {
        None => 0,
        Some(Protocol::Auto) => 1,
        Some(Protocol::Text) => 2,
        Some(Protocol::Binary) => 3,
        Some(Protocol::Resp) => 4,
    }
}

fn decode_protocol(byte: u8) -> io::Result<Option<Protocol>> {
    match byte {
        0 => Ok(None),
        1 => Ok(Some(Protocol::Auto)),
        2 => Ok(Some(Protocol::Text)),
        3 => Ok(Some(Protocol::Binary)),
        4 => Ok(Some(Protocol::Resp)),
        _ => Err(nonsense()),
    }
}

fn encode_certificates(tls: Option<ClientCertificates>) -> u8 {
    match tls {
        None => 0,
        Some(ClientCertificates::Ignored) => 1,
        Some(ClientCertificates::Asked) => 2,
        Some(ClientCertificates::Required) => 3,
    }
}

fn decode_certificates(byte: u8) -> io::Result<Option<ClientCertificates>> {
    match byte {
        0 => Ok(None),
        1 => Ok(Some(ClientCertificates::Ignored)),
        2 => Ok(Some(ClientCertificates::Asked)),
        3 => Ok(Some(ClientCertificates::Required)),
        _ => Err(nonsense()),
    }
}
