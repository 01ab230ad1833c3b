//! Admission of client connections: how many are open, and whether more are accepted.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// The admission of clients. Counts and flags order nothing else, so all of them are relaxed.
#[derive(Debug)]
pub(crate) struct Admission {
    connections_max: usize,
    /// Open connections of all shards, and those in their handshake.
    open: AtomicUsize,
    rejected: AtomicU64,
    is_accepting: AtomicBool,
    /// The server is about to stop: `/readyz` says so to load balancers.
    is_draining: AtomicBool,
    pauses: AtomicU64,
    paused_us: AtomicU64,
}

impl Admission {
    /// No connections; `connections_max` may be open at a time (`-c`).
    pub(crate) fn new(connections_max: usize) -> Self {
        Self {
            connections_max,
            open: AtomicUsize::new(0),
            rejected: AtomicU64::new(0),
            is_accepting: AtomicBool::new(true),
            is_draining: AtomicBool::new(false),
            pauses: AtomicU64::new(0),
            paused_us: AtomicU64::new(0),
        }
    }

    /// True if there is room for another connection.
    pub(crate) fn has_room(&self) -> bool {
        self.open_connections() < self.connections_max
    }

    /// A connection was accepted.
    pub(crate) fn connection_opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection has ended.
    pub(crate) fn connection_ended(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Connections that are open.
    pub(crate) fn open_connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// A connection was refused for lack of room.
    pub(crate) fn connection_rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections that were refused for lack of room.
    pub(crate) fn rejected_connections(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Accepting stops for lack of room or descriptors.
    pub(crate) fn begin_pause(&self) {
        self.is_accepting.store(false, Ordering::Relaxed);
        self.pauses.fetch_add(1, Ordering::Relaxed);
    }

    /// Accepting goes on after a pause of this length.
    pub(crate) fn end_pause(&self, length: Duration) {
        self.is_accepting.store(true, Ordering::Relaxed);
        let microseconds = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        self.paused_us.fetch_add(microseconds, Ordering::Relaxed);
    }

    /// True outside of pauses.
    pub(crate) fn is_accepting(&self) -> bool {
        self.is_accepting.load(Ordering::Relaxed)
    }

    /// How often accepting has stopped.
    pub(crate) fn pauses(&self) -> u64 {
        self.pauses.load(Ordering::Relaxed)
    }

    /// Microseconds of all pauses that have ended.
    pub(crate) fn paused_us(&self) -> u64 {
        self.paused_us.load(Ordering::Relaxed)
    }

    /// The server is about to stop.
    pub(crate) fn begin_draining(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// True if a client that connects now is served for a while.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_accepting() && !self.is_draining.load(Ordering::Relaxed)
    }
}
