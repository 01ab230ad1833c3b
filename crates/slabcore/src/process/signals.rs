//! Signals: stop, reload, take-over, and stop while the server starts.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::{Handle, Signals};
use tracing::info;

/// Exit status after a second stop signal while the server stops.
const STOPPED_TWICE: i32 = 1;

/// How often a draining server checks for another signal.
const DRAIN_LOOK_EVERY: Duration = Duration::from_millis(50);

/// The signals that stop the server.
const STOPS: [i32; 3] = [SIGTERM, SIGINT, SIGUSR1];

/// Stop signals during the start, which may take long: one ends the process at once.
pub(crate) struct StartSignals {
    handle: Handle,
    thread: JoinHandle<()>,
}

impl StartSignals {
    /// Catches stop signals from now on; `before_end` runs before the process ends.
    pub(crate) fn catch(
        verbosity: u8,
        before_end: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let mut signals = Signals::new(STOPS)?;
        let handle = signals.handle();
        let thread = thread::Builder::new().name("slabcore-start".to_owned()).spawn(move || {
            if let Some(signal) = signals.forever().next() {
                say_why(signal, verbosity);
                before_end();
                process::exit(0);
            }
        })?;
        Ok(Self { handle, thread })
    }

    /// Leaves stop signals to [`StopSignals`]. A signal that arrived earlier ends the process here.
    pub(crate) fn end(self) {
        self.handle.close();
        // The thread has ended, or it ends the process.
        let _ = self.thread.join();
    }
}

/// Logs memcached's line for a stop signal.
fn say_why(signal: i32, verbosity: u8) {
    if signal == SIGUSR1 {
        info!("Gracefully stopping");
    } else if verbosity > 0 {
        info!("Exiting normally");
    }
}

/// What a signal orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Reads users and certificates again.
    Reload,
    /// Has a new process take over.
    TakeOver,
    /// Ends.
    Stop,
}

/// Signals while the server serves. Rust's runtime ignores SIGPIPE already.
pub(crate) struct StopSignals {
    signals: Signals,
    stopping: Arc<AtomicBool>,
    /// A stop signal that came during a take-over.
    stop: Option<i32>,
    /// SIGHUP came during a take-over.
    reload: bool,
}

impl StopSignals {
    /// Catches stop and reload signals from now on.
    pub(crate) fn catch() -> io::Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // A second signal ends a server that hangs while it stops.
            flag::register_conditional_shutdown(signal, STOPPED_TWICE, Arc::clone(&stopping))?;
        }
        // A snapshot that outgrows a limit on files (`ulimit -f`) fails, and the server goes on.
        flag::register(SIGXFSZ, Arc::default())?;
        let signals = Signals::new([SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGUSR2])?;
        Ok(Self { signals, stopping, stop: None, reload: false })
    }

    /// Blocks until a signal.
    pub(crate) fn wait(&mut self, verbosity: u8) -> Order {
        if std::mem::take(&mut self.reload) {
            return Order::Reload;
        }
        let stop = self.stop.take();
        match stop.or_else(|| self.signals.forever().next()) {
            Some(SIGHUP) => Order::Reload,
            Some(SIGUSR2) => Order::TakeOver,
            signal => {
                say_why(signal.unwrap_or(SIGTERM), verbosity);
                Order::Stop
            }
        }
    }

    /// Whether a stop signal has come during a take-over. Others wait for its end, except that one
    /// take-over is enough.
    pub(crate) fn is_stop_due(&mut self) -> bool {
        for signal in self.signals.pending() {
            match signal {
                SIGHUP => self.reload = true,
                SIGUSR2 => info!("SIGUSR2 ignored: a take-over is under way"),
                signal => self.stop = Some(signal),
            }
        }
        self.stop.is_some()
    }

    /// Blocks for `time`, or until another stop signal. After that, a further one ends the process.
    pub(crate) fn drain(&mut self, time: Duration) {
        let begun = Instant::now();
        if !time.is_zero() {
            info!("Serving on for {} s, or until another signal", time.as_secs());
        }
        while begun.elapsed() < time && !self.is_another_stop_due() {
            thread::sleep(DRAIN_LOOK_EVERY.min(time));
        }
        self.stopping.store(true, Ordering::SeqCst);
    }

    fn is_another_stop_due(&mut self) -> bool {
        self.signals.pending().any(|signal| ![SIGHUP, SIGUSR2].contains(&signal))
    }
}
