//! Requests as types: what a client can ask for in any dialect.
//!
//! These types are what the crate hands to its callers. They borrow the connection's input. The
//! requests of all dialects are here, because one enum holds them all.
//!
//! May use: `words`. Must not come in: reading a line or a packet, and writing a reply.
//!
//! Start reading at `request.rs`, then `decoded.rs`.

pub mod binary_opcode;
pub(crate) mod binary_request;
pub(crate) mod binary_status;
pub(crate) mod data_block;
pub(crate) mod decoded;
pub(crate) mod dump_format;
pub(crate) mod echo;
pub(crate) mod meta_flags;
pub(crate) mod request;
pub(crate) mod resp_request;
pub(crate) mod run_time_setting;
pub(crate) mod server_command;
pub(crate) mod stats_query;
pub(crate) mod streams;
pub(crate) mod string_request;
