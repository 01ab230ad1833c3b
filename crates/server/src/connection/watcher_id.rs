//! The id of a watcher.

/// Each number is given to one watcher for the life of the server.
pub(crate) type WatcherId = u64;
