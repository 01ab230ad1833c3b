//! Properties of a store that need many items, told as small stories.
//!
//! An interpreter that looks for undefined behaviour has no time for so many; it runs the model.
#![cfg(not(miri))]

mod flushes;
mod hit_ratios;
mod pages;
mod shard;
mod stories;
