//! Counters, gauges and histograms of one shard, and the names under which they are published.
//!
//! **Purpose.** Each shard counts in words of its own. `stats` and a scrape read them from another
//! core without stopping the shard.
//!
//! **Goals.** One relaxed load and one relaxed store per count, no locked instruction, no cache
//! line shared by two writers. The names of the STAT lines and of the Prometheus families are
//! tables of this crate, so that both show the same numbers.
//!
//! **Non-goals.** The text of a scrape. The numbers of slab classes are not here, only their names.
//!
//! **Invariants.** A [`ShardMetrics`] has one writing thread, and so have [`ShardTimings`]. Both
//! have a fixed size. Counters never go down: `stats reset` keeps a baseline, which
//! [`Snapshot::since`] subtracts for the `stats` command only. Prometheus reads the totals.
//!
//! **Entry point.** [`ShardMetrics`]; a reader takes a [`Snapshot`] of each shard and merges them.
//! For times [`ShardTimings`], and [`HistogramSnapshot`] to read them.

#![no_std]

pub mod class_names;
mod command;
mod counter;
mod gauge;
mod histogram;
pub mod histogram_names;
pub mod prometheus_names;
mod shard_metrics;
mod shard_timings;
mod snapshot;

pub use command::{Command, CommandCounts};
pub use counter::Counter;
pub use gauge::Gauge;
pub use histogram::{CountHistogram, DurationHistogram, Histogram, HistogramSnapshot};
pub use shard_metrics::ShardMetrics;
pub use shard_timings::{RequestTimes, ShardTimings};
pub use snapshot::Snapshot;

/// Defines an enum whose variants are indexes of an array, with the STAT name of each.
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
            /// All variants, in the order of their indexes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Number of variants.
            pub const COUNT: usize = Self::ALL.len();

            /// Name of the STAT line: memcached's own where memcached has one.
            pub const fn stat_name(self) -> &'static str {
                match self { $(Self::$variant => $stat,)+ }
            }
        }
    };
}
pub(crate) use stat_names;
