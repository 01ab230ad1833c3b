//! What a driver does for a connection after a turn, and what it reports when that is done.

use slabcore_metrics::Counter;

use crate::connection::hub_connection::Waiting;
use crate::connection::outgoing::Outgoing;
use crate::hub::Hub;
use crate::hub::encrypted::take_encrypted;
use crate::settings::limits::{CARRY_READ_BYTES_MAX, SEND_VALUE_BYTES_MAX};
use crate::settings::log;

/// What a driver does for a connection after a turn.
#[derive(Debug)]
pub(crate) struct DriverActions {
    /// The bytes to send; no other send is under way. They go to [`Hub::sent`] or
    /// [`Hub::send_failed`] afterwards.
    pub(crate) send: Option<Outgoing>,
    /// What follows from the end of that send.
    pub(crate) after_send: AfterSend,
    /// The socket is to be read from.
    pub(crate) read: bool,
    pub(crate) socket: SocketAction,
}

/// What follows from the end of a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterSend {
    /// The connection waits for its next request.
    NextRequest,
    /// There is more to do for the connection.
    Work,
}

/// What a driver does with a connection's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SocketAction {
    /// Keeps it.
    Keep,
    /// Closes it, as all is sent, and calls [`Hub::remove`].
    Close,
    /// Passes it to [`Hub::depart`], as nothing is under way.
    HandOver,
}

impl Hub {
    /// Takes back the last [`DriverActions::send`], all of whose bytes have left.
    #[inline]
    pub(crate) fn sent(&mut self, index: u32, outgoing: Outgoing) {
        let Some(conn) = self.connections.get_mut(index) else {
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
        let waits = matches!(conn.waiting, Waiting::OutputSpace | Waiting::Quiet);
        if output.is_idle() && !waits && !conn.connection.is_closing() {
            return;
        }
        self.connections.unblock(index);
        self.connections.touch(index);
    }

    /// Takes back the last [`DriverActions::send`], of which the bytes from `offset` on have not
    /// left. They leave with the connection.
    #[cold]
    pub(crate) fn unsent(&mut self, index: u32, outgoing: Outgoing, offset: usize) {
        let Some(conn) = self.connections.get_mut(index) else {
            unreachable!("a connection outlives its send");
        };
        let mut unsent = Vec::new();
        outgoing.append_to(&mut unsent);
        unsent.drain(..offset);
        self.executor.spares.put(outgoing.replies);
        let output = &mut conn.connection.output;
        output.take_back(unsent);
        if let Some(parts) = outgoing.parts {
            self.executor.parts_sent(output, parts);
        }
        self.connections.touch(index);
    }

    /// Takes back the last [`DriverActions::send`], which failed: the connection is to end.
    pub(crate) fn send_failed(&mut self, index: u32, outgoing: Outgoing) {
        self.executor.spares.put(outgoing.replies);
        for value in outgoing.parts.into_iter().flat_map(|parts| parts.into_values()) {
            self.executor.release(*value);
        }
        self.connections.touch(index);
    }

    /// Exchanges the list of connections that the driver must look at for an empty one.
    pub(crate) fn swap_touched(&mut self, empty: &mut Vec<u32>) {
        if self.executor.verbosity >= log::COMMANDS {
            self.log_replies();
        }
        self.connections.swap_touched(empty);
    }

    /// Logs what is about to be sent, except large values and the lines of watchers.
    #[cold]
    fn log_replies(&self) {
        for &index in self.connections.touched() {
            let Some(conn) = self.connections.get(index) else { continue };
            if conn.connection.output.can_send() && !conn.connection.is_watching() {
                log::replies(conn.connection.descriptor(), conn.connection.output.ready());
            }
        }
    }

    /// True if connections were touched that the driver has not looked at.
    pub(crate) fn has_touched(&self) -> bool {
        !self.connections.touched().is_empty()
    }

    /// Decides what the driver does for a touched connection; `None` if it is gone.
    #[inline]
    pub(crate) fn take_actions(&mut self, index: u32) -> Option<DriverActions> {
        let conn = self.connections.get_mut(index)?;
        conn.touched = false;
        let closing = conn.connection.is_closing();
        let output = &mut conn.connection.output;
        let send = match conn.tls.as_mut() {
            None => (output.can_send() && conn.waiting != Waiting::Departure)
                .then(|| output.take(&mut self.executor.spares, SEND_VALUE_BYTES_MAX)),
            Some(tls) => take_encrypted(&mut self.executor, tls, output, closing),
        };
        let times = &mut self.executor.times;
        output.take_answered(send.is_some(), |requests| times.add_late(&requests));
        output.return_buffers(&mut self.executor.spares);
        if conn.tls.as_ref().is_some_and(|tls| tls.is_spent()) {
            conn.connection.close(&mut self.executor);
        }
        let closing = conn.connection.is_closing();
        let waiting = conn.waiting;
        let reads = !closing
            && !conn.end_of_input
            && match waiting {
                Waiting::Input => true,
                Waiting::Turn => conn.carry.pending().len() <= CARRY_READ_BYTES_MAX,
                Waiting::OutputSpace => conn.reads_ahead(),
                Waiting::Quiet | Waiting::Departure => false,
            };
        let output = &conn.connection.output;
        let socket = match waiting {
            _ if closing && output.is_empty() => SocketAction::Close,
            Waiting::Departure => SocketAction::HandOver,
            _ => SocketAction::Keep,
        };
        let has_more = closing
            || matches!(waiting, Waiting::OutputSpace | Waiting::Quiet)
            || !output.is_idle();
        let after_send = if has_more { AfterSend::Work } else { AfterSend::NextRequest };
        // If too much is carried, the connection is read again once its carry is executed.
        let read = reads && (waiting != Waiting::Turn || self.connections.has_room_for_carries());
        Some(DriverActions { send, after_send, read, socket })
    }
}
