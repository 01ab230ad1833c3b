//! Sockets: the order of a turn, and drivers for it on `io_uring` and on epoll.
//!
//! A driver moves bytes between sockets and the [`crate::hub::Hub`]. UDP sockets are here, too.
//!
//! May use: `hub` and what is below it. Must not come in: what a request means.
//!
//! Start reading at `turn.rs`, then `epoll_driver.rs`, the shorter of the two drivers.

pub(crate) mod epoll_driver;
mod receive_buffers;
pub(crate) mod ring;
pub(crate) mod ring_driver;
mod send_message;
pub(crate) mod turn;
pub(crate) mod udp_port;
