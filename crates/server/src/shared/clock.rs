//! The clock of the data path: coarse monotonic seconds since shortly before the start.

use rustix::time::{ClockId, clock_gettime};
use slabcore_shard::Now;

/// The first tick. As in memcached, an expiry of 0 is never, and 1 is long ago.
const TICK_START: u64 = 2;

/// The clock of the data path, in whole seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    monotonic_at_zero: u64,
    unix_at_zero: u64,
}

impl Clock {
    /// A clock whose tick is 2 now.
    pub(crate) fn start() -> Self {
        let monotonic = seconds(ClockId::MonotonicCoarse);
        let unix = seconds(ClockId::Realtime);
        Self {
            monotonic_at_zero: monotonic.saturating_sub(TICK_START),
            unix_at_zero: unix.saturating_sub(TICK_START),
        }
    }

    /// The current time. Makes no system call.
    #[inline]
    pub(crate) fn now(&self) -> Now {
        self.now_with_milliseconds().0
    }

    /// The current time, and the milliseconds since the second before the first tick. They advance
    /// by a few at once.
    #[inline]
    pub(crate) fn now_with_milliseconds(&self) -> (Now, u64) {
        let time = clock_gettime(ClockId::MonotonicCoarse);
        let tick = time.tv_sec.cast_unsigned() - self.monotonic_at_zero;
        let now = Now { tick: tick as u32, unix_at_zero: self.unix_at_zero };
        (now, tick * 1_000 + time.tv_nsec as u64 / 1_000_000)
    }

    /// Milliseconds since the start, of the same clock as [`Self::uptime`].
    pub(crate) fn uptime_ms(&self) -> u64 {
        self.now_with_milliseconds().1.saturating_sub(1_000 * TICK_START)
    }

    /// Seconds since the start.
    pub(crate) fn uptime(&self) -> u64 {
        u64::from(self.now().tick).saturating_sub(TICK_START)
    }
}

fn seconds(clock: ClockId) -> u64 {
    u64::try_from(clock_gettime(clock).tv_sec).unwrap_or(0)
}
