//! Finds and parses the files of the project, and collects what the rules count.
//!
//! Each search has a test that it finds what it looks for.
//!
//! May use: `graph`. Must not come in: a limit, or what is right or wrong.
//!
//! Start reading at `source.rs` (crates and their modules), then `uses.rs`.

pub(crate) mod calls;
pub(crate) mod dialects;
mod macros;
pub(crate) mod names;
pub(crate) mod source;
pub(crate) mod uses;
pub(crate) mod visibility;
