//! The classic text dialect: its command lines and its replies.
//!
//! Each `*_lines.rs` decodes the lines of a group of commands. `reply.rs` and `encode.rs` write
//! replies; `dump_lines.rs` and `watch_lines.rs` write what operators read.
//!
//! May use: `words`, `requests`. Must not come in: meta flags and binary packets.
//!
//! Start reading at `line.rs`, then `get_lines.rs`.

pub(crate) mod dump_lines;
pub(crate) mod encode;
pub(crate) mod get_lines;
pub(crate) mod key_lines;
pub(crate) mod line;
pub(crate) mod login_line;
pub(crate) mod order_lines;
pub(crate) mod reply;
pub(crate) mod server_lines;
pub(crate) mod store_lines;
pub(crate) mod watch_lines;
