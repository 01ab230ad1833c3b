//! The code of the fuzz targets. Each target is a few lines around it.
//!
//! Purpose: unexpected bytes and operations on the pure crates. Goals: thousands of runs per second
//! on the pinned toolchain; a failure names the broken property. Non-goals: sockets, threads, speed
//! of the code under test.
//!
//! Entry point: `run-short` builds the targets with coverage counters and runs them.

pub mod decoder_run;
pub mod kept_memory_run;
pub mod resp_run;
pub mod session_input;
pub mod session_run;
pub mod snapshot_run;
pub mod store_model;
pub mod store_op;
pub mod store_run;
pub mod uniques;
