//! The load generator: requests at a given rate or as fast as possible, every reply checked.
//!
//! May use: `limits`, `host`, `servers`. Must not come in: which servers are compared.
//!
//! Start reading at `generator.rs` (one thread's load), then `workload.rs` and `connection.rs`.

pub mod connection;
pub mod fixed_reply;
pub mod generator;
pub mod handshakes;
pub mod item_format;
pub mod key_chooser;
pub mod load_error;
pub mod reply;
pub mod request_batch;
pub mod tally;
pub mod workload;
pub mod zipf;
