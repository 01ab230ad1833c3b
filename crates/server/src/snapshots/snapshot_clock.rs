//! The clocks of a machine, for the start of a snapshot.

use rustix::time::{ClockId, Timespec, clock_gettime};
use slabcore_shard::Now;
use slabcore_snapshot::Clock;

use crate::settings::kept_time::boot_id;
use crate::shared::clock::{self, Clock as ServerClock};

const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;

/// The server's time, and the machine's clocks when this second of the server began. So a ttl of
/// whole seconds from it is exact.
pub(crate) fn now(server: &ServerClock) -> (Now, Clock) {
    let nanoseconds = clock::nanoseconds();
    let now = server.at_reading(nanoseconds);
    let since_tick = server.since_tick(nanoseconds) / NANOSECONDS_PER_MILLISECOND;
    let milliseconds = |id: ClockId| {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(id);
        let milliseconds = tv_nsec.cast_unsigned() / NANOSECONDS_PER_MILLISECOND;
        (u64::try_from(tv_sec).unwrap_or(0) * 1_000 + milliseconds).saturating_sub(since_tick)
    };
    let [high, low] = boot_id();
    let mut id = [0; 16];
    id[..8].copy_from_slice(&high.to_le_bytes());
    id[8..].copy_from_slice(&low.to_le_bytes());
    let clock = Clock {
        unix_milliseconds: milliseconds(ClockId::Realtime),
        boot_id: id,
        boot_milliseconds: milliseconds(ClockId::Boottime),
    };
    (now, clock)
}
