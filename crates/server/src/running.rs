//! From settings to a running server, and back.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};
use slabcore_storage::KeyHasher;
use tracing::{info, warn};

use crate::acceptor;
use crate::admin::Admin;
use crate::cluster::{Backend, Cluster, SharedTls};
use crate::executors::Executor;
use crate::heartbeat::Heartbeat;
use crate::limits::FINISH_DURATION;
use crate::listener::{self, DatagramSocket, Listener};
use crate::locked_memory;
use crate::log;
use crate::port_file;
use crate::ring::Ring;
use crate::ring_size::{GLOMMIO_LIMIT_BYTES_MIN, RingSize};
use crate::seat::{Seat, make_seats};
use crate::settings::{BackendChoice, Settings};
use crate::start_error::StartError;
use crate::tls::TlsError;
use crate::users::UsersError;
use crate::wake_timer::WakeTimer;

/// How often connections are looked through for idle ones.
const IDLE_SWEEP_EVERY: Duration = Duration::from_secs(1);

/// How often a server that stops looks whether all replies have left.
const FINISH_LOOK_EVERY: Duration = Duration::from_millis(1);

/// A server that runs until [`Running::stop`].
pub struct Running {
    cluster: Arc<Cluster>,
    executors: Vec<Executor>,
    acceptor: JoinHandle<()>,
    stop_acceptor: OwnedFd,
    admin: Option<Admin>,
    /// For idle connections, and for whoever watches.
    heartbeats: Vec<Heartbeat>,
    wake_timer: WakeTimer,
}

/// A server whose sockets listen, and that does not serve yet: clients that connect wait.
pub struct Listening {
    settings: Settings,
    listeners: Vec<Listener>,
    udp_sockets: Vec<DatagramSocket>,
}

/// Begins to listen: on stream sockets that listen already, or without any on those of the
/// settings. What takes longer, as the memory for items, is left to [`Listening::serve`].
pub fn listen(settings: Settings, sockets: Vec<OwnedFd>) -> Result<Listening, StartError> {
    let listeners = listener::bind(&settings, sockets)
        .map_err(|error| StartError::Bind(listener::named(&settings), error))?;
    let udp_sockets = listener::bind_udp(&settings).map_err(StartError::BindUdp)?;
    if u64::from(settings.verbosity) >= log::COMMANDS {
        log::listeners(&listeners, &udp_sockets, settings.protocol);
    }
    Ok(Listening { settings, listeners, udp_sockets })
}

impl Listening {
    /// Starts the server. When this returns, clients are served and the port file is there.
    pub fn serve(self) -> Result<Running, StartError> {
        let Self { settings, listeners, udp_sockets } = self;
        let backend = choose_backend(settings.backend, settings.shards)?;
        if let Backend::Epoll(reason) = &backend {
            info!("slabcore: serving with epoll: {reason}");
        }
        let hasher = KeyHasher::new(random_seed());
        let (cluster, seats) = make_seats(settings, backend, &listeners, udp_sockets, &hasher)?;
        let executors = start_executors(&cluster, seats)?;
        if cluster.settings.lock_memory {
            locked_memory::lock_all();
        }
        if let Some(path) = &cluster.settings.port_file {
            port_file::write(path, &cluster.addresses, &cluster.udp_addresses);
        }
        let system = |error: io::Error| StartError::System("start the acceptor", error);
        let stop_acceptor = eventfd(0, EventfdFlags::CLOEXEC).map_err(|e| system(e.into()))?;
        let stop = stop_acceptor.try_clone().map_err(system)?;
        let acceptor = acceptor::spawn(Arc::clone(&cluster), listeners, stop).map_err(system)?;
        let admin = start_admin(&cluster);
        let heartbeats = Vec::new();
        let system = |error| StartError::System("start a thread", error);
        let wake_timer = WakeTimer::start(&cluster).map_err(system)?;
        let mut running =
            Running { cluster, executors, acceptor, stop_acceptor, admin, heartbeats, wake_timer };
        if running.cluster.settings.idle_timeout > 0 {
            running.watch(IDLE_SWEEP_EVERY, || {}).map_err(system)?;
        }
        Ok(running)
    }
}

