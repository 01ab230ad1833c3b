//! The state that all threads of the server share.
//!
//! [`shared_state::SharedState`] holds it: mailboxes between executors, counters, watchers,
//! settings that change at run time, the memory limit, certificates and handshakes, the clock.
//!
//! May use: `settings`, `connection`. Must not come in: state of one executor.
//!
//! Start reading at `shared_state.rs`, then `mailbox.rs`.

pub(crate) mod admission;
pub(crate) mod certificate_reload;
pub(crate) mod clock;
pub(crate) mod due_ticks;
pub(crate) mod graceful_close;
pub(crate) mod hand_over;
mod idle_cores;
pub(crate) mod item_memory_limit;
pub(crate) mod mailbox;
pub(crate) mod memory_limit;
pub(crate) mod publication;
pub(crate) mod publish_signal;
pub(crate) mod redis_counts;
pub(crate) mod reload_requests;
pub(crate) mod resource_usage;
pub(crate) mod run_time_settings;
pub(crate) mod serving;
pub(crate) mod shared_redis;
pub(crate) mod shared_state;
pub(crate) mod slot_map;
pub(crate) mod snapshot_feed;
pub(crate) mod snapshot_numbers;
pub(crate) mod subscriptions;
pub(crate) mod tls_handshakes;
pub(crate) mod watchers;
