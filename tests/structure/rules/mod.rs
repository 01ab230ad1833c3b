//! The rules, each with its table of limits or exceptions.
//!
//! A number in a table may only fall: lower it when the tree allows.
//!
//! May use: `graph`, `search`, `facts`. Must not come in: how files are found and parsed.
//!
//! Start reading at `rooms.rs` (the folders of each crate), then `crates.rs`.

mod calls;
mod comments;
mod crates;
mod dialects;
mod names;
mod rooms;
mod style;
mod uses;
mod visibility;
