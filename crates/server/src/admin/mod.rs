//! The admin endpoint on a thread of its own: `/metrics`, `/hotkeys`, `/healthz`, `/readyz`, and
//! the status page at `/` with its numbers, `/status.json`.
//!
//! May use: `settings`, `connection`, `shared`. Must not come in: anything that takes a shard's
//! lock or runs on an executor.
//!
//! Start reading at [`Admin`], then `exposition.rs` (which metrics there are).

mod admin;
pub(crate) mod admin_connection;
pub(crate) mod admin_http;
#[cfg(test)]
mod admin_tests;
pub(crate) mod class_exposition;
pub(crate) mod curve_exposition;
pub(crate) mod exposition;
mod histogram_exposition;
mod hot_keys_json;
pub(crate) mod metric_families;
mod prefix_exposition;
mod published_numbers;
mod silences;
mod state_families;
mod status_numbers;
mod status_page;

pub(crate) use self::admin::Admin;
