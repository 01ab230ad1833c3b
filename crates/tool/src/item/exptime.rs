//! Times to live, and the exptimes that say them.

use std::time::Instant;

/// The largest exptime that is relative, 30 days. A larger one is a Unix time.
const RELATIVE_SECONDS_MAX: u64 = 30 * 24 * 60 * 60;

/// How long an item lives from the moment it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ttl {
    /// Until it is deleted or evicted.
    Never,
    /// This many seconds; 0: it has expired.
    Seconds(u64),
}

impl Ttl {
    /// What an exptime means at the time `now`.
    pub(crate) fn of_exptime(exptime: i64, now: impl FnOnce() -> u64) -> Self {
        match u64::try_from(exptime) {
            Ok(0) => Self::Never,
            Ok(relative @ ..=RELATIVE_SECONDS_MAX) => Self::Seconds(relative),
            Ok(unix_second) => Self::Seconds(unix_second.saturating_sub(now())),
            Err(_) => Self::Seconds(0),
        }
    }

    /// What is left after some seconds.
    pub(crate) fn after(self, seconds: u64) -> Self {
        match self {
            Self::Never => Self::Never,
            Self::Seconds(left) => Self::Seconds(left.saturating_sub(seconds)),
        }
    }

    /// True if the server must be given a Unix time.
    pub(crate) fn needs_clock(self) -> bool {
        matches!(self, Self::Seconds(left) if left > RELATIVE_SECONDS_MAX)
    }

    /// The exptime for a server whose clock shows `now`; `None`: the item has expired.
    pub(crate) fn exptime(self, now: impl FnOnce() -> u64) -> Option<u64> {
        match self {
            Self::Never => Some(0),
            Self::Seconds(0) => None,
            Self::Seconds(left) if self.needs_clock() => Some(now().saturating_add(left)),
            Self::Seconds(left) => Some(left),
        }
    }
}

/// A server's clock: what it said once, and the time since.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerClock {
    unix_second: u64,
    at: Instant,
}

impl ServerClock {
    /// A clock that shows this second now.
    pub(crate) fn new(unix_second: u64, at: Instant) -> Self {
        Self { unix_second, at }
    }

    /// What it shows now.
    pub(crate) fn now(&self) -> u64 {
        // The server named a whole second: on average half of the next one had passed.
        let since = (self.at.elapsed().as_millis() as u64 + 500) / 1000;
        self.unix_second.saturating_add(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exptimes_say_ttls() {
        let check = |ttl: Ttl, expected: Option<u64>| {
            assert_eq!(ttl.exptime(|| 1_700_000_000), expected, "{ttl:?}");
        };
        check(Ttl::Never, Some(0));
        // 0 would mean that it never expires.
        check(Ttl::Seconds(0), None);
        check(Ttl::Seconds(1), Some(1));
        check(Ttl::Seconds(2_592_000), Some(2_592_000));
        check(Ttl::Seconds(2_592_001), Some(1_702_592_001));
        check(Ttl::Seconds(u64::MAX), Some(u64::MAX));
        assert_eq!(Ttl::Seconds(5).after(7), Ttl::Seconds(0));
    }
}
