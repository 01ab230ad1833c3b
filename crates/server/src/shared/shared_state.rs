//! The state that all threads of the server share: settings, mailboxes, counters. The path of a
//! request that stays on its executor writes none of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustls::ServerConfig;
use slabcore_metrics::{RequestTimes, ShardMetrics, ShardTimings, Snapshot};
use slabcore_shard::{ClassTable, ItemColumns};
use slabcore_storage::{PAGE_BYTES, Recovered};

use crate::settings::Settings;
use crate::settings::memory_file::MemoryFile;
use crate::settings::port_socket::PortSocket;
use crate::settings::ring_size::RingSize;
use crate::settings::tls::{ClientCertificates, Tls, TlsError};
use crate::settings::users::{Users, UsersError};
use crate::shared::admission::Admission;
use crate::shared::clock::Clock;
use crate::shared::due_ticks::DueTicks;
use crate::shared::hand_over::HandOver;
use crate::shared::item_memory_limit::ItemMemoryLimit;
use crate::shared::mailbox::Mailbox;
use crate::shared::publication::Publications;
use crate::shared::publish_signal::PublishSignal;
use crate::shared::reload_requests::ReloadRequests;
use crate::shared::run_time_settings::RunTimeSettings;
use crate::shared::serving::Serving;
use crate::shared::shared_redis::SharedRedis;
use crate::shared::snapshot_numbers::SnapshotNumbers;
use crate::shared::watchers::Watchers;

/// The backend in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Backend {
    /// With rings of this size.
    Uring(RingSize),
    /// With the reason why there is no ring.
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

/// The TLS configuration and its counters.
pub(crate) struct SharedTls {
    current: Mutex<Tls>,
    reload_requests: Mutex<ReloadRequests>,
    /// Handshakes that failed.
    pub(crate) handshake_errors: AtomicU64,
    /// Connections that sent invalid TLS after their handshake.
    pub(crate) protocol_errors: AtomicU64,
    /// Handshakes that resumed no session.
    pub(crate) new_sessions: AtomicU64,
}

impl SharedTls {
    pub(crate) fn new(tls: Tls) -> Self {
        Self {
            current: Mutex::new(tls),
            reload_requests: Mutex::default(),
            handshake_errors: AtomicU64::new(0),
            protocol_errors: AtomicU64::new(0),
            new_sessions: AtomicU64::new(0),
        }
    }

    /// The configuration of a handshake.
    pub(super) fn config(&self, demanded: ClientCertificates) -> Arc<ServerConfig> {
        Arc::clone(lock(&self.current).config(demanded))
    }

    /// The requests of clients to reload the files.
    pub(super) fn reload_requests(&self) -> MutexGuard<'_, ReloadRequests> {
        lock(&self.reload_requests)
    }

    /// Seconds since the certificate was read.
    pub(crate) fn seconds_since_load(&self) -> u64 {
        lock(&self.current).loaded().elapsed().as_secs()
    }

    /// Reads certificate and key again. If that fails, the old ones stay. Existing connections go
    /// on.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        // The lock is not held while the files are read.
        let current = lock(&self.current).clone();
        let loaded = current.reload()?;
        *lock(&self.current) = loaded;
        Ok(())
    }
}

/// Numbers of `stats` that no shard counts, by name.
pub(crate) type SharedCounts = BTreeMap<&'static str, u64>;

/// The counts at the last `stats reset`: of the shards, and of the server as a whole.
#[derive(Default)]
pub(crate) struct Baseline {
    shards: Snapshot,
    times: RequestTimes,
    shared: SharedCounts,
}

/// The state that all threads of the server share.
pub(crate) struct SharedState {
    pub(crate) settings: Settings,
    /// Users who may log in. `None`: no login is needed.
    pub(crate) users: Option<Mutex<Users>>,
    /// TLS of the listeners that have it. `None`: no listener has it.
    pub(crate) tls: Option<SharedTls>,
    pub(crate) clock: Clock,
    pub(crate) backend: Backend,
    /// The executors that serve connections.
    pub(crate) serving: Serving,
    pub(crate) mailboxes: Vec<Mailbox>,
    pub(crate) metrics: Vec<Arc<ShardMetrics>>,
    /// What each executor times.
    pub(crate) timings: Vec<Arc<ShardTimings>>,
    /// One per shard.
    pub(crate) publish_signals: Vec<PublishSignal>,
    /// What shards publish if it is wanted.
    pub(crate) publications: Publications,
    /// When the shards of sleeping executors have background work.
    pub(crate) due_ticks: DueTicks,
    /// The slab classes that each shard published last.
    pub(crate) class_tables: Vec<Mutex<ClassTable>>,
    /// Pages of the whole region.
    pub(crate) pages: Arc<slabcore_storage::PagePool>,
    /// The file that the items are in. While it is open, no other server uses it.
    pub(crate) memory_file: Option<Arc<MemoryFile>>,
    /// What became of the items of an earlier process. Unset: the items are in no file.
    pub(crate) recovery: OnceLock<Recovery>,
    /// Snapshots of the items.
    pub(crate) snapshots: SnapshotNumbers,
    /// The counts that `stats reset` subtracts.
    pub(crate) baseline: Mutex<Baseline>,
    /// What executors give up while another process takes over.
    pub(crate) hand_over: HandOver,
    pub(crate) watchers: Watchers,
    /// The limit on the memory of the items, which `cache_memlimit` sets.
    pub(crate) memory: ItemMemoryLimit,
    /// Some shard has stored a value that is large enough to be sent without a copy.
    pub(crate) has_large_values: AtomicBool,
    /// What connections that speak Redis' dialect share.
    pub(crate) redis: SharedRedis,
    /// Settings that operators may change while the server runs.
    pub(crate) run_time: RunTimeSettings,
    /// Verbosity: 0 to 3 at the start (`-vvv`); the command `verbosity` sets 0 to 2.
    pub(crate) verbosity: AtomicU64,
    /// Admission of client connections.
    pub(crate) admission: Admission,
    /// Whether `stats detail` is on, for `stats settings`.
    pub(crate) counts_prefixes: AtomicBool,
    /// Bound TCP addresses, except the shards' own.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Bound TCP addresses whose connections speak Redis' dialect only.
    pub(crate) redis_addresses: Vec<SocketAddr>,
    /// Bound UDP addresses.
    pub(crate) udp_addresses: Vec<SocketAddr>,
    /// All listening and UDP sockets, for `stats conns`.
    pub(crate) port_sockets: Vec<PortSocket>,
    /// TCP port of each shard. Empty if shards have no ports.
    pub(crate) shard_ports: Vec<u16>,
}

