//! What a driver has to do for a connection, and what it tells when that is done.

use slabcore_metrics::Counter;

use crate::connection::hub_connection::Waiting;
use crate::connection::outgoing::Outgoing;
use crate::hub::Hub;
use crate::hub::encrypted::take_encrypted;
use crate::settings::limits::{CARRIED_BYTES_MAX, CARRY_READ_BYTES_MAX, SEND_VALUE_BYTES_MAX};
use crate::settings::log;

/// What a driver has to do for a connection.
#[derive(Debug)]
pub(crate) struct DriverActions {
    /// What to send; no other send is under way. Goes to [`Hub::sent`] or [`Hub::send_failed`].
    pub(crate) send: Option<Outgoing>,
    /// More will follow from the end of that send than the next request.
    pub(crate) awaits_sent: bool,
    /// Whether to read from the socket.
    pub(crate) read: bool,
    /// What is to become of the socket.
    pub(crate) socket: SocketAction,
}

/// What is to become of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SocketAction {
    /// It stays.
    Keep,
    /// All is sent: close it, then [`Hub::remove`].
    Close,
    /// Nothing is under way: let go of it, and pass it to [`Hub::depart`].
    HandOver,
}

impl Hub {
    /// The bytes of the last [`DriverActions::send`] have left; their buffer comes back.
    #[inline]
    pub(crate) fn sent(&mut self, index: u32, outgoing: Outgoing) {
        let Some(conn) = self.connections[index as usize].as_mut() else {
            unreachable!("a connection outlives its send");
        };
        if conn.tls.is_none() {
            self.executor.metrics.add(Counter::BytesWritten, outgoing.total_bytes() as u64);
        }
        self.executor.spares.put(outgoing.replies);
        let output = &mut conn.connection.output;
        output.all_sent();
        if let Some(parts) = outgoing.parts {
            self.executor.parts_sent(output, parts);
        }
        let waits = matches!(conn.waiting, Waiting::Room | Waiting::Quiet);
        if output.is_idle() && !waits && !conn.connection.is_closing() {
            return;
        }
        self.unblock(index);
        self.touch(index);
    }

    /// The last [`DriverActions::send`] is over, and the connection is to end.
    pub(crate) fn send_failed(&mut self, index: u32, outgoing: Outgoing) {
        self.executor.spares.put(outgoing.replies);
        for value in outgoing.parts.into_iter().flat_map(|parts| parts.into_values()) {
            self.executor.release(*value);
        }
        self.touch(index);
    }

    /// Takes the list of connections to look at.
    pub(crate) fn take_touched(&mut self, into: &mut Vec<u32>) {
        debug_assert!(into.is_empty());
        if self.executor.verbosity >= log::COMMANDS {
            self.log_replies();
        }
        std::mem::swap(&mut self.touched, into);
    }

    /// What is about to be sent, but for large values and what watchers are told.
    #[cold]
    fn log_replies(&self) {
        for &index in &self.touched {
            let Some(conn) = self.connections[index as usize].as_ref() else { continue };
            if conn.connection.output.can_send() && !conn.connection.is_watching() {
                log::replies(conn.connection.descriptor(), conn.connection.output.ready());
            }
        }
    }

    /// True if connections were touched that the driver has not looked at.
    pub(crate) fn has_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// What to do for a touched connection; `None` if it is gone.
    #[inline]
    pub(crate) fn take_actions(&mut self, index: u32) -> Option<DriverActions> {
        let conn = self.connections[index as usize].as_mut()?;
        conn.touched = false;
        let closing = conn.connection.is_closing();
        let output = &mut conn.connection.output;
        let send = match conn.tls.as_mut() {
            None => output
                .can_send()
                .then(|| output.take(&mut self.executor.spares, SEND_VALUE_BYTES_MAX)),
            Some(tls) => take_encrypted(&mut self.executor, tls, output, closing),
        };
        output.return_buffers(&mut self.executor.spares);
        if conn.tls.as_ref().is_some_and(|tls| tls.is_spent()) {
            conn.connection.close(&mut self.executor);
        }
        let closing = conn.connection.is_closing();
        let takes_input = match conn.waiting {
            Waiting::Input => true,
            // Where too much waits, this one is read again once it has executed what it carries.
            Waiting::Turn => {
                self.carried - self.cut_lines.bytes() <= CARRIED_BYTES_MAX
                    && conn.pending_bytes() <= CARRY_READ_BYTES_MAX
            }
            Waiting::Room | Waiting::Quiet | Waiting::Departure => false,
        };
        let output = &conn.connection.output;
        let socket = match conn.waiting {
            _ if closing && output.is_empty() => SocketAction::Close,
            Waiting::Departure => SocketAction::HandOver,
            _ => SocketAction::Keep,
        };
        let waits = matches!(conn.waiting, Waiting::Room | Waiting::Quiet);
        Some(DriverActions {
            send,
            awaits_sent: closing || waits || !output.is_idle(),
            read: takes_input && !closing && !conn.end_of_input,
            socket,
        })
    }
}
