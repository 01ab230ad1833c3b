//! What all threads of the server share: settings, mailboxes, counters. Nothing of the data path
//! is written here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;
use slabcore_metrics::{ShardMetrics, Snapshot};
use slabcore_shard::{ClassTable, ItemColumns};
use slabcore_storage::PAGE_BYTES;

use crate::settings::Settings;
use crate::settings::item_memory::MappedRange;
use crate::settings::port_socket::PortSocket;
use crate::settings::ring_size::RingSize;
use crate::settings::tls::{ClientCertificates, Tls, TlsError};
use crate::settings::users::{Users, UsersError};
use crate::shared::clock::Clock;
use crate::shared::due_ticks::DueTicks;
use crate::shared::mailbox::Mailbox;
use crate::shared::publish_order::PublishOrder;
use crate::shared::reload_orders::ReloadOrders;
use crate::shared::run_time_settings::RunTimeSettings;
use crate::shared::watchers::Watchers;

/// How the sockets are driven in fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Backend {
    /// With rings of this size.
    Uring(RingSize),
    /// With the reason why not the ring.
    Epoll(String),
}

impl Backend {
    /// Name in `stats slabcore`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Uring(_) => "io_uring",
            Self::Epoll(_) => "epoll",
        }
    }
}

/// TLS as all threads see it.
pub(crate) struct SharedTls {
    current: Mutex<Tls>,
    reload_orders: Mutex<ReloadOrders>,
    /// Handshakes that led to no connection.
    pub(crate) handshake_errors: AtomicU64,
    /// Connections that sent what is no TLS after their handshake.
    pub(crate) protocol_errors: AtomicU64,
    /// Handshakes that resumed no session.
    pub(crate) new_sessions: AtomicU64,
}

impl SharedTls {
    pub(crate) fn new(tls: Tls) -> Self {
        Self {
            current: Mutex::new(tls),
            reload_orders: Mutex::default(),
            handshake_errors: AtomicU64::new(0),
            protocol_errors: AtomicU64::new(0),
            new_sessions: AtomicU64::new(0),
        }
    }

    /// What a handshake starts from.
    pub(super) fn config(&self, demanded: ClientCertificates) -> Arc<ServerConfig> {
        Arc::clone(lock(&self.current).config(demanded))
    }

    /// Orders to reload that clients gave.
    pub(super) fn reload_orders(&self) -> MutexGuard<'_, ReloadOrders> {
        lock(&self.reload_orders)
    }

    /// Seconds since the certificate was read.
    pub(crate) fn seconds_since_load(&self) -> u64 {
        lock(&self.current).loaded().elapsed().as_secs()
    }

    /// Reads certificate and key anew; those that there were stay if that fails. Connections that
    /// there are go on.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        // Nobody waits for the files.
        let current = lock(&self.current).clone();
        let loaded = current.reload()?;
        *lock(&self.current) = loaded;
        Ok(())
    }
}

/// Numbers of `stats` by name that no shard counts.
pub(crate) type SharedCounts = BTreeMap<&'static str, u64>;

/// What was counted when `stats reset` last came: by shards, and for the server as a whole.
#[derive(Default)]
pub(crate) struct Baseline {
    shards: Snapshot,
    shared: SharedCounts,
}

