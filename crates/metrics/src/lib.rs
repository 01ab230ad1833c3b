//! Counters of one shard and the names they are published under.
//!
//! **Purpose.** A shard counts in plain words of its own; who answers `stats` or a scrape reads
//! them from another core without stopping it.
//!
//! **Goals.** One relaxed load and one relaxed store per count, no locked instruction, no cache
//! line shared by two writers. The names of the STAT lines and of the Prometheus families stand in
//! tables here, so that the two views cannot drift apart.
//!
//! **Non-goals.** Histograms, rendering; of slab classes there are only names here.
//!
//! **Invariants.** A [`ShardMetrics`] has one writing thread. Counters never go down: `stats reset`
//! is a baseline that [`Snapshot::since`] takes off for the `stats` command only, while Prometheus
//! keeps reading the totals.
//!
//! **Entry point.** [`ShardMetrics`]; a reader takes a [`Snapshot`] of each shard and merges them.

#![no_std]

pub mod class_names;
mod counter;
mod gauge;
pub mod prometheus_names;
mod shard_metrics;
mod snapshot;

pub use counter::Counter;
pub use gauge::Gauge;
pub use shard_metrics::ShardMetrics;
pub use snapshot::Snapshot;

/// Writes an enum whose variants index an array, with the STAT name of each.
macro_rules! stat_names {
    (
        $(#[$enum_doc:meta])*
        $name:ident { $($(#[$doc:meta])* $variant:ident = $stat:literal,)+ }
    ) => {
        $(#[$enum_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every variant, in the order of their indices.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// Name of the STAT line: memcached's own where memcached has one.
            pub const fn stat_name(self) -> &'static str {
                match self { $(Self::$variant => $stat,)+ }
            }
        }
    };
}
pub(crate) use stat_names;