/// How a server came to its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecoveryKind {
    /// There were none to be kept.
    None,
    /// By the shards' records.
    Attached,
    /// By a search.
    Scanned,
    /// They moved to other shards, or to memory of another size.
    Rehomed,
    /// Items of an earlier process were not used.
    Empty,
}

impl RecoveryKind {
    /// Its name in statistics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Attached => "attached",
            Self::Scanned => "scanned",
            Self::Rehomed => "rehomed",
            Self::Empty => "empty",
        }
    }
}

/// What became of the items of an earlier process.
#[derive(Debug, Clone)]
pub(crate) struct Recovery {
    pub(crate) kind: RecoveryKind,
    /// Why no better way was taken; empty if there is none.
    pub(crate) reason: Cow<'static, str>,
    /// For how long no server had the items.
    pub(crate) absence_seconds: u64,
    pub(crate) found: Recovered,
    /// How long it took.
    pub(crate) milliseconds: u64,
}

impl SharedState {
    /// The counters and gauges that each shard published last.
    pub(crate) fn published(&self) -> Vec<Snapshot> {
        self.metrics.iter().map(|metrics| metrics.snapshot()).collect()
    }

    /// Columns of `stats items`. memcached has some of them only with its maintainer.
    pub(crate) fn item_columns(&self) -> ItemColumns {
        ItemColumns {
            segments: self.settings.lru_maintainer,
            temporary: self.run_time.get().temporary_items,
        }
    }

    /// Bytes of the pages that have held chunks. Does not fall when pages leave their classes.
    pub(crate) fn malloced_bytes(&self) -> u64 {
        (self.pages.pages_malloced() * PAGE_BYTES) as u64
    }

    /// Publishes the slab classes of a shard. Does nothing while they are read: an executor does
    /// not wait for a thread of low priority.
    pub(crate) fn publish_classes(&self, shard: usize, table: ClassTable) {
        if let Ok(mut published) = self.class_tables[shard].try_lock() {
            *published = table;
        }
    }

    /// The slab classes that each shard published last.
    pub(crate) fn published_classes(&self) -> Vec<ClassTable> {
        self.class_tables.iter().map(|table| lock(table).clone()).collect()
    }

    /// `stats reset`: from now on `stats` subtracts `sum` and `shared`.
    pub(crate) fn reset_stats(&self, sum: &Snapshot, shared: SharedCounts) {
        let times = self.request_times();
        *lock(&self.baseline) = Baseline { shards: sum.clone(), times, shared };
    }

    /// `sum` without the counts of the last reset.
    pub(crate) fn since_reset(&self, sum: &Snapshot) -> Snapshot {
        sum.since(&lock(&self.baseline).shards)
    }

    /// The times of all requests that executors have recorded.
    fn request_times(&self) -> RequestTimes {
        RequestTimes::sum_of(self.timings.iter().map(Arc::as_ref))
    }

    /// The times of requests since the last reset.
    pub(crate) fn request_times_since_reset(&self) -> RequestTimes {
        self.request_times().since(&lock(&self.baseline).times)
    }

    /// The counts of the server as a whole at the last reset.
    pub(crate) fn shared_before_reset(&self) -> SharedCounts {
        lock(&self.baseline).shared.clone()
    }

    /// Whether the user may log in with this password.
    pub(crate) fn admits(&self, name: &[u8], password: &[u8]) -> bool {
        let users = self.users.as_ref();
        users.is_some_and(|users| lock(users).admits(name, password))
    }

    /// Reads the users again. If that fails, the old ones stay. Connections that have logged in
    /// stay so.
    pub(crate) fn reread_users(&self) -> Option<Result<(), UsersError>> {
        let users = self.users.as_ref()?;
        let read = lock(users).reread();
        Some(read.map(|read| *lock(users) = read))
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
