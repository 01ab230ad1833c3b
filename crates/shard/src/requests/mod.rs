//! Requests for one key and their responses, the time, and the rule that decides which shard owns a
//! key.
//!
//! The types are the same whether a request is executed in place or forwarded to another shard.
//!
//! May use: `limits`. Must not come in: anything that looks at a store, and the bytes in which
//! requests travel, which are in `forwarding`.
//!
//! Start reading at `request.rs` and `response.rs`.

pub(crate) mod clock;
pub(crate) mod flush_time;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod router;
pub(crate) mod shard_id;
pub(crate) mod string_reply;
pub(crate) mod upload_id;
