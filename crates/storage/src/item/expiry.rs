//! Times: the present one, and those at which items expire.
//!
//! A tick is a second of the server's clock. Most items expire with a tick, as in memcached. Items
//! of the Redis dialect may expire at a millisecond of one.

use core::fmt;

/// Milliseconds of a tick.
pub(crate) const TICK_MS: u16 = 1000;

/// A time, as an argument of the store's operations. It never goes back by more than the length of
/// a turn.
///
/// It is one word, so that it takes one register on the way of each request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Moment(u64);

impl Moment {
    /// The begin of a tick.
    #[inline]
    pub const fn at(tick: u32) -> Moment {
        Moment(tick as u64)
    }

    /// A millisecond (below 1,000) of a tick.
    #[inline]
    pub const fn at_millisecond(tick: u32, millisecond: u16) -> Moment {
        Moment((millisecond as u64) << u32::BITS | tick as u64)
    }

    /// Seconds of the server's clock, above 1.
    #[inline]
    pub const fn tick(self) -> u32 {
        self.0 as u32
    }

    /// Milliseconds since the tick began, below 1,000.
    #[inline]
    pub const fn millisecond(self) -> u16 {
        (self.0 >> u32::BITS) as u16
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.tick(), self.millisecond())
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Moment(self.0).fmt(f)
    }
}

/// When an item expires. One word, as a [`Moment`]; a tick of 0 is never, and has no millisecond.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Expiry(u64);

impl Expiry {
    /// Never.
    pub const NEVER: Expiry = Expiry(0);

    /// At the begin of a tick. 0: never.
    #[inline]
    pub const fn at(tick: u32) -> Expiry {
        Expiry(tick as u64)
    }

    /// At a millisecond (below 1,000) of a tick. Tick 0: never.
    ///
    /// # Panics
    ///
    /// If no tick has the millisecond.
    pub const fn at_millisecond(tick: u32, millisecond: u16) -> Expiry {
        assert!(millisecond < TICK_MS, "no tick has this millisecond");
        Expiry(if tick == 0 { 0 } else { Moment::at_millisecond(tick, millisecond).0 })
    }

    /// The tick. 0: never.
    #[inline]
    pub const fn tick(self) -> u32 {
        self.0 as u32
    }

    /// The millisecond of the tick.
    #[inline]
    pub const fn millisecond(self) -> u16 {
        (self.0 >> u32::BITS) as u16
    }

    /// The first tick at whose begin the item has expired. 0: never.
    #[inline]
    pub const fn whole_tick(self) -> u32 {
        self.tick().saturating_add((self.millisecond() != 0) as u32)
    }

    /// Whether the item never expires.
    #[inline]
    pub const fn is_never(self) -> bool {
        self.tick() == 0
    }

    /// Whether the time has come.
    #[inline]
    pub const fn has_come(self, now: Moment) -> bool {
        !self.is_never()
            && (self.tick() < now.tick()
                || self.tick() == now.tick() && self.millisecond() <= now.millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_comes_at_its_millisecond() {
        let moment = Moment::at_millisecond;
        for (expiry, now, has_come) in [
            (Expiry::NEVER, moment(u32::MAX, 999), false),
            (Expiry::at_millisecond(0, 5), moment(u32::MAX, 999), false),
            (Expiry::at(7), moment(6, 999), false),
            (Expiry::at(7), moment(7, 0), true),
            (Expiry::at_millisecond(7, 500), moment(7, 499), false),
            (Expiry::at_millisecond(7, 500), moment(7, 500), true),
            (Expiry::at_millisecond(7, 500), moment(8, 0), true),
        ] {
            assert_eq!(expiry.has_come(now), has_come, "{expiry:?} at {now:?}");
            let is_whole = Expiry::at(expiry.whole_tick()).has_come(Moment::at(now.tick()));
            assert!(has_come || !is_whole, "{expiry:?} at {now:?}");
        }
        assert_eq!(Expiry::at_millisecond(7, 1).whole_tick(), 8);
    }
}
