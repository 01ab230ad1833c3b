//! The Redis dialect (RESP): how a command is read, and how its reply is written.
//!
//! A command is a list of words. What the words mean is not decided here.
//!
//! May use: `words`. Must not come in: a command, or anything of memcached's dialects.
//!
//! Start reading at `resp_decoder.rs`, then `resp_writer.rs`.
//!
//! Source: "Redis serialization protocol specification" (redis.io), and what redis-server 7.0.15
//! answers: inline lines and patterns were compared with it.

pub(crate) mod glob;
pub(crate) mod inline_line;
pub(crate) mod resp_decoder;
pub(crate) mod resp_error;
pub(crate) mod resp_words;
pub(crate) mod resp_writer;
