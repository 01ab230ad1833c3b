//! Sockets: one turn on `io_uring`, and the same turn on epoll.
//!
//! A driver moves bytes between sockets and the [`crate::hub::Hub`]. UDP sockets are here, too.
//!
//! May use: `hub` and what is below it. Must not come in: what a request means.
//!
//! Start reading at `ring_driver.rs`; `epoll_driver.rs` is the same in fewer lines.

pub(crate) mod epoll_driver;
pub(crate) mod receive_buffers;
pub(crate) mod ring;
pub(crate) mod ring_driver;
pub(crate) mod send_message;
pub(crate) mod udp_port;
