//! The clock of the data path: monotonic seconds since shortly before the start, and nanoseconds.

use rustix::time::{ClockId, clock_gettime};
use slabcore_shard::Now;

/// The first tick. As in memcached, an expiry of 0 is never, and 1 is long ago.
const TICK_START: u64 = 2;

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

/// The clock of the data path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    monotonic_at_zero: u64,
    unix_at_zero: u64,
    /// The tick at the start of the process.
    start: u64,
}

impl Clock {
    /// A clock whose tick is 2 now.
    pub(crate) fn start() -> Self {
        Self::counting_from(seconds(ClockId::MonotonicCoarse).saturating_sub(TICK_START))
    }

    /// A clock whose tick 0 is this second of the system's monotonic clock, which goes on from one
    /// process to the next.
    pub(crate) fn counting_from(monotonic_at_zero: u64) -> Self {
        let start = seconds(ClockId::MonotonicCoarse).saturating_sub(monotonic_at_zero);
        let unix_at_zero = seconds(ClockId::Realtime).saturating_sub(start);
        Self { monotonic_at_zero, unix_at_zero, start }
    }

    /// The second of the system's monotonic clock that is tick 0.
    pub(crate) fn monotonic_at_zero(&self) -> u64 {
        self.monotonic_at_zero
    }

    /// The current time. Makes no system call.
    #[inline]
    pub(crate) fn now(&self) -> Now {
        self.at(seconds(ClockId::MonotonicCoarse))
    }

    /// The time of a reading.
    #[inline]
    pub(crate) fn at_reading(&self, nanoseconds: u64) -> Now {
        self.at(nanoseconds / NANOSECONDS_PER_SECOND)
    }

    #[inline]
    fn at(&self, monotonic: u64) -> Now {
        let tick = monotonic - self.monotonic_at_zero;
        Now { tick: tick as u32, unix_at_zero: self.unix_at_zero }
    }

    /// Milliseconds since the start, of the same clock as [`Self::uptime`].
    pub(crate) fn uptime_ms(&self) -> u64 {
        let started_ms = 1_000 * (self.monotonic_at_zero + self.start);
        (nanoseconds() / 1_000_000).saturating_sub(started_ms)
    }

    /// Seconds since the start.
    pub(crate) fn uptime(&self) -> u64 {
        u64::from(self.now().tick).saturating_sub(self.start)
    }
}

/// Reads the monotonic clock. No system call, where the kernel can do without.
#[inline]
pub(crate) fn nanoseconds() -> u64 {
    #[cfg(test)]
    if let Some(time) = stopped::time() {
        return time;
    }
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.cast_unsigned() * NANOSECONDS_PER_SECOND + time.tv_nsec.cast_unsigned()
}

#[inline]
fn seconds(clock: ClockId) -> u64 {
    u64::try_from(clock_gettime(clock).tv_sec).unwrap_or(0)
}

/// A clock that a test stops and advances, for all that runs on the test's thread.
#[cfg(test)]
pub(crate) mod stopped {
    use std::cell::Cell;

    thread_local! {
        static TIME: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// When the clock was stopped, and by how much it was advanced since.
    pub(super) fn time() -> Option<u64> {
        TIME.get()
    }

    /// Stops the clock.
    pub(crate) fn stop() {
        TIME.set(Some(super::nanoseconds()));
    }

    /// Advances the clock, which is stopped.
    pub(crate) fn advance(nanoseconds: u64) {
        TIME.set(TIME.get().map(|time| time + nanoseconds));
    }
}
