//! Texts that the program prints: help, version, licence, man page, completions, and the line of a
//! server that was started on a terminal.
//!
//! May use: `options`, whose tables they are made from, and [`crate::refusal`]. Must not come in:
//! anything that changes the process.
//!
//! Start reading at `help_and_version.rs`.

mod generated_texts;
mod help_and_version;
mod start_line;

pub(crate) use self::generated_texts::named;
pub(crate) use self::help_and_version::{LICENSE, help, version};
pub(crate) use self::start_line::start_line;
