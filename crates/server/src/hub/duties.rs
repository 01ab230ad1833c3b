//! What a driver has to do for a connection, and what it tells when that is done.

use slabcore_metrics::Counter;

use crate::connection::entry::Waiting;
use crate::connection::outgoing::Outgoing;
use crate::hub::Hub;
use crate::hub::encrypted::take_encrypted;
use crate::settings::limits::{CARRIED_BYTES_MAX, CARRY_READ_BYTES_MAX, SEND_VALUE_BYTES_MAX};
use crate::settings::log;

/// What a driver has to do for a connection.
#[derive(Debug)]
pub(crate) struct Duties {
    /// What to send; no other send is under way. Goes to [`Hub::sent`] or [`Hub::send_failed`].
    pub(crate) send: Option<Outgoing>,
    /// More will follow from the end of that send than the next request.
    pub(crate) awaits_sent: bool,
    /// Whether to read from the socket.
    pub(crate) read: bool,
    /// What is to become of the socket.
    pub(crate) fate: Fate,
}

/// What is to become of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays.
    Stay,
    /// All is sent: close it, then [`Hub::remove`].
    Close,
    /// Nothing is under way: let go of it, and pass it to [`Hub::depart`].
    Depart,
}

impl Hub {
    /// The bytes of the last [`Duties::send`] have left; their buffer comes back.
    #[inline]
    pub(crate) fn sent(&mut self, index: u32, outgoing: Outgoing) {
        let Some(entry) = self.entries[index as usize].as_mut() else {
            unreachable!("a connection outlives its send");
        };
        if entry.tls.is_none() {
            self.core.metrics.add(Counter::BytesWritten, outgoing.total_bytes() as u64);
        }
        self.core.spares.put(outgoing.replies);
        let output = &mut entry.connection.output;
        output.all_sent();
        if let Some(parts) = outgoing.parts {
            self.core.parts_sent(output, parts);
        }
        let waits = matches!(entry.waiting, Waiting::Room | Waiting::Quiet);
        if output.is_idle() && !waits && !entry.connection.is_closing() {
            return;
        }
        self.unblock(index);
        self.touch(index);
    }

    /// The last [`Duties::send`] is over, and the connection is to end.
    pub(crate) fn send_failed(&mut self, index: u32, outgoing: Outgoing) {
        self.core.spares.put(outgoing.replies);
        for value in outgoing.parts.into_iter().flat_map(|parts| parts.into_values()) {
            self.core.release(*value);
        }
        self.touch(index);
    }

    /// Takes the list of connections to look at.
    pub(crate) fn take_touched(&mut self, into: &mut Vec<u32>) {
        debug_assert!(into.is_empty());
        if self.core.verbosity >= log::COMMANDS {
            self.log_replies();
        }
        std::mem::swap(&mut self.touched, into);
    }

    /// What is about to be sent, but for large values and what watchers are told.
    #[cold]
    fn log_replies(&self) {
        for &index in &self.touched {
            let Some(entry) = self.entries[index as usize].as_ref() else { continue };
            if entry.connection.output.can_send() && !entry.connection.is_watching() {
                log::replies(entry.connection.client, entry.connection.output.ready());
            }
        }
    }

    /// True if connections were touched that the driver has not looked at.
    pub(crate) fn has_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// What to do for a touched connection; `None` if it is gone.
    #[inline]
    pub(crate) fn duties(&mut self, index: u32) -> Option<Duties> {
        let entry = self.entries[index as usize].as_mut()?;
        entry.touched = false;
        let closing = entry.connection.is_closing();
        let output = &mut entry.connection.output;
        let send = match entry.tls.as_mut() {
            None => {
                output.can_send().then(|| output.take(&mut self.core.spares, SEND_VALUE_BYTES_MAX))
            }
            Some(tls) => take_encrypted(&mut self.core, tls, output, closing),
        };
        output.return_buffers(&mut self.core.spares);
        if entry.tls.as_ref().is_some_and(|tls| tls.is_spent()) {
            entry.connection.close(&mut self.core);
        }
        let closing = entry.connection.is_closing();
        let takes_input = match entry.waiting {
            Waiting::Input => true,
            // Where too much waits, this one is read again once it has executed what it carries.
            Waiting::Turn => {
                self.carried - self.cut_lines.bytes() <= CARRIED_BYTES_MAX
                    && entry.pending_bytes() <= CARRY_READ_BYTES_MAX
            }
            Waiting::Room | Waiting::Quiet | Waiting::Departure => false,
        };
        let output = &entry.connection.output;
        let fate = match entry.waiting {
            _ if closing && output.is_empty() => Fate::Close,
            Waiting::Departure => Fate::Depart,
            _ => Fate::Stay,
        };
        let waits = matches!(entry.waiting, Waiting::Room | Waiting::Quiet);
        Some(Duties {
            send,
            awaits_sent: closing || waits || !output.is_idle(),
            read: takes_input && !closing && !entry.end_of_input,
            fate,
        })
    }
}
