//! The clocks of this machine, as snapshots have them.

use std::fs;

use rustix::time::{ClockId, Timespec, clock_gettime};
use slabcore_snapshot::Clock;

/// The clocks now.
pub(super) fn now() -> Clock {
    let milliseconds = |id: ClockId| {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(id);
        u64::try_from(tv_sec).unwrap_or(0) * 1000 + tv_nsec.cast_unsigned() / 1_000_000
    };
    Clock {
        unix_milliseconds: milliseconds(ClockId::Realtime),
        boot_id: boot_id(),
        boot_milliseconds: milliseconds(ClockId::Boottime),
    }
}

/// The system's number of this boot, as the server writes it; zeros if it has none.
fn boot_id() -> [u8; 16] {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let mut id = [0; 16];
    for (number, half) in id.chunks_exact_mut(8).enumerate() {
        let digits = digits.get(number * 16..(number + 1) * 16).unwrap_or_default();
        half.copy_from_slice(&u64::from_str_radix(digits, 16).unwrap_or(0).to_le_bytes());
    }
    id
}
