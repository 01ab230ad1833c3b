//! The streams of events that `watch` offers.

use core::ops::{BitOr, BitOrAssign};

/// A set of streams: the kinds of events that a watcher reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams(u8);

impl Streams {
    /// Lookups of items.
    pub const FETCHERS: Self = Self(1);
    /// Attempts to store.
    pub const MUTATIONS: Self = Self(1 << 1);
    /// Live items pushed out.
    pub const EVICTIONS: Self = Self(1 << 2);
    /// Connections that begin and end.
    pub const CONNECTIONS: Self = Self(1 << 3);
    /// Items deleted.
    pub const DELETIONS: Self = Self(1 << 4);
    /// Work that the server does by itself.
    pub const SYSTEM: Self = Self(1 << 5);
    /// Streams that memcached names and this server never writes to.
    pub const SILENT: Self = Self(1 << 6);

    /// The set of these bits.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The set as bits, one for each stream.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// True if both have a stream in common.
    #[inline]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// True if there is no stream.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Streams {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Streams {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
