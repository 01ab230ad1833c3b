//! The search for connections that are idle for too long, for `-o idle_timeout`.
//!
//! A connection keeps the tick of its last request. Bytes of an incomplete line are no request. A
//! sweep looks through all connections once a second at most, a bounded number in each turn.

use std::num::NonZeroU32;

use arrayvec::ArrayVec;

use crate::hub::connections::Connections;
use crate::settings::limits::IDLE_SWEEP_CONNECTIONS;
use crate::settings::{Listen, Settings};

/// How far a sweep has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Swept {
    /// All connections were looked at in this second.
    All,
    /// The sweep goes on in the next turn.
    Some,
}

/// The sweep that finds idle connections.
#[derive(Debug)]
pub(super) struct IdleSweep {
    /// Seconds after which a connection is closed; `None`: never.
    timeout: Option<NonZeroU32>,
    /// Index of the connection at which the sweep goes on.
    next: u32,
    /// Tick of the last sweep that looked at all connections.
    swept_at: u32,
}

impl IdleSweep {
    pub(super) fn new(settings: &Settings) -> Self {
        // As in memcached, clients on a Unix socket may be idle.
        let on_unix_socket = matches!(settings.listen, Listen::Unix { .. });
        let timeout = settings.idle_timeout.filter(|_| !on_unix_socket);
        Self { timeout, next: 0, swept_at: 0 }
    }

    /// Goes on with the sweep that is due in the second `now`, if one is. Also returns those of the
    /// connections it has looked at that are idle for too long.
    pub(super) fn go_on(
        &mut self,
        now: u32,
        connections: &Connections,
    ) -> (Swept, ArrayVec<u32, IDLE_SWEEP_CONNECTIONS>) {
        let mut idle = ArrayVec::new();
        let Some(timeout) = self.timeout.filter(|_| self.swept_at != now) else {
            return (Swept::All, idle);
        };
        let end = connections.indices_end().min(self.next + IDLE_SWEEP_CONNECTIONS as u32);
        for index in self.next..end {
            let Some(conn) = connections.get(index) else { continue };
            if conn.is_idle() && now.saturating_sub(conn.last_request) > timeout.get() {
                idle.push(index);
            }
        }
        if end < connections.indices_end() {
            self.next = end;
            return (Swept::Some, idle);
        }
        self.next = 0;
        self.swept_at = now;
        (Swept::All, idle)
    }
}
