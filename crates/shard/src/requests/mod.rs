//! What is asked of one key and what is answered, the time, and which shard owns a key.
//!
//! These types describe a request wherever it is executed: in place, or after it was forwarded to
//! another shard.
//!
//! May use: `limits`. Must not come in: anything that looks at a store, and the bytes in which
//! requests travel, which are in `forwarding`.
//!
//! Start reading at `request.rs` and `response.rs`.

pub(crate) mod clock;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod router;
pub(crate) mod upload_id;
