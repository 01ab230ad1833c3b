//! `stats conns`: each executor describes its connections, and who asks puts them together.
//!
//! Only a driver knows the sockets, so an executor that is asked by another one stops at that
//! message, has its driver look, and answers in its next turn.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::net::{SocketAddrAny, SocketAddrUnix, getpeername, getsockname};
use slabcore_protocol::{END, encode_stat};
use slabcore_shard::ReplyPart;

use crate::cluster::Cluster;
use crate::connection::{Connection, State};
use crate::core::Core;
use crate::entry::{Entry, Waiting};
use crate::gather::{Gather, Gathering};
use crate::hub::Hub;
use crate::limits::CONNECTIONS_TOLD_MAX;

/// What memcached shows where there is no address.
const NO_ADDRESS: &str = "?:<AF 0>";

/// A socket that no connection belongs to: a listener, or one for datagrams.
#[derive(Debug)]
pub(crate) struct PortSocket {
    descriptor: i32,
    address: String,
    is_udp: bool,
}

impl PortSocket {
    pub(crate) fn new(socket: impl AsFd, is_udp: bool) -> Self {
        let socket = socket.as_fd();
        let address = shown(getsockname(socket).ok(), is_udp);
        Self { descriptor: socket.as_raw_fd(), address, is_udp }
    }

    /// As memcached counts from the start on.
    fn lines(&self, uptime: u64) -> String {
        let Self { descriptor, address, is_udp } = self;
        let (first, state) = if *is_udp {
            (format!("STAT {descriptor}:UDP UDP\r\n"), "conn_read")
        } else {
            (String::new(), "conn_listening")
        };
        format!(
            "{first}STAT {descriptor}:addr {address}\r\nSTAT {descriptor}:state {state}\r\n\
             STAT {descriptor}:secs_since_last_cmd {uptime}\r\n"
        )
    }
}

/// What was told of connections, by descriptor.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    lines: BTreeMap<i32, String>,
    untold: u64,
}

impl Connections {
    /// Appends a connection in the form that [`Self::merge_bytes`] takes.
    fn append(out: &mut Vec<u8>, descriptor: i32, lines: &str) {
        out.extend_from_slice(&descriptor.to_le_bytes());
        out.extend_from_slice(&(lines.len() as u32).to_le_bytes());
        out.extend_from_slice(lines.as_bytes());
    }

    /// Adds what a shard told: how many connections it left out, and the others.
    pub(crate) fn merge_bytes(&mut self, bytes: &[u8]) {
        let Some((untold, mut rest)) = bytes.split_first_chunk() else { return };
        self.untold += u64::from_le_bytes(*untold);
        while let Some((head, behind)) = rest.split_first_chunk::<8>() {
            let [a, b, c, d, length @ ..] = *head;
            let (lines, behind) = behind.split_at(u32::from_le_bytes(length) as usize);
            let lines = String::from_utf8_lossy(lines).into_owned();
            self.lines.insert(i32::from_le_bytes([a, b, c, d]), lines);
            rest = behind;
        }
    }

    /// The reply, in the order of descriptors.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, cluster: &Cluster) {
        let uptime = cluster.clock.uptime();
        let ports = cluster.port_sockets.iter().map(|it| (it.descriptor, it.lines(uptime)));
        let mut all: BTreeMap<i32, String> = ports.collect();
        all.extend(self.lines.iter().map(|(descriptor, lines)| (*descriptor, lines.clone())));
        for lines in all.values() {
            out.extend_from_slice(lines.as_bytes());
        }
        if self.untold > 0 {
            encode_stat(out, "untold_connections", self.untold);
        }
        out.extend_from_slice(END);
    }
}

impl Connection {
    /// `stats conns`: all shards are asked, this one too once its driver comes to it.
    pub(crate) fn connections(&mut self, core: &mut Core) {
        let gathering = Gathering::Connections(Box::default());
        let gather = Gather::new(gathering, core.router.shards(), None);
        let slot = self.output.open_gather(Box::new(gather), &mut core.spares);
        let ticket = self.ticket_for(slot);
        core.tellings.push(ticket);
        for shard in core.other_shards() {
            core.outboxes.push_question(shard, ticket);
        }
    }

