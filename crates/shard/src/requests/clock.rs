//! Time in seconds since shortly before the start, as in memcached, and in milliseconds of them.

use slabcore_protocol::{StoreForm, StoreRequest};
use slabcore_storage::{Expiry, Moment};

use crate::requests::flush_time::FlushTime;

/// Relative exptimes reach 30 days; larger values are Unix times (protocol.txt).
const RELATIVE_EXPTIME_MAX: u32 = 60 * 60 * 24 * 30;

/// The time of one turn: of the server's clock, and of the wall clock.
///
/// It is two words, so that it takes two registers on the way of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Tick in the low half, then millisecond of the tick, then milliseconds of the Unix time at
    /// tick 0 beside its seconds.
    word: u64,
    unix_at_zero: u64,
}

const TICK_MS: i64 = 1_000;
const MILLISECOND_SHIFT: u32 = 32;
const UNIX_MS_SHIFT: u32 = 48;

impl Now {
    /// A tick: seconds since the start, plus 2. As an expiry 0 means never, and 1 long ago.
    /// `unix_at_zero`: Unix time in seconds at tick 0.
    #[inline]
    pub const fn at(tick: u32, unix_at_zero: u64) -> Self {
        Self { word: tick as u64, unix_at_zero }
    }

    /// The time a number of milliseconds later, below 1,000, and the milliseconds (below 1,000) of
    /// the Unix time at tick 0 beside its seconds.
    #[inline]
    #[must_use]
    pub const fn with_milliseconds(self, millisecond: u16, unix_at_zero: u16) -> Self {
        let word = self.word & u32::MAX as u64
            | (millisecond as u64) << MILLISECOND_SHIFT
            | (unix_at_zero as u64) << UNIX_MS_SHIFT;
        Self { word, ..self }
    }

    /// Seconds since the start, plus 2.
    #[inline]
    pub const fn tick(self) -> u32 {
        self.word as u32
    }

    /// Unix time in seconds at tick 0.
    #[inline]
    pub const fn unix_at_zero(self) -> u64 {
        self.unix_at_zero
    }

    /// The time as the store counts it.
    #[inline]
    pub const fn moment(self) -> Moment {
        Moment::at_millisecond(self.tick(), (self.word >> MILLISECOND_SHIFT) as u16)
    }

    /// Unix time in milliseconds.
    pub const fn unix_ms(self) -> i64 {
        self.unix_ms_at_zero() + self.tick() as i64 * TICK_MS + self.moment().millisecond() as i64
    }

    /// When an item expires that a client wants to expire at this Unix time in milliseconds. A past
    /// one is dead at once, and one beyond the clock's last tick (136 years) expires with it.
    pub const fn expiry_at_unix_ms(self, unix_ms: i64) -> Expiry {
        if unix_ms <= self.unix_ms() {
            return Expiry::at(1);
        }
        // After now, so after tick 0.
        let ms = unix_ms.saturating_sub(self.unix_ms_at_zero());
        if ms / TICK_MS >= u32::MAX as i64 {
            return Expiry::at(u32::MAX);
        }
        Expiry::at_millisecond((ms / TICK_MS) as u32, (ms % TICK_MS) as u16)
    }

    /// The Unix time in milliseconds at which an item expires, which does.
    pub const fn unix_ms_of(self, expiry: Expiry) -> i64 {
        self.unix_ms_at_zero() + expiry.tick() as i64 * TICK_MS + expiry.millisecond() as i64
    }

    const fn unix_ms_at_zero(self) -> i64 {
        self.unix_at_zero.cast_signed().saturating_mul(TICK_MS)
            + (self.word >> UNIX_MS_SHIFT) as i64
    }

    /// Unix time in seconds.
    pub const fn unix(self) -> u64 {
        self.unix_at_zero + self.tick() as u64
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
            return self.tick().saturating_add(exptime);
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
            tick if tick <= self.tick() => FlushTime::Immediately,
            tick => FlushTime::Tick(tick),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(tick: u32) -> Now {
        Now::at(tick, 1_700_000_000).with_milliseconds(250, 900)
    }

    #[test]
    fn milliseconds_go_to_and_fro() {
        let now = at(100);
        assert_eq!(now.unix_ms(), 1_700_000_101_150);
        for later in [1, 749, 750, 999, 1_000, 86_400_000] {
            let expiry = now.expiry_at_unix_ms(now.unix_ms() + later);
            assert_eq!(now.unix_ms_of(expiry), now.unix_ms() + later);
            assert!(!expiry.has_come(now.moment()), "{later}");
        }
        for past in [i64::MIN, -1, 0, now.unix_ms()] {
            assert!(now.expiry_at_unix_ms(past).has_come(now.moment()), "{past}");
        }
        assert_eq!(now.expiry_at_unix_ms(i64::MAX), Expiry::at(u32::MAX));
    }

    fn check(exptime: i32, expected: u32) {
        let now = at(100);
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
        let now = at(100);
        assert_eq!(now.unsigned_expiry(u32::MAX), 2_594_967_295, "in 2106");
    }

    #[test]
    fn flushes_are_immediate_later_or_never() {
        let now = at(100);
        assert_eq!(now.flush_time(0), FlushTime::Immediately);
        assert_eq!(now.flush_time(-1), FlushTime::Immediately);
        assert_eq!(now.flush_time(5), FlushTime::Tick(105));
        assert_eq!(now.flush_time(2_592_001), FlushTime::Never);
        assert_eq!(now.flush_time(1_700_000_050), FlushTime::Immediately);
    }
}
