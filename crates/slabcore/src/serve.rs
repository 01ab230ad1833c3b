//! A server process from start to stop: identity, sockets, signals, reload, drain, take-over.

use std::io::{self, IsTerminal};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slabcore_server::{Running, Settings, StartError, UsersError};
use tracing::{info, warn};

use crate::options::{self, Lifecycle, Startup};
use crate::process::{
    self, InheritedDescriptors, Invoked, Order, PidFile, ServiceNotice, StartSignals, StopSignals,
};
use crate::refusal::Refusal;
use crate::texts;
use crate::upgrade::Upgrade;

/// Runs the server until a stop signal, or until another process has taken over.
pub(crate) fn serve(startup: Startup, invoked: &Invoked) -> Result<(), Refusal> {
    let Startup { mut settings, lifecycle, user, warnings } = startup;
    for warning in options::environment_warnings().chain(warnings) {
        warn!("{warning}");
    }
    let earlier = earlier_process(&settings, &lifecycle)?;
    let InheritedDescriptors { sockets, item_memory } = InheritedDescriptors::take()?;
    let is_dropped = item_memory.is_some() && !settings.keeping.keep_memory;
    if settings.keeping.keep_memory {
        settings.keeping.inherited = item_memory.map(Arc::new);
    }
    let becomes_daemon = lifecycle.daemon && earlier.is_none();
    prepare_process(&mut settings, &lifecycle, user.as_deref(), becomes_daemon)?;
    let mut signals = StopSignals::catch().map_err(|error| no_signals(&error))?;
    let (verbosity, keeps_memory) = (settings.verbosity, settings.keeping.keep_memory);
    let pid_file = SharedPidFile::default();
    let memory_file = settings.keeping.memory_file.clone();
    let mut running = start(settings, sockets, earlier, &lifecycle, &pid_file)?;
    let notice = Arc::new(ServiceNotice::from_environment());
    watch(&mut running, &notice)?;
    keep_items(&running, keeps_memory, is_dropped, &notice);
    notice.ready();
    greet(&running, &lifecycle);
    let mut upgrade = Upgrade::new(invoked, memory_file.as_deref());
    loop {
        match signals.wait(verbosity) {
            Order::Stop => break,
            Order::Reload => {
                notice.reloading();
                reload(&running);
                notice.ready();
            }
            Order::TakeOver => {
                notice.reloading();
                match upgrade.run(&mut running, &mut signals)? {
                    Some(process) => {
                        notice.replaced_by(process);
                        // Nothing that both processes have may be changed any more.
                        std::process::exit(0);
                    }
                    None => notice.ready(),
                }
            }
        }
    }
    notice.stopping();
    running.drain();
    signals.drain(lifecycle.drain);
    running.stop();
    if lifecycle.daemon {
        remove(&pid_file);
    }
    Ok(())
}

/// Has the service manager keep the items' memory, or that of an earlier process no longer.
fn keep_items(running: &Running, keeps_memory: bool, is_dropped: bool, notice: &ServiceNotice) {
    if is_dropped {
        info!("without --keep-memory the items of the last process are given up");
        notice.drop_item_memory();
    }
    if let Some(file) = running.item_memory().filter(|_| keeps_memory) {
        notice.keep_item_memory(file);
    }
}

/// The process from which this one is to take over.
fn earlier_process(
    settings: &Settings,
    lifecycle: &Lifecycle,
) -> Result<Option<UnixStream>, Refusal> {
    let refuse =
        |error: &dyn std::fmt::Display| Refusal::os_error(format!("failed to take over: {error}"));
    let started_by = process::predecessor().map_err(|error| refuse(&error))?;
    if started_by.is_some() || !lifecycle.takes_over {
        return Ok(started_by);
    }
    let Some(file) = &settings.keeping.memory_file else {
        return Err(Refusal::usage("--takeover needs the memory file of the server (-e)"));
    };
    let asked = process::ask_to_take_over(file).map_err(|error| refuse(&error))?;
    if asked.is_none() {
        info!("slabcore: no server has {}: there is nothing to take over", file.display());
    }
    Ok(asked)
}

/// Says on a terminal where the server listens. Elsewhere it starts silently, as memcached does.
fn greet(running: &Running, lifecycle: &Lifecycle) {
    if !lifecycle.daemon && io::stderr().is_terminal() {
        info!("{}", texts::start_line(&running.summary()));
    }
}

/// The pid file, once it is written. The thread that catches signals during the start may remove
/// that of a daemon.
type SharedPidFile = Arc<Mutex<Option<PidFile>>>;

