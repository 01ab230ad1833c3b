//! Random commands and scripts, good and bad ones, for property tests.
//!
//! May use: `limits`, `scripts`, `semantics`. Must not come in: sockets, and expected replies.
//!
//! Start reading at `generators.rs`.

pub mod generators;
pub mod line_mutations;
pub mod meta_generators;
pub mod part_generators;
pub mod string_generators;
