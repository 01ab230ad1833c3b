//! What a server cannot live on with.

use std::io;

/// Ends the process: a server without one of its shards would lose keys in silence, better none.
pub(crate) fn end_process(error: &io::Error) {
    tracing::error!("slabcore: an executor failed: {error}");
    std::process::exit(1);
}