/// Starts the server. A stop signal during the start ends the process.
fn start(
    settings: Settings,
    sockets: Vec<OwnedFd>,
    earlier: Option<UnixStream>,
    lifecycle: &Lifecycle,
    pid_file: &SharedPidFile,
) -> Result<Running, Refusal> {
    // Like memcached, only a daemon removes its pid file.
    let removed = lifecycle.daemon.then(|| Arc::clone(pid_file));
    let before_end = move || removed.iter().for_each(remove);
    let signals =
        StartSignals::catch(settings.verbosity, before_end).map_err(|error| no_signals(&error))?;
    let takes_over = earlier.is_some();
    let listening = match earlier {
        Some(earlier) => slabcore_server::take_over(settings, earlier),
        None => slabcore_server::listen(settings, sockets),
    };
    let listening = listening.map_err(|error| start_refusal(&error))?;
    // Written under the lock, so that a signal in between removes it.
    let write = |write: fn(&Path) -> io::Result<PidFile>| {
        if let Some(path) = &lifecycle.pid_file {
            let mut pid_file = lock(pid_file);
            *pid_file = write_pid_file(path, write);
        }
    };
    // After the sockets are bound, so that a server that cannot bind leaves another's file alone.
    if !takes_over {
        write(PidFile::write);
    }
    let running = listening.serve().map_err(|error| {
        remove(pid_file);
        start_refusal(&error)
    })?;
    if takes_over {
        write(PidFile::replace);
    }
    signals.end();
    Ok(running)
}

fn remove(pid_file: &SharedPidFile) {
    if let Some(pid_file) = lock(pid_file).take() {
        pid_file.remove();
    }
}

fn lock(pid_file: &SharedPidFile) -> MutexGuard<'_, Option<PidFile>> {
    pid_file.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_signals(error: &io::Error) -> Refusal {
    Refusal::os_error(format!("failed to catch signals: {error}"))
}

/// Notifies the service manager's watchdog while all executors work, twice per interval.
fn watch(running: &mut Running, notice: &Arc<ServiceNotice>) -> Result<(), Refusal> {
    let Some(interval) = process::watchdog_interval() else { return Ok(()) };
    let notice = Arc::clone(notice);
    running
        .watch(interval / 2, move || notice.alive())
        .map_err(|e| Refusal::os_error(format!("failed to start a thread: {e}")))
}

/// Sets limits, user and session, which must happen while there is one thread.
fn prepare_process(
    settings: &mut Settings,
    lifecycle: &Lifecycle,
    user: Option<&str>,
    becomes_daemon: bool,
) -> Result<(), Refusal> {
    let identity = process::identity(user)?;
    if lifecycle.core_dumps {
        process::allow_core_files()?;
    }
    let fitting = process::allow_open_files(settings.connections_max, settings.shards)?;
    if fitting < settings.connections_max {
        warn!("warning: the limit on open files leaves room for {fitting} connections (-c)");
        settings.connections_max = fitting;
    }
    process::allow_locked_memory();
    if let Some(identity) = identity {
        let low_port =
            process::needs_low_port(&settings.listen, &settings.udp, settings.shard_ports);
        process::become_user(&identity, low_port)?;
    }
    if lifecycle.core_dumps {
        process::stay_dumpable()?;
    }
    if becomes_daemon {
        process::become_daemon(lifecycle.core_dumps, settings.verbosity)?;
    }
    Ok(())
}

fn start_refusal(error: &StartError) -> Refusal {
    let exit_code = u8::try_from(error.exit_code()).unwrap_or(u8::MAX);
    Refusal::with_exit_code(exit_code, error.to_string())
}

/// Writes the pid file. As in memcached, a failure is only logged.
fn write_pid_file(path: &Path, write: fn(&Path) -> io::Result<PidFile>) -> Option<PidFile> {
    write(path)
        .inspect_err(|error| {
            warn!("Could not open the pid file {} for writing: {error}", path.display());
        })
        .ok()
}

/// Reads users and certificates again. If one is bad, this logs it and the old one stays in use.
fn reload(running: &Running) {
    let (users, tls) = (running.reread_users(), running.reload_tls());
    if users.is_none() && tls.is_none() {
        info!("SIGHUP ignored: there is nothing to reload");
    }
    match users {
        None | Some(Ok(())) => {}
        Some(Err(UsersError::Malformed)) => {
            warn!("the file of users is malformed: not reloaded");
        }
        Some(Err(UsersError::Unreadable(error))) => {
            warn!("the file of users cannot be read: {error}");
        }
    }
    if let Some(Err(error)) = tls {
        warn!("{error}: the certificate is not reloaded");
    }
}
