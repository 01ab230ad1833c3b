//! The settings of snapshots.

use std::num::NonZeroU32;
use std::path::PathBuf;

/// Where snapshots are written, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SnapshotSettings {
    /// The directory of snapshots (`--snapshot-dir`). `None`: none is written, whatever clients
    /// ask for. Clients reach no other directory.
    pub directory: Option<PathBuf>,
    /// Seconds from the start of one snapshot to the next (`--snapshot-every`).
    pub every: Option<NonZeroU32>,
    /// Whether one is written before the server stops (`--snapshot-at-stop`).
    pub at_stop: bool,
    /// The snapshot with whose items the server starts (`--restore`).
    pub restore: Option<PathBuf>,
}
