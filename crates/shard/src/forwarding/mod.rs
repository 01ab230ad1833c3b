//! Requests that one shard forwards to another, as bytes in a batch that brings the replies back.
//!
//! May use: `requests`, `observation`. Must not come in: the execution of requests.
//!
//! Start reading at `batch.rs`, then `forwarded_request.rs` and `forwarded_head.rs` (the layout).

pub(crate) mod batch;
pub(crate) mod forwarded_decoding;
mod forwarded_encoding;
mod forwarded_head;
pub(crate) mod forwarded_request;
mod forwarded_strings;