impl Running {
    /// Where `/metrics` is served; `None` if it is off or could not be bound.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::address)
    }

    /// Reads the file of users anew; `None` if there is none. On an error the old ones stay.
    pub fn reread_users(&self) -> Option<Result<(), UsersError>> {
        self.cluster.reread_users()
    }

    /// Reads certificate and key anew; `None` if there is no TLS. On an error the old ones stay.
    pub fn reload_tls(&self) -> Option<Result<(), TlsError>> {
        self.cluster.tls.as_ref().map(SharedTls::reload)
    }

    /// Calls `alive` every `period` as long as all executors turn, on a thread of its own.
    pub fn watch(&mut self, period: Duration, alive: impl Fn() + Send + 'static) -> io::Result<()> {
        self.heartbeats.push(Heartbeat::start(&self.cluster, period, alive)?);
        Ok(())
    }

    /// Each shard's numbers as they were last published.
    #[cfg(test)]
    pub(crate) fn published(&self) -> Vec<slabcore_metrics::Snapshot> {
        self.cluster.published()
    }

    /// Tells balancers to look elsewhere (`/readyz`); clients are served on.
    pub fn drain(&self) {
        self.cluster.draining.store(true, Ordering::Relaxed);
    }

    /// Stops: no new connections; replies to what came in are sent, for two seconds at most; all
    /// threads end.
    pub fn stop(self) {
        // The counter cannot overflow.
        let _ = rustix::io::write(&self.stop_acceptor, &1_u64.to_ne_bytes());
        // It has ended either way.
        let _ = self.acceptor.join();
        for mailbox in &self.cluster.mailboxes {
            mailbox.finish();
        }
        let deadline = Instant::now() + FINISH_DURATION;
        while self.cluster.connections.load(Ordering::Relaxed) > 0 && Instant::now() < deadline {
            std::thread::sleep(FINISH_LOOK_EVERY);
        }
        for heartbeat in self.heartbeats {
            heartbeat.stop();
        }
        self.wake_timer.stop();
        if let Some(admin) = self.admin {
            admin.stop();
        }
        for mailbox in &self.cluster.mailboxes {
            mailbox.stop();
        }
        for executor in self.executors {
            executor.join();
        }
    }
}

/// Starts the admin endpoint; a server without it still serves.
fn start_admin(cluster: &Arc<Cluster>) -> Option<Admin> {
    let address = cluster.settings.metrics_listen?;
    Admin::start(cluster, address)
        .inspect_err(|error| warn!("warning: /metrics is not served on {address}: {error}"))
        .ok()
}

fn start_executors(cluster: &Arc<Cluster>, seats: Vec<Seat>) -> Result<Vec<Executor>, StartError> {
    let (started, starts) = crossbeam_channel::bounded(seats.len());
    let mut executors = Vec::new();
    for seat in seats {
        executors.push(Executor::start(cluster, seat, started.clone())?);
    }
    drop(started);
    for _ in &executors {
        let start = starts.recv().unwrap_or_else(|_| Err(io::Error::other("an executor ended")));
        start.map_err(|error| StartError::System("start an executor", error))?;
    }
    Ok(executors)
}

/// A seed that clients cannot guess: keys cannot be chosen to share a bucket.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

/// Tries what the executors will need; glommio would panic where it is refused.
fn choose_backend(choice: BackendChoice, shards: usize) -> Result<Backend, StartError> {
    if choice == BackendChoice::Epoll {
        return Ok(Backend::Epoll("as asked for".to_owned()));
    }
    match probe_rings(shards) {
        Ok(size) => Ok(Backend::Uring(size)),
        Err(reason) if choice == BackendChoice::Uring => Err(StartError::Uring(reason)),
        Err(reason) => Ok(Backend::Epoll(reason)),
    }
}

/// The size of the executors' rings, or why there can be none.
fn probe_rings(shards: usize) -> Result<RingSize, String> {
    let too_low = |limit: &u64| *limit < GLOMMIO_LIMIT_BYTES_MIN;
    let limit =
        locked_memory::limit_bytes().or_else(|| locked_memory::named_limit_bytes().filter(too_low));
    let limit_kib = limit.unwrap_or(u64::MAX) >> 10;
    let size = RingSize::fitting(shards, limit).ok_or_else(|| {
        format!(
            "the rings of {shards} shards need more locked memory than {limit_kib} KiB (ulimit -l)"
        )
    })?;
    // The ring belongs to the thread that makes it: a short-lived one.
    match std::thread::spawn(move || Ring::new(size).map(drop)).join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(format!("io_uring is refused: {error}")),
        Err(_) => return Err("io_uring failed".to_owned()),
    }
    if size != RingSize::FULL {
        let (entries, full) = (size.submissions, RingSize::FULL.submissions);
        warn!(
            "warning: rings have {entries} entries instead of {full}, as no more than {limit_kib} \
             KiB of memory may be locked (ulimit -l)"
        );
    }
    Ok(size)
}
