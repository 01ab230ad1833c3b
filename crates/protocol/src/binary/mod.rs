//! The binary dialect: its packets and its replies.
//!
//! Opcodes and requests are types of `requests` (`binary_opcode.rs`, `binary_request.rs`).
//!
//! May use: `words`, `requests`. Must not come in: lines of text.
//!
//! Start reading at `binary_header.rs`, then `binary_decoder.rs`.

pub(crate) mod binary_decoder;
pub(crate) mod binary_header;
pub(crate) mod binary_reply;
