//! Words and numbers that the text dialects share, in both directions.
//!
//! Splitting a line into words, reading and writing integers, base64, lists of keys, the error
//! lines, and the limits of the crate.
//!
//! May use: nothing of this crate. Must not come in: a command, or anything of one dialect only.
//!
//! Start reading at `line_words.rs`, then `integers.rs`.

pub(crate) mod base64;
pub(crate) mod decimal;
pub mod error_lines;
pub(crate) mod integers;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod line_words;
pub(crate) mod resp_version;
pub(crate) mod resp_words;
pub(crate) mod short_search;
