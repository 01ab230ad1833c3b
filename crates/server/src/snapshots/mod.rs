//! Snapshots: the items of all shards, written to files.
//!
//! Executors copy their items into blocks (`executor/snapshot_part.rs`). A thread of this room
//! gives the blocks checksums and writes them, so file I/O delays no turn.
//!
//! May use: `settings`, `connection`, `shared`. Must not come in: items. Restoring them is in
//! `launch`, because it happens before executors start.
//!
//! Start reading at `writing.rs`, then `snapshot_directory.rs` (which files there are).

mod asking;
pub(crate) mod snapshot_clock;
mod snapshot_directory;
mod writing;

pub(crate) use self::asking::{Asker, begin};
pub(crate) use self::snapshot_directory::SnapshotDirectory;
pub(crate) use self::writing::write;
