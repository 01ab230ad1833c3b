//! What is decided before the server starts, and the lines that it logs.
//!
//! The values of all options, listening sockets, users, certificates, the mapped item memory, log
//! lines, and the reasons why a start fails. Nothing here needs a thread of the server.
//!
//! May use: the pure crates, and nothing of this one. Must not come in: anything that serves a
//! client or is shared between threads that serve.
//!
//! Start reading at [`Settings`].

pub(crate) mod address;
pub(crate) mod close_reason;
pub(crate) mod division;
pub(crate) mod fatal;
mod file_mapping;
pub(crate) mod item_memory;
mod kept_file;
pub(crate) mod kept_settings;
pub(crate) mod kept_time;
pub(crate) mod key_text;
pub mod limits;
pub(crate) mod line_limit;
pub(crate) mod listener;
pub(crate) mod locked_memory;
pub(crate) mod log;
pub(crate) mod memory_file;
mod placement;
pub(crate) mod port_socket;
pub(crate) mod ring_size;
mod settings;
mod snapshot_settings;
pub(crate) mod start_error;
pub(crate) mod tls;
pub(crate) mod tls_ciphers;
pub(crate) mod users;

pub use self::kept_settings::PORT;
pub use self::placement::Placement;
pub use self::settings::{
    BackendChoice, Encryption, Keeping, Listen, Moving, Protocol, Settings, TcpListen,
};
pub use self::snapshot_settings::SnapshotSettings;
