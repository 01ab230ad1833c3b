//! `-o idle_timeout`: connections that ask for nothing for too long are closed.
//!
//! A connection's last input is stamped once per turn; a sweep looks through all connections once
//! a second at most, a bounded number in each turn.

use slabcore_metrics::Counter;

use crate::entry::Entry;
use crate::hub::Hub;
use crate::limits::IDLE_SWEEP_CONNECTIONS;
use crate::settings::Listen;
use crate::watching::CloseReason;

/// How far a sweep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swept {
    /// There is nothing left to look at in this second.
    All,
    /// The sweep goes on in the next turn.
    Some,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct IdleSweep {
    /// Seconds; 0: never.
    timeout: u32,
    /// Where the sweep under way goes on.
    next: usize,
    /// Tick of the last sweep that came to its end.
    swept_at: u32,
}

impl IdleSweep {
    /// Sweeps for connections that are idle for more than `timeout` seconds; 0: never.
    pub(crate) fn new(timeout: u32) -> Self {
        Self { timeout, next: 0, swept_at: 0 }
    }
}

impl Hub {
    /// Goes on with the sweep that is due in this second, if one is.
    pub(crate) fn sweep_idle(&mut self) -> Swept {
        let now = self.core.now.tick;
        let IdleSweep { timeout, next, swept_at } = self.idle;
        // As in memcached, clients on a Unix socket may be idle.
        let on_unix_socket = matches!(self.core.cluster.settings.listen, Listen::Unix { .. });
        if timeout == 0 || swept_at == now || on_unix_socket {
            return Swept::All;
        }
        let end = self.entries.len().min(next + IDLE_SWEEP_CONNECTIONS);
        for index in next..end {
            let entry = self.entries[index].as_ref();
            let idle_for = |entry: &Entry| now.saturating_sub(entry.last_input);
            if entry.is_some_and(|entry| entry.is_idle() && idle_for(entry) > timeout) {
                self.core.metrics.add(Counter::IdleKicks, 1);
                self.end_of_input(index as u32);
                if let Some(entry) = self.entries[index].as_mut() {
                    entry.connection.close_reason = CloseReason::IdleTimeout;
                }
            }
        }
        if end < self.entries.len() {
            self.idle.next = end;
            return Swept::Some;
        }
        self.idle.next = 0;
        self.idle.swept_at = now;
        Swept::All
    }
}
