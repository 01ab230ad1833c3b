//! Properties of a store with many items. Each test is a short story.
//!
//! Under Miri so many items take too long. It runs the model tests.
#![cfg(not(miri))]

mod evictions;
mod flushes;
mod full_store;
mod hit_ratios;
mod kept_values;
mod pages;
mod pins;
mod segments;
mod shard;
mod stories;