/// See the module.
pub(crate) struct Cluster {
    pub(crate) settings: Settings,
    /// Who may log in; `None`: nobody needs to.
    pub(crate) users: Option<Mutex<Users>>,
    /// TLS of the listeners that have it; `None`: none has.
    pub(crate) tls: Option<SharedTls>,
    pub(crate) clock: Clock,
    pub(crate) backend: Backend,
    pub(crate) mailboxes: Vec<Mailbox>,
    pub(crate) metrics: Vec<Arc<ShardMetrics>>,
    /// One per shard.
    pub(crate) publish_orders: Vec<PublishOrder>,
    /// When the shards of sleeping executors have background work.
    pub(crate) due_ticks: DueTicks,
    /// The slab classes of each shard as they were last published.
    pub(crate) class_tables: Vec<Mutex<ClassTable>>,
    /// Pages of the whole region.
    pub(crate) pages: Arc<slabcore_storage::PagePool>,
    /// What `stats reset` takes off.
    pub(crate) baseline: Mutex<Baseline>,
    pub(crate) watchers: Watchers,
    /// Memory for items and index in bytes, set by `cache_memlimit`.
    pub(crate) memory_bytes: AtomicUsize,
    /// Where that memory is, with what it may grow into.
    pub(crate) memory_range: MappedRange,
    /// Some shard has stored a value that is sent from where it lies.
    pub(crate) has_large_values: AtomicBool,
    /// A thread returns memory to the system.
    pub(crate) returning: AtomicBool,
    /// What operators may change while the server runs.
    pub(crate) run_time: RunTimeSettings,
    /// How much is logged: at the start 0 to 3 (`-vvv`); `verbosity` sets 0 to 2.
    pub(crate) verbosity: AtomicU64,
    /// Connections open now, over all shards: compared with `-c`.
    pub(crate) connections: AtomicUsize,
    pub(crate) rejected_connections: AtomicU64,
    pub(crate) accepting: AtomicBool,
    /// The server is about to stop, and balancers shall look elsewhere.
    pub(crate) draining: AtomicBool,
    /// Times that accepting stopped for lack of room, and microseconds for which it did.
    pub(crate) listen_disabled: AtomicU64,
    pub(crate) listen_disabled_us: AtomicU64,
    /// What shards were last told by `stats detail`, for `stats settings`.
    pub(crate) counts_prefixes: AtomicBool,
    /// Addresses bound, but for those of single shards.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Addresses bound for UDP.
    pub(crate) udp_addresses: Vec<SocketAddr>,
    /// All listening sockets, and those for datagrams, for `stats conns`.
    pub(crate) port_sockets: Vec<PortSocket>,
    /// TCP port of each shard; empty if they have none.
    pub(crate) shard_ports: Vec<u16>,
}

impl Cluster {
    /// Each shard's counters and gauges as they were last published.
    pub(crate) fn published(&self) -> Vec<Snapshot> {
        self.metrics.iter().map(|metrics| metrics.snapshot()).collect()
    }

    /// Columns of `stats items`: memcached has some of them only with its maintainer.
    pub(crate) fn item_columns(&self) -> ItemColumns {
        ItemColumns {
            segments: self.settings.lru_maintainer,
            temporary: self.run_time.get().temporary_items,
        }
    }

    /// Bytes of the pages that have held chunks. They do not fall as pages leave their classes.
    pub(crate) fn malloced_bytes(&self) -> u64 {
        (self.pages.pages_malloced() * PAGE_BYTES) as u64
    }

    /// Publishes the slab classes of a shard. If they are being read just now, they stay as they
    /// were: an executor waits for no thread of low priority.
    pub(crate) fn publish_classes(&self, shard: usize, table: ClassTable) {
        if let Ok(mut published) = self.class_tables[shard].try_lock() {
            *published = table;
        }
    }

    /// The sum of all shards' slab classes as they were last published.
    pub(crate) fn published_classes(&self) -> ClassTable {
        let mut sum = ClassTable::default();
        self.class_tables.iter().for_each(|table| sum.merge(&lock(table)));
        sum
    }

    /// `stats reset`: what `stats` shows counts from `sum` and `shared` on.
    pub(crate) fn reset_stats(&self, sum: &Snapshot, shared: SharedCounts) {
        *lock(&self.baseline) = Baseline { shards: sum.clone(), shared };
    }

    /// `sum` without what was counted before the last reset.
    pub(crate) fn since_reset(&self, sum: &Snapshot) -> Snapshot {
        sum.since(&lock(&self.baseline).shards)
    }

    /// What was counted for the server as a whole before the last reset.
    pub(crate) fn shared_before_reset(&self) -> SharedCounts {
        lock(&self.baseline).shared.clone()
    }

    /// Whether a user may log in with this password.
    pub(crate) fn admits(&self, name: &[u8], password: &[u8]) -> bool {
        let users = self.users.as_ref();
        users.is_some_and(|users| lock(users).admits(name, password))
    }

    /// Reads the users anew; those that there were stay if that fails. Who has logged in stays so.
    pub(crate) fn reread_users(&self) -> Option<Result<(), UsersError>> {
        let users = self.users.as_ref()?;
        let read = lock(users).reread();
        Some(read.map(|read| *lock(users) = read))
    }

    /// Whether a client that connects now is served for a while.
    pub(crate) fn is_ready(&self) -> bool {
        self.accepting.load(Ordering::Relaxed) && !self.draining.load(Ordering::Relaxed)
    }

    /// Whether there is room for another client (`-c`).
    pub(crate) fn has_room(&self) -> bool {
        self.connections.load(Ordering::Relaxed) < self.settings.connections_max
    }

    /// A client is gone.
    pub(crate) fn connection_ended(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
