//! The time that goes on from one process to the next: for how long no server had the items.
//!
//! Within one boot of the machine it is measured by the boot clock, which nobody sets and which
//! goes on while the machine sleeps. From one boot to the next there is only the wall clock.

use rustix::time::{ClockId, clock_gettime};

/// When a server last had the items, in two words of the memory file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct LastAlive {
    /// Second of the boot clock.
    boot: u64,
    /// Second of the wall clock, since 1970.
    unix: u64,
}

impl LastAlive {
    /// This moment.
    pub(super) fn now() -> Self {
        Self { boot: boot_seconds(), unix: unix_seconds() }
    }

    pub(super) fn of_words([boot, unix]: [u64; 2]) -> Self {
        Self { boot, unix }
    }

    pub(super) fn words(self) -> [u64; 2] {
        [self.boot, self.unix]
    }

    /// Seconds from then to `now`.
    pub(super) fn absence(self, now: Self, is_same_boot: bool) -> u64 {
        if is_same_boot {
            now.boot.saturating_sub(self.boot)
        } else {
            now.unix.saturating_sub(self.unix)
        }
    }

    /// What `boot_at_zero`, a second of this boot clock, is on the boot clock that `now` has,
    /// modulo 2^64.
    pub(super) fn carry_over(self, now: Self, is_same_boot: bool, boot_at_zero: u64) -> u64 {
        if is_same_boot {
            return boot_at_zero;
        }
        let passed = self.boot.wrapping_sub(boot_at_zero);
        now.boot.wrapping_sub(passed).wrapping_sub(self.absence(now, false))
    }
}

/// Seconds of the system's boot clock.
pub(crate) fn boot_seconds() -> u64 {
    seconds(ClockId::Boottime)
}

/// Seconds since 1970.
fn unix_seconds() -> u64 {
    seconds(ClockId::Realtime)
}

/// Microseconds since 1970.
pub(crate) fn unix_microseconds() -> u64 {
    let time = clock_gettime(ClockId::Realtime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + time.tv_nsec.cast_unsigned() / 1_000
}

/// Milliseconds since 1970.
pub(crate) fn unix_milliseconds() -> u64 {
    let time = clock_gettime(ClockId::Realtime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000 + time.tv_nsec.cast_unsigned() / 1_000_000
}

fn seconds(clock: ClockId) -> u64 {
    u64::try_from(clock_gettime(clock).tv_sec).unwrap_or(0)
}

/// The system's number of this boot; 0 if it has none.
pub(crate) fn boot_id() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let half = |range: std::ops::Range<usize>| {
        digits.get(range).and_then(|part| u64::from_str_radix(part, 16).ok()).unwrap_or(0)
    };
    [half(0..16), half(16..32)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_a_boot_the_wall_clock_may_jump() {
        let (then, now) = (LastAlive { boot: 100, unix: 9_000 }, LastAlive { boot: 130, unix: 10 });
        assert_eq!(then.absence(now, true), 30);
        assert_eq!(then.carry_over(now, true, 77), 77);
    }

    /// What was 1,000 s old when its server ended, 50 s ago, is 1,050 s old: longer than the
    /// machine is up.
    #[test]
    fn over_a_reboot_the_wall_clock_counts() {
        let then = LastAlive { boot: 5_000, unix: 9_000 };
        let now = LastAlive { boot: 20, unix: 9_050 };
        assert_eq!(then.absence(now, false), 50);
        let zero = then.carry_over(now, false, 4_000);
        assert_eq!(now.boot.wrapping_sub(zero), 1_050);
        // A wall clock that went back does not undo time.
        let now = LastAlive { boot: 20, unix: 8_000 };
        let zero = then.carry_over(now, false, 4_000);
        assert_eq!((then.absence(now, false), now.boot.wrapping_sub(zero)), (0, 1_000));
    }
}
