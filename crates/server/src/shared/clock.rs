//! The clock of the data path: seconds since shortly before the start, and nanoseconds.
//!
//! The start may be that of an earlier process, whose items this one has. So tick 0 is a second of
//! the system's boot clock, which goes on from one process to the next, also while the machine
//! sleeps. The clock that is read is the monotonic one, which is cheaper. It stops while the
//! machine sleeps, as memcached's does; the next start finds out.

use rustix::time::{ClockId, clock_gettime};
use slabcore_shard::Now;

use crate::settings::kept_time::{boot_seconds, unix_milliseconds};

/// The first tick. As in memcached, an expiry of 0 is never, and 1 is long ago.
const TICK_START: u64 = 2;

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;
const NANOSECONDS_PER_MILLISECOND: u32 = 1_000_000;

/// The clock of the data path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// Second of the boot clock at tick 0, modulo 2^64.
    boot_at_zero: u64,
    /// The tick in which second 0 of the monotonic clock begins, modulo 2^64.
    tick_at_zero: u64,
    /// Nanosecond of a monotonic second in which the next tick begins.
    next_from: u32,
    unix_at_zero: u64,
    /// Milliseconds of the wall clock at tick 0.
    unix_ms_part: u16,
    /// The tick at the start of the process.
    start: u64,
}

impl Clock {
    /// A clock whose tick is 2 now.
    pub(crate) fn start() -> Self {
        Self::counting_from(boot_seconds().wrapping_sub(TICK_START))
    }

    /// A clock whose tick 0 is this second of the system's boot clock, modulo 2^64.
    pub(crate) fn counting_from(boot_at_zero: u64) -> Self {
        let (monotonic, boot) = (nanoseconds(), nanoseconds_of(ClockId::Boottime));
        // How long the machine has slept, and the time between the two readings.
        let ahead = boot.saturating_sub(monotonic);
        let (seconds, part) = (ahead / NANOSECONDS_PER_SECOND, ahead % NANOSECONDS_PER_SECOND);
        let mut clock = Self {
            boot_at_zero,
            tick_at_zero: seconds.wrapping_sub(boot_at_zero),
            next_from: (NANOSECONDS_PER_SECOND - part) as u32,
            unix_at_zero: 0,
            unix_ms_part: 0,
            start: 0,
        };
        let now = clock.at_reading(nanoseconds_of(ClockId::Monotonic));
        clock.start = u64::from(now.tick());
        let since_zero = clock.start * 1_000 + u64::from(now.moment().millisecond());
        let unix_ms_at_zero = unix_milliseconds().saturating_sub(since_zero);
        clock.unix_at_zero = unix_ms_at_zero / 1_000;
        clock.unix_ms_part = (unix_ms_at_zero % 1_000) as u16;
        clock
    }

    /// The second of the system's boot clock that is tick 0, modulo 2^64.
    pub(crate) fn boot_at_zero(&self) -> u64 {
        self.boot_at_zero
    }

    /// The current time. Makes no system call.
    #[inline]
    pub(crate) fn now(&self) -> Now {
        let time = clock_gettime(ClockId::MonotonicCoarse);
        self.at(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
    }

    /// The time of a reading.
    #[inline]
    pub(crate) fn at_reading(&self, nanoseconds: u64) -> Now {
        let part = (nanoseconds % NANOSECONDS_PER_SECOND) as u32;
        self.at(nanoseconds / NANOSECONDS_PER_SECOND, part)
    }

    /// Nanoseconds since the tick of a reading began.
    pub(crate) fn since_tick(&self, nanoseconds: u64) -> u64 {
        let next_from = u64::from(self.next_from);
        (nanoseconds + NANOSECONDS_PER_SECOND - next_from) % NANOSECONDS_PER_SECOND
    }

    /// The time at this nanosecond of a second of the monotonic clock.
    #[inline]
    fn at(&self, second: u64, nanosecond: u32) -> Now {
        let carry = u64::from(nanosecond >= self.next_from);
        let tick = self.tick_at_zero.wrapping_add(second).wrapping_add(carry);
        let begin = if carry == 1 { 0 } else { NANOSECONDS_PER_SECOND as u32 };
        let nanoseconds = begin.wrapping_add(nanosecond).wrapping_sub(self.next_from);
        let millisecond = (nanoseconds / NANOSECONDS_PER_MILLISECOND) as u16;
        Now::at(tick as u32, self.unix_at_zero).with_milliseconds(millisecond, self.unix_ms_part)
    }

    /// Milliseconds since the start, of the same clock as [`Self::uptime`].
    pub(crate) fn uptime_ms(&self) -> u64 {
        let started_ms = self.start.wrapping_sub(self.tick_at_zero).wrapping_mul(1_000);
        (nanoseconds() / 1_000_000).saturating_sub(started_ms)
    }

    /// Seconds since the start.
    pub(crate) fn uptime(&self) -> u64 {
        u64::from(self.now().tick()).saturating_sub(self.start)
    }
}

/// Reads the monotonic clock. No system call, where the kernel can do without.
#[inline]
pub(crate) fn nanoseconds() -> u64 {
    #[cfg(test)]
    if let Some(time) = stopped::time() {
        return time;
    }
    nanoseconds_of(ClockId::Monotonic)
}

#[inline]
fn nanoseconds_of(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec.cast_unsigned() * NANOSECONDS_PER_SECOND + time.tv_nsec.cast_unsigned()
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
