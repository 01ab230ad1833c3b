//! `stats conns`: each executor describes its connections, and who asks puts them together.
//!
//! Only a driver knows the sockets, so an executor that is asked by another one stops at that
//! message, has its driver look, and answers in its next turn.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::net::{getpeername, getsockname};
use slabcore_shard::ReplyPart;

use crate::connection::Connection;
use crate::connection::hub_connection::{HubConnection, Waiting};
use crate::connection::input_state::InputState;
use crate::connection::told_connections::Connections;
use crate::hub::Hub;
use crate::settings::limits::CONNECTIONS_TOLD_MAX;
use crate::settings::port_socket::shown;

impl Connection {
    /// memcached's name for what the connection is at.
    fn state_name(&self, waiting: Waiting) -> &'static str {
        match (self.input(), waiting) {
            (InputState::Closing, _) => "conn_closing",
            (InputState::Watching(_), _) => "conn_watch",
            (InputState::Upload(_), _) => "conn_nread",
            (InputState::Ignored(_), _) => "conn_swallow",
            (_, Waiting::Room) if self.output.has_gathers() => "conn_parse_cmd",
            (_, Waiting::Room) => "conn_mwrite",
            (_, Waiting::Quiet | Waiting::Departure) => "conn_waiting",
            (InputState::Get(_) | InputState::Dump(_), _) | (_, Waiting::Turn) => "conn_parse_cmd",
            (InputState::Request, Waiting::Input) if !self.output.is_empty() => "conn_parse_cmd",
            (InputState::Request, Waiting::Input) => "conn_read",
        }
    }
}

impl Hub {
    /// True if somebody waits for [`Self::tell_connections`].
    #[inline]
    pub(crate) fn is_to_tell(&self) -> bool {
        !self.executor.tellings.is_empty() || self.postponed.is_some()
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
            if let (Some(conn), Some(socket)) =
                (&self.connections[index as usize], socket_of(index))
            {
                let lines = lines_of(conn, socket, self.executor.now.tick);
                Connections::append(&mut told, socket.as_raw_fd(), &lines);
            }
        }
        for ticket in std::mem::take(&mut self.executor.tellings) {
            self.deliver(self.executor.shard, ticket, ReplyPart::Bytes(&told));
        }
        self.executor.shards.own_mut().tell_connections(told);
        self.is_told = true;
    }

    /// What was told holds for the messages of one turn.
    #[inline]
    pub(super) fn forget_told(&mut self) {
        if std::mem::take(&mut self.is_told) {
            self.executor.shards.own_mut().tell_connections(Vec::new());
        }
    }
}

fn lines_of(conn: &HubConnection, socket: BorrowedFd<'_>, tick: u32) -> String {
    let descriptor = socket.as_raw_fd();
    let peer = shown(getpeername(socket).ok().flatten(), false);
    let local = shown(getsockname(socket).ok(), false);
    let state = conn.connection.state_name(conn.waiting);
    let idle = tick.saturating_sub(conn.last_request);
    format!(
        "STAT {descriptor}:addr {peer}\r\nSTAT {descriptor}:listen_addr {local}\r\n\
         STAT {descriptor}:state {state}\r\nSTAT {descriptor}:secs_since_last_cmd {idle}\r\n"
    )
}
