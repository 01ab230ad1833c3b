//! What commands mean: a model of a cache, and commands as values.
//!
//! May use: `limits`, `scripts`. Must not come in: sockets, randomness, a clock.
//!
//! Start reading at `model.rs` (classic commands), then `meta_model.rs` and `string_model.rs`.

pub mod command;
pub mod meta_line;
pub mod meta_model;
pub mod model;
mod string_model;
