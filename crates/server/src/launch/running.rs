//! The start of a server from its settings, and its stop.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::admin::Admin;
use crate::executor::shards::{SharedShard, save_records};
use crate::launch::acceptor::AcceptorThread;
use crate::launch::backend;
use crate::launch::executor_setup::make_setups;
use crate::launch::executors::{ExecutorThread, WaitingExecutor};
use crate::launch::heartbeat::Heartbeat;
use crate::launch::huge_pages;
use crate::launch::port_file;
use crate::launch::snapshot_timer::SnapshotTimer;
use crate::launch::summary::Summary;
use crate::launch::take_over::EarlierProcess;
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
    pub(super) shared: Arc<SharedState>,
    shards: Arc<[SharedShard]>,
    executors: Vec<ExecutorThread>,
    /// `None` while another process takes over.
    pub(super) acceptor: Option<AcceptorThread>,
    pub(super) listeners: Arc<[Listener]>,
    /// The executors have the same sockets.
    pub(super) udp_sockets: Vec<OwnedFd>,
    /// The listening socket of the metrics.
    pub(super) metrics_socket: Option<TcpListener>,
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
    /// The process that this one takes over from.
    earlier: Option<EarlierProcess>,
}

/// Takes over from the process at the other end of the socket: listens on its sockets.
/// [`Listening::serve`] takes its connections and its item memory.
pub fn take_over(settings: Settings, from: UnixStream) -> Result<Listening, StartError> {
    let (earlier, listeners, udp_sockets) = EarlierProcess::connect(from)?;
    Ok(Listening { settings, listeners, udp_sockets, earlier: Some(earlier) })
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
    Ok(Listening { settings, listeners, udp_sockets, earlier: None })
}

impl Listening {
    /// Starts the server. When this returns, clients are served and the port file is there.
    pub fn serve(self) -> Result<Running, StartError> {
        let Self { mut settings, listeners, udp_sockets, earlier } = self;
        let system = |what| move |error: io::Error| StartError::System(what, error);
        let (backend, waiting) = backend::start(&settings)?;
        let taken = earlier.map(|earlier| earlier.take(&mut settings, &backend)).transpose()?;
        let same_udp_sockets = udp_sockets.iter().map(|it| it.socket.try_clone());
        let same_udp_sockets =
            same_udp_sockets.collect::<io::Result<_>>().map_err(system("keep a UDP socket"))?;
        let (shared, setups) =
            make_setups(settings, backend, &listeners, udp_sockets, random_seed())?;
        let shards = setups[0].shards();
        let executors = WaitingExecutor::serve_all(waiting, setups, &shared)
            .map_err(system("start an executor"))?;
        let metrics_socket = match taken {
            Some(taken) => taken.serve(&shared),
            None => bind_metrics(&shared),
        };
        if shared.settings.lock_memory {
            locked_memory::lock_all();
        }
        if let Some(path) = &shared.settings.port_file {
            port_file::write(path, &shared);
        }
        huge_pages::ask_in_background(&shared);
        let thread = system("start a thread");
        let mut running = Running {
            acceptor: None,
            listeners: listeners.into(),
            udp_sockets: same_udp_sockets,
            metrics_socket,
            admin: None,
            heartbeats: Vec::new(),
            wake_timer: WakeTimer::start(&shared).map_err(thread)?,
            executors,
            shards,
            snapshot_timer: start_snapshot_timer(&shared).map_err(thread)?,
            shared,
        };
        running.open().map_err(system("start the acceptor"))?;
        if running.shared.settings.idle_timeout.is_some() {
            running.watch(IDLE_SWEEP_EVERY, || {}).map_err(thread)?;
        }
        Ok(running)
    }
}

impl Running {
    /// Accepts connections, and serves the metrics.
    pub(super) fn open(&mut self) -> io::Result<()> {
        self.acceptor = Some(AcceptorThread::start(&self.shared, &self.listeners)?);
        let socket = self.metrics_socket.as_ref().map(TcpListener::try_clone);
        let admin = socket.map(|socket| Admin::start_on(&self.shared, socket?));
        self.admin = admin.and_then(|admin| {
            admin.inspect_err(|error| warn!("warning: /metrics is not served: {error}")).ok()
        });
        Ok(())
    }

    /// Accepts no connections. They wait in the kernel.
    pub(super) fn close(&mut self) {
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.stop();
        }
    }

    /// Serves no metrics.
    pub(super) fn stop_admin(&mut self) {
        if let Some(admin) = self.admin.take() {
            admin.stop();
        }
    }

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
    pub fn stop(mut self) {
        self.close();
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

/// Binds the socket of the metrics. If that fails, the server serves without them.
fn bind_metrics(shared: &SharedState) -> Option<TcpListener> {
    let address = shared.settings.metrics_listen?;
    TcpListener::bind(address)
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
