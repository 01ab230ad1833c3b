//! What the fuzz targets do with their input; each target is a few lines around it.
//!
//! Purpose: bytes and operations that nobody thought of, on the pure crates. Goals: thousands of
//! runs per second on the pinned toolchain; a failure names the broken property. Non-goals:
//! sockets, threads, speed of the code under test.
//!
//! Entry point: `run-short` builds the targets with coverage counters and runs them.

pub mod decoder_run;
pub mod session_input;
pub mod session_run;
pub mod store_model;
pub mod store_op;
pub mod store_run;
pub mod uniques;
