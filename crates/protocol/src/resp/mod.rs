//! The Redis dialect (RESP): how a command is read, and how its reply is written.
//!
//! A command is a list of words. The table of commands tells how many words a command has; its
//! arguments become a request.
//!
//! May use: `words`, `requests`. Must not come in: anything of memcached's dialects.
//!
//! Start reading at `resp_decoder.rs`, then `resp_command.rs` and `resp_writer.rs`.
//!
//! Source: "Redis serialization protocol specification" (redis.io), and what redis-server 7.0.15
//! answers: inline lines and patterns were compared with it.

mod big_number;
mod command_info;
pub(crate) mod decimals;
mod fixed_replies;
pub(crate) mod glob;
pub(crate) mod inline_line;
mod long_double;
pub(crate) mod redis_names;
mod resp_arguments;
pub(crate) mod resp_command;
pub(crate) mod resp_decoder;
pub(crate) mod resp_error;
mod resp_parsing;
pub(crate) mod resp_refusal;
mod resp_server_parsing;
pub(crate) mod resp_writer;
pub(crate) mod single_resp_get;
