//! Servers as processes: slabcore or stock memcached, started for one test; and terminals for
//! programs.
//!
//! May use: `limits`, `files`, `wire`. Must not come in: scripts, and what a reply should be.
//!
//! Start reading at `server_process.rs`.

pub mod both_servers;
pub mod redis_process;
pub mod server_process;
pub mod stopped_thread;
pub mod terminal;