    /// memcached's name for what the connection is at.
    fn state_name(&self, waiting: Waiting) -> &'static str {
        match (&self.state, waiting) {
            (State::Closing, _) => "conn_closing",
            (State::Watching(_), _) => "conn_watch",
            (State::Upload(_), _) => "conn_nread",
            (State::Swallow { .. }, _) => "conn_swallow",
            (_, Waiting::Room) if self.output.has_gathers() => "conn_parse_cmd",
            (_, Waiting::Room) => "conn_mwrite",
            (_, Waiting::Quiet | Waiting::Departure) => "conn_waiting",
            (State::Keys { .. } | State::Dump(_), _) | (_, Waiting::Turn) => "conn_parse_cmd",
            (State::Line, Waiting::Input) if !self.output.is_empty() => "conn_parse_cmd",
            (State::Line, Waiting::Input) => "conn_read",
        }
    }
}

impl Hub {
    /// True if somebody waits for [`Self::tell_connections`].
    #[inline]
    pub(crate) fn is_to_tell(&self) -> bool {
        !self.core.tellings.is_empty() || self.postponed.is_some()
    }

    /// Describes the connections, whose sockets the driver knows: for those of this executor that
    /// ask, and for the message that was postponed.
    #[cold]
    pub(crate) fn tell_connections<'a>(
        &mut self,
        socket_of: impl Fn(u32) -> Option<BorrowedFd<'a>>,
    ) {
        let mut told = Vec::new();
        let indices = self.indices();
        let untold = indices.len().saturating_sub(CONNECTIONS_TOLD_MAX) as u64;
        told.extend_from_slice(&untold.to_le_bytes());
        for index in indices.into_iter().take(CONNECTIONS_TOLD_MAX) {
            if let (Some(entry), Some(socket)) = (&self.entries[index as usize], socket_of(index)) {
                let lines = lines_of(entry, socket, self.core.now.tick);
                Connections::append(&mut told, socket.as_raw_fd(), &lines);
            }
        }
        for ticket in std::mem::take(&mut self.core.tellings) {
            self.deliver(self.core.index, ticket, ReplyPart::Bytes(&told));
        }
        self.core.shards.own_mut().tell_connections(told);
        self.is_told = true;
    }

    /// What was told holds for the messages of one turn.
    #[inline]
    pub(crate) fn forget_told(&mut self) {
        if std::mem::take(&mut self.is_told) {
            self.core.shards.own_mut().tell_connections(Vec::new());
        }
    }
}

fn lines_of(entry: &Entry, socket: BorrowedFd<'_>, tick: u32) -> String {
    let descriptor = socket.as_raw_fd();
    let peer = shown(getpeername(socket).ok().flatten(), false);
    let local = shown(getsockname(socket).ok(), false);
    let state = entry.connection.state_name(entry.waiting);
    let idle = tick.saturating_sub(entry.last_input);
    format!(
        "STAT {descriptor}:addr {peer}\r\nSTAT {descriptor}:listen_addr {local}\r\n\
         STAT {descriptor}:state {state}\r\nSTAT {descriptor}:secs_since_last_cmd {idle}\r\n"
    )
}

/// An address as memcached shows it; the client of a unix socket has none.
fn shown(address: Option<SocketAddrAny>, is_udp: bool) -> String {
    let kind = if is_udp { "udp" } else { "tcp" };
    let Some(address) = address else { return NO_ADDRESS.to_owned() };
    if let Ok(unix) = SocketAddrUnix::try_from(address.clone()) {
        let path = unix.path_bytes().filter(|path| !path.is_empty());
        return path.map_or(NO_ADDRESS.to_owned(), |path| {
            format!("unix:{}", String::from_utf8_lossy(path))
        });
    }
    match SocketAddr::try_from(address) {
        Ok(SocketAddr::V4(at)) => format!("{kind}:{at}"),
        Ok(SocketAddr::V6(at)) => format!("{kind}6:[{}]:{}", at.ip(), at.port()),
        Err(_) => NO_ADDRESS.to_owned(),
    }
}
