//! `-o idle_timeout`: connections that ask for nothing for too long are closed.
//!
//! A connection's last request is stamped once per turn; bytes of a line whose end has not come
//! are none. A sweep looks through all connections once a second at most, a bounded number in each
//! turn.

use std::num::NonZeroU32;

use arrayvec::ArrayVec;

use crate::connection::hub_connection::HubConnection;
use crate::settings::limits::IDLE_SWEEP_CONNECTIONS;
use crate::settings::{Listen, Settings};

/// How far a sweep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Swept {
    /// There is nothing left to look at in this second.
    All,
    /// The sweep goes on in the next turn.
    Some,
}

/// See the module.
#[derive(Debug)]
pub(super) struct IdleSweep {
    /// Seconds after which a connection is closed. `None`: never.
    timeout: Option<NonZeroU32>,
    /// Where the sweep under way goes on.
    next: usize,
    /// Tick of the last sweep that came to its end.
    swept_at: u32,
}

impl IdleSweep {
    pub(super) fn new(settings: &Settings) -> Self {
        // As in memcached, clients on a Unix socket may be idle.
        let on_unix_socket = matches!(settings.listen, Listen::Unix { .. });
        let timeout = settings.idle_timeout.filter(|_| !on_unix_socket);
        Self { timeout, next: 0, swept_at: 0 }
    }

    /// Goes on with the sweep that is due in the second `now`, if one is; also returns the
    /// connections that are idle for too long among those it has come by.
    pub(super) fn go_on(
        &mut self,
        now: u32,
        connections: &[Option<Box<HubConnection>>],
    ) -> (Swept, ArrayVec<u32, IDLE_SWEEP_CONNECTIONS>) {
        let mut idle = ArrayVec::new();
        let Some(timeout) = self.timeout.filter(|_| self.swept_at != now) else {
            return (Swept::All, idle);
        };
        let end = connections.len().min(self.next + IDLE_SWEEP_CONNECTIONS);
        for (index, conn) in connections.iter().enumerate().take(end).skip(self.next) {
            let Some(conn) = conn else { continue };
            if conn.is_idle() && now.saturating_sub(conn.last_request) > timeout.get() {
                idle.push(index as u32);
            }
        }
        if end < connections.len() {
            self.next = end;
            return (Swept::Some, idle);
        }
        self.next = 0;
        self.swept_at = now;
        (Swept::All, idle)
    }
}
