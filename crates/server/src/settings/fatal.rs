//! Errors that end the process.

use std::io;

/// Ends the process because `thread` cannot go on. A server without one of its shards would lose
/// keys in silence; a server without another thread would leave clients waiting.
pub(crate) fn end_process(thread: &str, error: &io::Error) {
    tracing::error!("slabcore: {thread} failed: {error}");
    std::process::exit(1);
}
