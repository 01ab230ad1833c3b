//! The start of a server from its settings, and its stop.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};
use tracing::warn;

use crate::admin::Admin;
use crate::executor::shards::{SharedShard, save_records};
use crate::launch::acceptor;
use crate::launch::backend;
use crate::launch::executor_setup::make_setups;
use crate::launch::executors::{ExecutorThread, WaitingExecutor};
use crate::launch::heartbeat::Heartbeat;
use crate::launch::huge_pages;
use crate::launch::port_file;
use crate::launch::snapshot_timer::SnapshotTimer;
use crate::launch::summary::Summary;
use crate::launch::wake_timer::WakeTimer;
use crate::settings::Settings;
use crate::settings::limits::FINISH_DURATION;
use crate::settings::listener::{self, DatagramSocket, Listener};
use crate::settings::locked_memory;
use crate::settings::log;
use crate::settings::start_error::StartError;
use crate::settings::tls::TlsError;
use crate::settings::users::UsersError;
use crate::shared::mailbox::Mailbox;
use crate::shared::shared_state::{SharedState, SharedTls};
use crate::snapshots;

/// Time between two searches for idle connections.
const IDLE_SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Time between two looks of a server that stops for connections that are still open.
const FINISH_LOOK_EVERY: Duration = Duration::from_millis(1);

/// A server that runs until [`Running::stop`].
pub struct Running {
    shared: Arc<SharedState>,
    shards: Arc<[SharedShard]>,
    executors: Vec<ExecutorThread>,
    acceptor: JoinHandle<()>,
    stop_acceptor: OwnedFd,
    admin: Option<Admin>,
    /// One for idle connections, and one for each [`Running::watch`].
    heartbeats: Vec<Heartbeat>,
    wake_timer: WakeTimer,
    snapshot_timer: Option<SnapshotTimer>,
}

/// A server whose sockets listen, but that does not serve yet: clients that connect wait.
pub struct Listening {
    settings: Settings,
    listeners: Vec<Listener>,
    udp_sockets: Vec<DatagramSocket>,
}

/// Listens on `sockets`, which are stream sockets that listen already, or if there are none on
/// those of the settings. What takes longer, such as mapping the item memory, is left to
/// [`Listening::serve`].
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
        let (backend, waiting) = backend::start(&settings)?;
        let (shared, setups) =
            make_setups(settings, backend, &listeners, udp_sockets, random_seed())?;
        let shards = setups[0].shards();
        let executors = WaitingExecutor::serve_all(waiting, setups, &shared)
            .map_err(|error| StartError::System("start an executor", error))?;
        if shared.settings.lock_memory {
            locked_memory::lock_all();
        }
        if let Some(path) = &shared.settings.port_file {
            port_file::write(path, &shared.addresses, &shared.udp_addresses);
        }
        let system = |error: io::Error| StartError::System("start the acceptor", error);
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let stop_acceptor = eventfd(0, flags).map_err(|e| system(e.into()))?;
        let stop = stop_acceptor.try_clone().map_err(system)?;
        let acceptor = acceptor::spawn(Arc::clone(&shared), listeners, stop).map_err(system)?;
        huge_pages::ask_in_background(&shared);
        let admin = start_admin(&shared);
        let heartbeats = Vec::new();
        let system = |error| StartError::System("start a thread", error);
        let wake_timer = WakeTimer::start(&shared).map_err(system)?;
        let snapshot_timer = start_snapshot_timer(&shared).map_err(system)?;
        let mut running = Running {
            shared,
            shards,
            executors,
            acceptor,
            stop_acceptor,
            admin,
            heartbeats,
            wake_timer,
            snapshot_timer,
        };
        if running.shared.settings.idle_timeout.is_some() {
            running.watch(IDLE_SWEEP_EVERY, || {}).map_err(system)?;
        }
        Ok(running)
    }
}

impl Running {
    /// Has another number of executors serve connections.
    #[cfg(test)]
    pub(crate) fn set_serving(&self, executors: usize) {
        self.shared.serving.set(executors);
    }

