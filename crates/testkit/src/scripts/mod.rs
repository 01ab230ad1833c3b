//! What a test sends: scripts as values, in text or binary packets, and how they are cut.
//!
//! May use: `limits`. Must not come in: sockets, and what a command means.
//!
//! Start reading at `script.rs`.

pub mod binary_packet;
pub mod binary_script;
pub mod script;
pub mod splits;
