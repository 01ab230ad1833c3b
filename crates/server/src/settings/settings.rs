//! The settings of one server: a plain struct, filled by the command line, read everywhere.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

pub use slabcore_protocol::Protocol;
use slabcore_storage::Config;

use crate::settings::kept_settings::{KeptSettings, PORT};
use crate::settings::placement::Placement;
use crate::settings::snapshot_settings::SnapshotSettings;
use crate::settings::tls::{ClientCertificates, Tls};
use crate::settings::users::Users;

/// Where `/metrics` is served by default: the port of `memcached_exporter`, on this host only.
const METRICS_LISTEN: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9150);

/// Where the server listens for clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// TCP on these host names or addresses; `None` as host is every address.
    Tcp(Vec<TcpListen>),
    /// One Unix socket and, like memcached, no TCP.
    Unix {
        /// Path of the socket; a stale socket file is replaced.
        path: PathBuf,
        /// Mode of the socket (`-a`), 0o700 by default.
        mask: u32,
    },
}

/// One `-l` entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpListen {
    /// Host name or address as given. `None`: all addresses, IPv4 and IPv6.
    pub host: Option<String>,
    /// TCP port. 0: the system picks one.
    pub port: u16,
    /// Protocol of its connections. `None`: [`Settings::protocol`].
    pub protocol: Option<Protocol>,
    /// How its connections are encrypted.
    pub encryption: Encryption,
}

impl TcpListen {
    /// An address with the server's protocol and encryption.
    pub const fn new(host: Option<String>, port: u16) -> Self {
        Self { host, port, protocol: None, encryption: Encryption::Default }
    }
}

/// How the connections of a listener are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// By [`Settings::tls`], if there is one.
    Default,
    /// Not encrypted (`notls:`).
    None,
    /// By TLS, with an own rule for client certificates (`btls:`, `mtls:`).
    Tls(ClientCertificates),
}

/// How the sockets are driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendChoice {
    /// `io_uring` if it works here, else epoll, with a log line that says why.
    Auto,
    /// `io_uring`, or the start fails.
    Uring,
    /// epoll always.
    Epoll,
}

/// When a connection moves to the shard whose keys it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moving {
    /// Groups of requests that are counted before a connection's first move; at least three
    /// quarters of them must be for one other shard.
    pub window: NonZeroU32,
    /// Factor by which each move lengthens the window.
    pub window_growth: u32,
    /// Moves of one connection at most.
    pub moves_max: u8,
}

impl Default for Moving {
    fn default() -> Self {
        Self { window: const { NonZeroU32::new(256).unwrap() }, window_growth: 4, moves_max: 6 }
    }
}

/// How the items outlive the process. By default they do not.
#[derive(Debug, Clone, Default)]
pub struct Keeping {
    /// File that the items are in (`-e`).
    pub memory_file: Option<PathBuf>,
    /// Whether the items are in a file without a name (`--keep-memory`). They outlive the process
    /// if another one keeps the file's descriptor.
    pub keep_memory: bool,
    /// The file of an earlier process, whose items this one takes over. `None`: the one that the
    /// other fields name.
    pub inherited: Option<Arc<OwnedFd>>,
    /// Seconds without a server after which the items are not used (`--restart-within`). `None`:
    /// however many.
    pub restart_within: Option<u64>,
}

impl Keeping {
    /// Where the items are, for the operator. `None`: they end with the process.
    pub(crate) fn place(&self) -> Option<String> {
        let unnamed = || self.keep_memory.then(|| "memory (--keep-memory)".to_owned());
        self.memory_file.as_ref().map(|path| path.display().to_string()).or_else(unnamed)
    }
}

