//! The threads of the server, from their start to their end.
//!
//! The order in which a server starts and stops, executors on glommio or on plain threads, the
//! acceptor, and the threads that wake executors.
//!
//! May use: all other rooms. Must not come in: anything that runs once per request.
//!
//! Start reading at `running.rs`.

mod acceptor;
mod backend;
pub(crate) mod executor_setup;
mod executor_start;
mod executors;
pub(crate) mod hand_over;
mod heartbeat;
mod huge_pages;
mod item_pages;
mod port_file;
mod rehoming;
mod restoring;
mod ring_executor;
pub(crate) mod running;
mod snapshot_timer;
pub(crate) mod summary;
mod take_over;
mod wake_timer;
