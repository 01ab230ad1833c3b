//! Errors that end the process.

use std::io;

/// Ends the process, as `thread` cannot go on: a server without one of its shards would lose keys
/// in silence, and one without another thread would leave clients waiting.
pub(crate) fn end_process(thread: &str, error: &io::Error) {
    tracing::error!("slabcore: {thread} failed: {error}");
    std::process::exit(1);
}