/// All settings of one server. Units are in the field names.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Settings {
    /// Where clients connect.
    pub listen: Listen,
    /// The value of `-l`, for `stats settings`.
    pub interfaces: Option<String>,
    /// Addresses for requests by UDP. Each datagram may use any protocol.
    pub udp: Vec<TcpListen>,
    /// First of one TCP port per shard, on the addresses of `listen`: a connection to port
    /// `first + i` stays with shard i. 0: the system picks the ports. `None`: no such ports.
    pub shard_ports: Option<u16>,
    /// When connections move between shards. `None`: they never move.
    pub moving: Option<Moving>,
    /// Whether connections are gathered on as few executors as the load needs (not
    /// `--spread-connections`).
    pub gathers_connections: bool,
    /// Memory for items and index in bytes (`-m`).
    pub memory_bytes: usize,
    /// How the items outlive the process.
    pub keeping: Keeping,
    /// Snapshots of the items.
    pub snapshots: SnapshotSettings,
    /// Shards, one executor each (`-t`), 1..=`limits::SHARDS_MAX`.
    pub shards: usize,
    /// The cores that executors run on (`--cores`).
    pub placement: Placement,
    /// Client connections at most (`-c`).
    pub connections_max: usize,
    /// Largest item in bytes, as memcached counts it (`-I`).
    pub item_bytes_max: usize,
    /// Growth factor of the slab classes (`-f`), > 1.
    pub growth_factor: f64,
    /// Smallest space for key, value and flags in bytes (`-n`), > 0.
    pub chunk_bytes_min: usize,
    /// Evict when full; `-M` turns it off.
    pub evict: bool,
    /// Keep cas uniques; `-C` turns them off.
    pub cas: bool,
    /// Byte that ends the key prefixes by which requests are counted (`-D`). `None`: they are
    /// counted only after `stats detail on`, with `:`.
    pub prefix_delimiter: Option<u8>,
    /// Keep a count of items by size (`-o track_sizes`), for `stats sizes`.
    pub track_sizes: bool,
    /// Look for the keys that are asked for most often (not `--disable-hot-keys`).
    pub hot_keys: bool,
    /// Predict the hit ratio with other sizes of the memory (not `--disable-miss-ratio-curve`).
    pub miss_ratio_curve: bool,
    /// Requests of one connection and turn at most (`-R`).
    pub requests_per_event_max: usize,
    /// Whether `flush_all` is allowed (not `-F`).
    pub flush_all: bool,
    /// Whether keys may be dumped (not `-X`).
    pub dump: bool,
    /// Whether `watch` is allowed (not `-W`).
    pub watch: bool,
    /// Whether `shutdown` is allowed (`-A`).
    pub shutdown: bool,
    /// Protocol of the clients (`-B`).
    pub protocol: Protocol,
    /// Clients must log in by SASL (`-S`), in the binary protocol.
    pub sasl: bool,
    /// Users who may log in, by SASL or in text (`-Y`). `None`: no login is needed.
    pub users: Option<Users>,
    /// TLS of the TCP listeners (`-Z`). `None`: no listener has it.
    pub tls: Option<Tls>,
    /// Backlog of the listening sockets (`-b`).
    pub listen_backlog: i32,
    /// Lock all memory of the process (`-k`). A failure is only a warning.
    pub lock_memory: bool,
    /// Take the memory from reserved huge pages (`-L`). A failure is only a warning.
    pub huge_pages: bool,
    /// How much is logged, 0 to 3 (`-v`, `-vv`, `-vvv`).
    pub verbosity: u8,
    /// Backend for the sockets.
    pub backend: BackendChoice,
    /// Where `/metrics` is served. `None`: nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// File for the ports that were bound (memcached's `MEMCACHED_PORT_FILENAME`).
    pub port_file: Option<PathBuf>,
    /// Seconds without a request after which a connection is closed. `None`: never.
    pub idle_timeout: Option<NonZeroU32>,
    /// Whether a connection beyond `connections_max` is refused at once. Else it waits for room.
    pub maxconns_fast: bool,
    /// Whether the crawler is enabled at the start (not `-o no_lru_crawler`).
    pub lru_crawler: bool,
    /// Whether the stats and commands of memcached's LRU maintainer exist (not
    /// `-o no_lru_maintainer`).
    pub lru_maintainer: bool,
    /// Whether the stats and the command of memcached's page mover exist (not
    /// `-o no_slab_reassign`).
    pub slab_reassign: bool,
    /// Settings without effect here.
    pub kept: KeptSettings,
    /// This server's own name and version, for `stats slabcore`.
    pub product: &'static str,
}

/// memcached's defaults; one shard on the first core, for a caller to replace.
impl Default for Settings {
    fn default() -> Self {
        let store = Config::default();
        Self {
            listen: Listen::Tcp(vec![TcpListen::new(None, PORT)]),
            interfaces: None,
            udp: Vec::new(),
            shard_ports: None,
            moving: Some(Moving::default()),
            gathers_connections: false,
            memory_bytes: 64 << 20,
            keeping: Keeping::default(),
            snapshots: SnapshotSettings::default(),
            shards: 1,
            placement: Placement::Shared(vec![0]),
            connections_max: 1024,
            item_bytes_max: store.item_bytes_max,
            growth_factor: store.growth_factor,
            chunk_bytes_min: store.chunk_bytes_min,
            evict: store.evict,
            cas: store.cas,
            prefix_delimiter: None,
            track_sizes: store.track_sizes,
            hot_keys: true,
            miss_ratio_curve: true,
            requests_per_event_max: 20,
            flush_all: true,
            dump: true,
            watch: true,
            shutdown: false,
            protocol: Protocol::Auto,
            sasl: false,
            users: None,
            tls: None,
            listen_backlog: 1024,
            lock_memory: false,
            huge_pages: false,
            verbosity: 0,
            backend: BackendChoice::Auto,
            metrics_listen: Some(METRICS_LISTEN.into()),
            port_file: None,
            idle_timeout: None,
            maxconns_fast: true,
            lru_crawler: true,
            lru_maintainer: true,
            slab_reassign: true,
            kept: KeptSettings::default(),
            product: "slabcore",
        }
    }
}

impl Settings {
    /// Whether hit ratios are predicted. Nothing is predicted of a cache that evicts nothing.
    pub(crate) fn has_miss_ratio_curve(&self) -> bool {
        self.miss_ratio_curve && self.evict
    }
}
