//! The machine that measures: its cores, resident memory, and what disturbs a measurement.
//!
//! May use: nothing of this crate. Must not come in: a server under test.
//!
//! Start reading at `cores.rs`.

pub mod cores;
pub mod disturbances;
pub mod machine;
pub mod resident_memory;
