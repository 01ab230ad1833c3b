//! What a server's statistics say: totals, and rates between two samples.
//!
//! The fields of [`Report`] are the keys of `--json`: they may be added to, and not renamed.
//!
//! May use: `limits`, `statistics`. Must not come in: sockets, clocks, and how anything is shown.
//!
//! Start reading at `report.rs`.

mod class_report;
mod command_report;
mod curve_report;
#[cfg(test)]
pub(crate) mod example;
mod hot_key_report;
mod report;
mod sample;
mod shard_report;
mod span;

pub(crate) use self::class_report::ClassReport;
pub(crate) use self::command_report::CommandReport;
pub(crate) use self::hot_key_report::HotKeyReport;
pub(crate) use self::report::{Report, ServerKind, ServerReport};
pub(crate) use self::sample::Sample;
pub(crate) use self::shard_report::ShardReport;
