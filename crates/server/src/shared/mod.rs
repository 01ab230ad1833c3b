//! What all threads of the server share.
//!
//! The [`cluster::Cluster`] holds it: mailboxes between executors, counters, watchers, settings
//! that change at run time, the memory limit, certificates and handshakes, the clock.
//!
//! May use: `settings`, `connection`. Must not come in: what belongs to one executor.
//!
//! Start reading at `cluster.rs`, then `mailbox.rs`.

pub(crate) mod certificate_reload;
pub(crate) mod clock;
pub(crate) mod cluster;
pub(crate) mod due_ticks;
pub(crate) mod farewell;
pub(crate) mod mailbox;
pub(crate) mod memory_limit;
pub(crate) mod numbers;
pub(crate) mod publish_order;
pub(crate) mod reload_orders;
pub(crate) mod run_time_settings;
pub(crate) mod tls_handshakes;
pub(crate) mod watchers;
