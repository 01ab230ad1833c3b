//! What the server keeps of one connection.
//!
//! Its unconsumed input, its replies in order, its TLS session, its login, and its position in a
//! long request. A connection knows no socket and no executor, so it can move to
//! another executor as a value.
//!
//! May use: `settings`. Must not come in: execution of requests, which is in `requests`, and
//! anything of more than one connection.
//!
//! Start reading at [`Connection`], then `output.rs` (replies in order) and `hub_connection.rs`.

pub(crate) mod affinity;
pub(crate) mod carry;
mod connection;
pub(crate) mod connection_record;
pub(crate) mod connection_reports;
pub(crate) mod dump_progress;
pub(crate) mod gather;
pub(crate) mod hub_connection;
pub(crate) mod input_state;
pub(crate) mod login;
pub(crate) mod new_connection;
pub(crate) mod outgoing;
pub(crate) mod output;
pub(crate) mod paused_get;
pub(crate) mod receipt;
mod record_bytes;
pub(crate) mod redis_clients;
pub(crate) mod redis_session;
pub(crate) mod request_group;
pub(crate) mod sizes;
pub(crate) mod slot;
pub(crate) mod spare_buffers;
pub(crate) mod subscribed_names;
pub(crate) mod tls_session;
pub(crate) mod watcher_id;

pub(crate) use self::connection::{Connection, ConnectionId, Pause};
