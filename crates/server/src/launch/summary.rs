//! What a running server tells the operator who started it.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::settings::Listen;
use crate::shared::shared_state::SharedState;

/// Where a server listens, and what it serves with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// TCP addresses that any client may connect to; without the shards' own ports.
    pub addresses: Vec<SocketAddr>,
    /// TCP addresses whose connections speak Redis' dialect.
    pub redis_addresses: Vec<SocketAddr>,
    /// UDP addresses.
    pub udp_addresses: Vec<SocketAddr>,
    /// Path of the Unix socket, if clients connect there.
    pub unix_socket: Option<PathBuf>,
    /// Memory for items and their index (`-m`), in bytes.
    pub memory_bytes: usize,
    /// Number of shards (`-t`).
    pub shards: usize,
    /// `io_uring` or `epoll`.
    pub backend: &'static str,
    /// Where `/metrics` and the status page are served.
    pub metrics_address: Option<SocketAddr>,
}

impl Summary {
    pub(super) fn of(shared: &SharedState, metrics_address: Option<SocketAddr>) -> Self {
        let unix_socket = match &shared.settings.listen {
            Listen::Unix { path, .. } if shared.addresses.is_empty() => Some(path.clone()),
            _ => None,
        };
        Self {
            addresses: shared.addresses.clone(),
            redis_addresses: shared.redis_addresses.clone(),
            udp_addresses: shared.udp_addresses.clone(),
            unix_socket,
            memory_bytes: shared.memory.bytes(),
            shards: shared.settings.shards,
            backend: shared.backend.name(),
            metrics_address,
        }
    }
}
