//! Decoder and encoder of memcached's protocols: text, with classic and meta commands, and binary.
//!
//! Purpose: turn a connection's bytes into typed requests that borrow those bytes, and replies into
//! bytes, exactly as memcached 1.6.45 does.
//!
//! Goals: any split of the input gives the same steps; nothing a peer sends panics; a one-key `get`
//! or a `set` line costs a few tens of nanoseconds and allocates nothing.
//!
//! Non-goals: no I/O, no clock, no item semantics (expiry, what counts as a number in a value), no
//! client side.
//!
//! Invariants: the input handed to [`Decoder::decode`] starts at a request's first byte; every key
//! that leaves this crate has 1 to [`KEY_BYTES_MAX`] bytes, and no blank in it unless it was
//! decoded from base64.
//!
//! Entry points: [`Decoder::decode`], [`data_block`] for the bytes behind a storage command, and
//! [`Reply::encode`], [`encode_value`] for the way back.

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

mod base64;
mod binary_decoder;
mod binary_header;
pub mod binary_opcode;
mod binary_reply;
mod binary_request;
mod data_block;
mod datagram;
mod decimal;
mod decoder;
mod dump_lines;
mod encode;
pub mod error_lines;
mod get_lines;
mod key_lines;
mod keys;
mod limits;
mod line;
mod login_line;
mod meta_flags;
mod meta_lines;
mod meta_reply;
mod numbers;
mod order_lines;
mod reply;
mod request;
mod server_lines;
mod server_order;
mod short_search;
mod single_get;
mod step;
mod store_lines;
mod watch_lines;
mod words;

pub use base64::DECODED_KEY_BYTES_MAX;
pub use binary_header::{BINARY_HEADER_BYTES, ECHO_BYTES, Echo, REPLY_MAGIC, REQUEST_MAGIC};
pub use binary_reply::{BinaryError, BinaryReply, BinaryStatus, BinaryValue, encode_stat_packets};
pub use binary_request::{
    AuthRequest, BinaryArithmetic, BinaryCommand, BinaryOrder, BinaryRequest,
};
pub use data_block::{DataBlock, data_block};
pub use datagram::{
    MESSAGE_DATAGRAMS_MAX, MESSAGE_PART_BYTES, RequestDatagram, message_datagrams, reply_frame,
};
pub use decoder::{Decoder, Protocol};
pub use dump_lines::{DumpedItem, dump_end, encode_dump_line};
pub use encode::{
    END, VALUE_END, VALUE_END_AND_END, encode_number, encode_stat, encode_value,
    encode_value_header,
};
pub use keys::Keys;
pub use limits::{
    AUTH_TOKEN_BYTES_MAX, BINARY_BODY_BYTES_MAX, GET_LINE_BYTES_MAX, KEY_BYTES_MAX, LINE_BYTES_MAX,
    META_FLAGS_BYTES_MAX, VALUE_BYTES_MAX,
};
pub use meta_flags::MetaFlags;
pub use meta_reply::{
    ItemFacts, MetaReply, MetaStatus, MetaValue, encode_meta_debug, encode_short_meta_value,
};
pub use reply::{MEMCACHED_VERSION, Reply};
pub use request::{GetRequest, MetaCommand, MetaRequest, Request, StoreForm, StoreRequest, Verb};
pub use server_lines::cachedump_words;
pub use server_order::{
    ALL_SLAB_CLASSES, DumpFormat, ExternalSetting, RunTimeSetting, ServerOrder, SlabClasses,
    Streams,
};
pub use step::Step;
pub use watch_lines::{
    LookStatus, StoreStatus, WatchedItem, encode_connection, encode_deletion, encode_eviction,
    encode_look, encode_page_move, encode_store,
};
