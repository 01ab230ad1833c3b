//! One store within this process that grows, with each operation timed.
//!
//! May use: `limits`, `host`, `replay`. Must not come in: servers and sockets.
//!
//! Start reading at `growth.rs`.

pub mod growth;
pub mod mapped_store;
pub mod own_work;
