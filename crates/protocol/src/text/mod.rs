//! The classic text dialect: its command lines and its replies.
//!
//! Most `*_lines.rs` decode the lines of a group of commands. `reply.rs` and `encode.rs` write
//! replies, `dump_lines.rs` the lines of dumps, and `event_lines.rs` those for watchers.
//!
//! May use: `words`, `requests`. Must not come in: meta flags and binary packets.
//!
//! Start reading at `line.rs`, then `get_lines.rs`.

pub(crate) mod dump_lines;
pub(crate) mod encode;
pub(crate) mod event_lines;
pub(crate) mod get_lines;
pub(crate) mod key_lines;
pub(crate) mod line;
pub(crate) mod login_line;
pub(crate) mod reply;
pub(crate) mod server_command_lines;
pub(crate) mod stats_lines;
pub(crate) mod store_lines;
pub(crate) mod unknown_lines;
pub(crate) mod watch_line;
