//! Plays a script to a server, so that the replies of two servers can be compared.
//!
//! May use: `limits`, `scripts`, `files`, `wire`, `process`. Must not come in: the comparison.
//!
//! Start reading at `playback.rs`.

pub mod binary_playback;
pub mod datagram_playback;
pub mod playback;
