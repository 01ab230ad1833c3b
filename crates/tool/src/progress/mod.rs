//! How far a long command is: a bar on a terminal, and lines elsewhere.
//!
//! May use: `limits`, `view`. Must not come in: what the command does.
//!
//! Start reading at `progress.rs`.

mod progress;
mod rate_window;

pub(crate) use self::progress::{Position, ProgressDisplay};
