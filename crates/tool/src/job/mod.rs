//! The commands that move items: copy with its comparison, dump, and restore.
//!
//! May use: all rooms but those of `top`. Must not come in: the command line.
//!
//! Start reading at `copy.rs`.

mod all_keys;
mod comparison;
mod copy;
mod dump;
mod lanes;
mod restore;
mod summary;

pub(crate) use self::copy::{Copy, Verify};
pub(crate) use self::dump::Dump;
pub(crate) use self::restore::Restore;
pub(crate) use self::summary::{Ending, Summary};