    /// Where `/metrics` is served; `None` if it is off or could not be bound.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::address)
    }

    /// Where the server listens, and what it serves with.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.shared, self.metrics_address())
    }

    /// The file of the items (`-e`, `--keep-memory`), for a process that keeps it.
    pub fn item_memory(&self) -> Option<BorrowedFd<'_>> {
        self.shared.memory_file.as_ref().map(|file| file.descriptor())
    }

    /// Reads the file of users again; `None` if there is none. After an error the old users stay.
    pub fn reread_users(&self) -> Option<Result<(), UsersError>> {
        self.shared.reread_users()
    }

    /// Reads certificate and key again; `None` without TLS. After an error the old ones stay.
    pub fn reload_tls(&self) -> Option<Result<(), TlsError>> {
        self.shared.tls.as_ref().map(SharedTls::reload)
    }

    /// Calls `alive` every `period` while all executors turn, on a thread of its own.
    pub fn watch(&mut self, period: Duration, alive: impl Fn() + Send + 'static) -> io::Result<()> {
        self.heartbeats.push(Heartbeat::start(&self.shared, period, alive)?);
        Ok(())
    }

    /// Each shard's numbers as they were last published.
    #[cfg(test)]
    pub(super) fn published(&self) -> Vec<slabcore_metrics::Snapshot> {
        self.shared.published()
    }

    /// Has `/readyz` say that balancers should send no new clients. Clients are still served.
    pub fn drain(&self) {
        self.shared.admission.begin_draining();
    }

    /// Stops the server: it takes no new connections, sends the replies to what came in, for two
    /// seconds at most, and ends all threads.
    pub fn stop(self) {
        // The counter cannot overflow.
        let _ = rustix::io::write(&self.stop_acceptor, &1_u64.to_ne_bytes());
        // It has ended either way.
        let _ = self.acceptor.join();
        for mailbox in &self.shared.mailboxes {
            mailbox.finish();
        }
        let deadline = Instant::now() + FINISH_DURATION;
        while self.shared.admission.open_connections() > 0 && Instant::now() < deadline {
            std::thread::sleep(FINISH_LOOK_EVERY);
        }
        end_snapshots(&self.shared, self.snapshot_timer);
        for heartbeat in self.heartbeats {
            heartbeat.stop();
        }
        self.wake_timer.stop();
        if let Some(admin) = self.admin {
            admin.stop();
        }
        for mailbox in &self.shared.mailboxes {
            mailbox.stop();
        }
        for executor in self.executors {
            // An executor that failed has ended the process.
            let _ = executor.join();
        }
        // Nobody changes an item any more.
        if let Some(file) = &self.shared.memory_file {
            if save_records(&self.shards) {
                file.note_records();
            }
            file.release();
        }
    }
}

/// Starts the thread for `--snapshot-every`.
fn start_snapshot_timer(shared: &Arc<SharedState>) -> io::Result<Option<SnapshotTimer>> {
    let every = shared.settings.snapshots.every;
    let period = every.map(|seconds| Duration::from_secs(seconds.get().into()));
    period.map(|period| SnapshotTimer::start(shared, period)).transpose()
}

/// Writes the last snapshot, if there is to be one, and else ends one that is under way. Executors
/// still turn.
fn end_snapshots(shared: &SharedState, timer: Option<SnapshotTimer>) {
    let is_last_wanted = shared.settings.snapshots.at_stop;
    if !is_last_wanted {
        shared.snapshots.close();
        shared.mailboxes.iter().for_each(Mailbox::wake);
    }
    if let Some(timer) = timer {
        timer.stop();
    }
    if is_last_wanted {
        let current = loop {
            match shared.snapshots.begin() {
                Some(current) => break current,
                // A client has asked for one.
                None => std::thread::sleep(FINISH_LOOK_EVERY),
            }
        };
        // The log says why, if it fails.
        let _ = snapshots::write(shared, current, None);
    }
}

/// Starts the admin endpoint. If that fails, the server serves without it.
fn start_admin(shared: &Arc<SharedState>) -> Option<Admin> {
    let address = shared.settings.metrics_listen?;
    Admin::start(shared, address)
        .inspect_err(|error| warn!("warning: /metrics is not served on {address}: {error}"))
        .ok()
}

/// A seed that clients cannot guess, so they cannot choose keys that share a bucket. They can ask
/// which shard owns a key.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
#[path = "running_tests.rs"]
mod tests;
