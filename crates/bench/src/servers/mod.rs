//! Servers under test: their binaries, their processes, and connections to them.
//!
//! May use: `limits`, `host`. Must not come in: a load, and what is measured.
//!
//! Start reading at `server_process.rs`.

pub mod binaries;
pub mod server_process;
pub mod session;
pub mod stream;
