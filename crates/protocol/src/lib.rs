//! Decoder and encoder of memcached's protocols: text, with classic and meta commands, and binary.
//!
//! Purpose: turn the bytes of a connection into typed requests that borrow those bytes, and replies
//! into bytes, exactly as memcached 1.6.45 does.
//!
//! Goals: any split of the input decodes to the same; no input panics; a one-key `get` or a `set`
//! line costs a few tens of nanoseconds and allocates nothing.
//!
//! Non-goals: no I/O, no clock, no item semantics (expiry, what counts as a number in a value), no
//! client side.
//!
//! Invariants: the input of [`Decoder::decode`] starts at the first byte of a request. Every key
//! that leaves this crate has 1 to [`KEY_BYTES_MAX`] bytes, and no blank in it unless it was
//! decoded from base64.
//!
//! Entry points: [`Decoder::decode`]; [`data_block`] for the bytes after a storage command;
//! [`Reply::encode`] and [`encode_value`] for replies.

#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod binary;
mod datagram;
mod decoder;
mod meta;
mod requests;
mod resp;
mod single_get;
mod text;
mod words;

pub use binary::binary_header::{BINARY_HEADER_BYTES, REPLY_MAGIC, REQUEST_MAGIC};
pub use binary::binary_reply::{BinaryReply, BinaryValue, encode_stat_packets};
pub use datagram::{
    MESSAGE_DATAGRAMS_MAX, MESSAGE_PART_BYTES, RequestDatagram, message_datagrams, reply_frame,
};
pub use decoder::{Decoder, Protocol};
pub use meta::meta_reply::{
    ItemFacts, MetaReply, MetaStatus, MetaValue, encode_meta_debug, encode_short_meta_value,
};
pub use requests::binary_opcode;
pub use requests::binary_request::{
    AuthRequest, BinaryArithmetic, BinaryCommand, BinaryRequest, BinaryServerRequest,
};
pub use requests::binary_status::{BinaryError, BinaryStatus};
pub use requests::data_block::{DataBlock, data_block};
pub use requests::decoded::Decoded;
pub use requests::dump_format::{ALL_SLAB_CLASSES, DumpFormat, SlabClasses};
pub use requests::echo::{ECHO_BYTES, Echo};
pub use requests::meta_flags::MetaFlags;
pub use requests::request::{
    GetRequest, MetaCommand, MetaRequest, Request, StoreForm, StoreRequest, Verb,
};
pub use requests::resp_request::{
    ClientRequest, ClientType, CommandRequest, FixedReply, MessageRequest, RespRequest,
};
pub use requests::run_time_setting::{ExternalSetting, RunTimeSetting};
pub use requests::server_command::{ServerCommand, ShutdownMode};
pub use requests::stats_query::StatsQuery;
pub use requests::streams::Streams;
pub use requests::string_request::{
    ExpireCondition, ExpiryForm, NewExpiry, SetCondition, SetReply, StringOperation, StringRequest,
    StringSet, TimeRefusal,
};
pub use resp::decimals::{DecimalError, add_decimals};
pub use resp::glob::matches_glob;
pub use resp::redis_names::is_redis_command;
pub use resp::resp_command::RespCommand;
pub use resp::resp_decoder::{RespDecoded, RespDecoder, RespLimits, inline_words};
pub use resp::resp_error::RespError;
pub use resp::resp_refusal::RespRefusal;
pub use resp::resp_writer::{RespWriter, write_bulk};
pub use resp::single_resp_get::single_resp_get;
pub use text::dump_lines::{DumpedItem, dump_end, encode_dump_line};
pub use text::encode::{
    END, VALUE_END, VALUE_END_AND_END, encode_number, encode_stat, encode_value,
    encode_value_header,
};
pub use text::event_lines::{
    LookStatus, StoreStatus, WatchedItem, encode_connection, encode_deletion, encode_eviction,
    encode_look, encode_page_move, encode_store,
};
pub use text::reply::{MEMCACHED_VERSION, Reply};
pub use words::base64::{DECODED_KEY_BYTES_MAX, encode_base64};
pub use words::error_lines;
pub use words::integers::strict_64;
pub use words::keys::Keys;
pub use words::limits::{
    AUTH_TOKEN_BYTES_MAX, BINARY_BODY_BYTES_MAX, DATABASES, GET_LINE_BYTES_MAX, KEY_BYTES_MAX,
    LINE_BYTES_MAX, META_FLAGS_BYTES_MAX, RESP_COMMAND_BYTES_MAX, RESP_KEY_BYTES_MAX,
    RESP_WORD_BYTES_MAX, RESP_WORDS_MAX, VALUE_BYTES_MAX,
};
pub use words::resp_version::RespVersion;
pub use words::resp_words::RespWords;
