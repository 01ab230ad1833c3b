//! Time in whole seconds since shortly before the start, as in memcached.

use slabcore_protocol::{StoreForm, StoreRequest};

use crate::requests::flush_time::FlushTime;

/// Relative exptimes reach 30 days; larger values are Unix times (protocol.txt).
const RELATIVE_EXPTIME_MAX: u32 = 60 * 60 * 24 * 30;

/// The time of one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Seconds since the start, plus 2. As an expiry 0 means never, and 1 long ago.
    pub tick: u32,
    /// Unix time in seconds at tick 0.
    pub unix_at_zero: u64,
}

impl Now {
    /// Unix time in seconds.
    pub const fn unix(self) -> u64 {
        self.unix_at_zero + self.tick as u64
    }

    /// The tick at which an item with this exptime of a client is dead; 0: never. A negative or
    /// past exptime is dead at once.
    ///
    /// A ttl of `n` lives `n - 1` to `n` seconds.
    pub const fn expiry(self, exptime: i32) -> u32 {
        if exptime < 0 { 1 } else { self.unsigned_expiry(exptime as u32) }
    }

    /// As [`Self::expiry`], for an exptime of the binary protocol, which is never negative.
    pub const fn unsigned_expiry(self, exptime: u32) -> u32 {
        if exptime == 0 {
            return 0;
        }
        if exptime <= RELATIVE_EXPTIME_MAX {
            return self.tick.saturating_add(exptime);
        }
        let unix = exptime as u64;
        if unix <= self.unix_at_zero + 1 { 1 } else { (unix - self.unix_at_zero) as u32 }
    }

    /// When the item of a storage command dies, as a tick. Only in the text protocols can the
    /// exptime be negative.
    #[inline]
    pub const fn store_expiry(self, request: &StoreRequest<'_>) -> u32 {
        match request.form {
            StoreForm::Binary(_) => self.unsigned_expiry(request.exptime.cast_unsigned()),
            StoreForm::Classic | StoreForm::Meta(_) => self.expiry(request.exptime),
        }
    }

    /// When a `flush_all` with this delay of a client takes effect.
    pub const fn flush_time(self, delay: i32) -> FlushTime {
        if delay < 0 { FlushTime::Immediately } else { self.unsigned_flush_time(delay as u32) }
    }

    /// As [`Self::flush_time`], for a delay of the binary protocol, which is never negative.
    pub const fn unsigned_flush_time(self, delay: u32) -> FlushTime {
        if delay == 0 {
            return FlushTime::Immediately;
        }
        match self.unsigned_expiry(delay) {
            1 => FlushTime::Never,
            tick if tick <= self.tick => FlushTime::Immediately,
            tick => FlushTime::Tick(tick),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(exptime: i32, expected: u32) {
        let now = Now { tick: 100, unix_at_zero: 1_700_000_000 };
        assert_eq!(now.expiry(exptime), expected, "exptime {exptime}");
    }

    #[test]
    fn exptimes_become_ticks() {
        check(0, 0);
        check(-1, 1);
        check(i32::MIN, 1);
        check(1, 101);
        check(2_592_000, 2_592_100);
        check(2_592_001, 1);
        check(1_700_000_000, 1);
        check(1_700_000_050, 50);
        check(1_700_000_200, 200);
        check(i32::MAX, 447_483_647);
        let now = Now { tick: 100, unix_at_zero: 1_700_000_000 };
        assert_eq!(now.unsigned_expiry(u32::MAX), 2_594_967_295, "in 2106");
    }

    #[test]
    fn flushes_are_immediate_later_or_never() {
        let now = Now { tick: 100, unix_at_zero: 1_700_000_000 };
        assert_eq!(now.flush_time(0), FlushTime::Immediately);
        assert_eq!(now.flush_time(-1), FlushTime::Immediately);
        assert_eq!(now.flush_time(5), FlushTime::Tick(105));
        assert_eq!(now.flush_time(2_592_001), FlushTime::Never);
        assert_eq!(now.flush_time(1_700_000_050), FlushTime::Immediately);
    }
}
