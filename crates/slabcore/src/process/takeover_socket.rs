//! `--takeover`: a process that somebody else started finds the one that serves, by the file of the
//! item memory that both have.
//!
//! The one that serves listens on an abstract Unix socket with the number of that file in its name.
//! Only processes of the same user, or of root, are heard.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::net::sockopt::socket_peercred;
use rustix::net::{Shutdown, shutdown};
use rustix::process::{Signal, geteuid, getpid, kill_process};
use tracing::warn;

/// Time until a name is tried again that another process still has, or does not have yet.
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// How often it is tried.
const TRIES: usize = 1_000;

/// A process that asks to take over, and its id.
pub(crate) type Asking = (UnixStream, i32);

/// The socket on which processes ask to take over. It is closed when this is dropped.
#[derive(Debug)]
pub(crate) struct TakeoverSocket {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    listener: Option<UnixListener>,
    asking: Option<Asking>,
    is_closed: bool,
}

impl TakeoverSocket {
    /// Listens for processes with this file. Each that asks raises SIGUSR2 in this process.
    pub(crate) fn listen(memory_file: &Path) -> io::Result<Self> {
        let address = address_of(memory_file)?;
        let state = Arc::new(Mutex::new(State::default()));
        let of_thread = Arc::clone(&state);
        thread::Builder::new().name("slabcore-asked".to_owned()).spawn(move || {
            if let Err(error) = listen(&address, &of_thread) {
                warn!("warning: --takeover cannot find this process: {error}");
            }
        })?;
        Ok(Self { state })
    }

    /// The process that has asked since the last time.
    pub(crate) fn take_asking(&self) -> Option<Asking> {
        lock(&self.state).asking.take()
    }
}

impl Drop for TakeoverSocket {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        if let Some(listener) = state.listener.take() {
            // Its thread wakes up.
            let _ = shutdown(listener, Shutdown::Both);
        }
    }
}

fn listen(address: &SocketAddr, state: &Mutex<State>) -> io::Result<()> {
    let mut tries = 0;
    let listener = loop {
        match UnixListener::bind_addr(address) {
            // The process from which this one has taken over is about to end.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < TRIES => {
                tries += 1;
                thread::sleep(RETRY_PAUSE);
            }
            result => break result?,
        }
    };
    {
        let mut state = lock(state);
        if state.is_closed {
            return Ok(());
        }
        state.listener = Some(listener.try_clone()?);
    }
    loop {
        let (socket, _) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(_) if lock(state).is_closed => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Some(process) = allowed_peer(&socket) {
            lock(state).asking = Some((socket, process));
            // It is this process.
            let _ = kill_process(getpid(), Signal::USR2);
        }
    }
}

/// Asks the process that serves with this file. `None`: there is none.
pub(crate) fn ask(memory_file: &Path) -> io::Result<Option<UnixStream>> {
    let Ok(file) = File::open(memory_file) else { return Ok(None) };
    let address = address_of(memory_file)?;
    let mut tries = 0;
    loop {
        match UnixStream::connect_addr(&address) {
            // The name may be another user's.
            Ok(socket) if allowed_peer(&socket).is_some() => return Ok(Some(socket)),
            Ok(_) => return Err(io::ErrorKind::PermissionDenied.into()),
            Err(error) if error.kind() != io::ErrorKind::ConnectionRefused => return Err(error),
            Err(_) if !is_in_use(&file) => return Ok(None),
            // It has just started, or taken over itself.
            Err(_) if tries < TRIES => tries += 1,
            Err(error) => return Err(error),
        }
        thread::sleep(RETRY_PAUSE);
    }
}

/// Whether a server has locked the file.
fn is_in_use(file: &File) -> bool {
    // If this takes the lock, it ends with the descriptor.
    flock(file, FlockOperation::NonBlockingLockExclusive).is_err()
}

/// The process at the other end, if it may take over: it could read this process's memory, too.
fn allowed_peer(socket: &UnixStream) -> Option<i32> {
    let peer = socket_peercred(socket.as_fd()).ok()?;
    (peer.uid == geteuid() || peer.uid.is_root()).then(|| peer.pid.as_raw_nonzero().get())
}

fn address_of(memory_file: &Path) -> io::Result<SocketAddr> {
    let file = memory_file.metadata()?;
    SocketAddr::from_abstract_name(format!("slabcore-takeover-{}-{}", file.dev(), file.ino()))
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
