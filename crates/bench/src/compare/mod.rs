//! Two servers under the same load, and what a server costs when it is idle or full.
//!
//! May use: `limits`, `table`, `splitmix64`, `host`, `servers`, `load`. Must not come in: sockets.
//!
//! Start reading at `rows.rs` (the loads of the published table), then `comparison.rs`.

pub mod comparison;
pub mod data_set;
pub mod footprint;
pub mod ratio;
pub mod report;
pub mod rows;
