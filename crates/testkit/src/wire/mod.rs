//! Clients that send and receive bytes, and replies made comparable.
//!
//! May use: `limits`, `files`. Must not come in: how a server is started.
//!
//! Start reading at `wire_client.rs`.

pub mod datagram_client;
mod meta_replies;
pub mod redis_client;
pub mod replies;
pub mod wire_client;
