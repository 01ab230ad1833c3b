//! What a shard shows operators: slab classes, counts by prefix, dumps, watched requests.
//!
//! May use: `requests`. Must not come in: anything that changes an item.
//!
//! Start reading at `class_table.rs` (`stats items`, `stats slabs`), then `watched_lines.rs`.

pub(crate) mod class_table;
pub(crate) mod detail;
pub(crate) mod dump;
mod frequent_keys;
pub(crate) mod hot_key_list;
pub(crate) mod hot_keys;
pub(crate) mod miss_ratio_curve;
pub(crate) mod prefix_counts;
pub(crate) mod shard_query;
pub(crate) mod watch_log;
pub(crate) mod watched_lines;
