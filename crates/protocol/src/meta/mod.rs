//! The meta commands `mg`, `ms`, `md`, `ma`, `me`: their lines and their replies.
//!
//! The flags themselves are a type of `requests` (`meta_flags.rs`): a new flag begins there.
//!
//! May use: `words`, `requests`, `text`. Must not come in: binary packets.
//!
//! Start reading at `meta_lines.rs`, then `meta_reply.rs`.

pub(crate) mod meta_lines;
pub(crate) mod meta_reply;
