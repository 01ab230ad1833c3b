//! The connection to a server: address, login, TLS, and the questions.
//!
//! May use: `limits`, `escaped`, `statistics`. Must not come in: what the answers mean, and the
//! terminal.
//!
//! Start reading at `connection.rs`.

mod connection;
mod encryption;
mod link_error;
mod login;
mod server;
mod server_address;
mod socket;

pub(crate) use self::connection::Connection;
pub(crate) use self::encryption::Encryption;
pub(crate) use self::link_error::LinkError;
pub(crate) use self::login::Login;
pub(crate) use self::server::Server;
pub(crate) use self::server_address::ServerAddress;
