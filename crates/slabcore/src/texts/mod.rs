//! Texts that the program prints and ends: help, version, licence, man page, completions.
//!
//! May use: `options`, whose tables they are made from, and [`crate::refusal`]. Must not come in:
//! anything that a serving process needs.
//!
//! Start reading at `help_and_version.rs`.

mod generated_texts;
mod help_and_version;

pub(crate) use self::generated_texts::named;
pub(crate) use self::help_and_version::{LICENSE, help, version};
