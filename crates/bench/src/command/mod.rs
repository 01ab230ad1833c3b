//! The commands of `slabcore-bench`: their options, and what they print.
//!
//! May use: all other rooms. Must not come in: what a load or a comparison is.
//!
//! Start reading at `compare.rs`.

pub mod compare;
pub mod fill;
pub mod load;
mod options;
pub mod respond;
