//! The time at which a stream begins.

/// The clocks of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    /// Wall clock: milliseconds since 1970.
    pub unix_milliseconds: u64,
    /// The machine's boot id. All zeros: not known.
    pub boot_id: [u8; 16],
    /// Milliseconds since the boot, with the time that the machine slept.
    pub boot_milliseconds: u64,
}

impl Clock {
    /// Seconds from this time to a later one, rounded up: no item lives longer than it was asked
    /// to. Within one boot the clock since the boot counts, so a wall clock that was set changes
    /// nothing. 0 if `later` is earlier.
    pub fn seconds_until(&self, later: &Clock) -> u64 {
        let is_same_boot = self.boot_id == later.boot_id && self.boot_id != [0; 16];
        let milliseconds = if is_same_boot {
            later.boot_milliseconds.saturating_sub(self.boot_milliseconds)
        } else {
            later.unix_milliseconds.saturating_sub(self.unix_milliseconds)
        };
        milliseconds.div_ceil(1_000)
    }

    pub(super) fn unix_seconds(&self) -> u32 {
        u32::try_from(self.unix_milliseconds / 1_000).unwrap_or(u32::MAX)
    }

    /// The clock of a stream whose start is lost.
    pub(super) fn of_unix_seconds(seconds: u32) -> Clock {
        Clock { unix_milliseconds: u64::from(seconds) * 1_000, ..Clock::default() }
    }
}
