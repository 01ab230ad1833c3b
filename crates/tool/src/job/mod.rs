//! The commands that move items: copy with its comparison.
//!
//! May use: all rooms but those of `top`. Must not come in: the command line.
//!
//! Start reading at `copy.rs`.

mod all_keys;
mod comparison;
mod copy;
mod lanes;
mod summary;

pub(crate) use self::copy::{Copy, Verify};
pub(crate) use self::summary::{Ending, Summary};
