//! Threads, from their start to their end.
//!
//! The order in which a server starts and stops, executors on glommio or on plain threads, the
//! acceptor, and the threads that wake executors.
//!
//! May use: all other rooms. Must not come in: anything that runs once per request.
//!
//! Start reading at `running.rs`.

pub(crate) mod acceptor;
pub(crate) mod backend;
pub(crate) mod executor_setup;
pub(crate) mod executor_start;
pub(crate) mod executors;
pub(crate) mod heartbeat;
pub(crate) mod port_file;
pub(crate) mod ring_executor;
pub(crate) mod running;
pub(crate) mod wake_timer;
