//! The commands that move items: copy and verify, dump, restore.
//!
//! May use: all rooms but those of `top`. Must not come in: the command line.
//!
//! Start reading at `copy.rs`.

mod copy;
mod lanes;
mod summary;
mod verify;

pub(crate) use self::copy::{Copy, Verify};
pub(crate) use self::summary::{Ending, Summary};
