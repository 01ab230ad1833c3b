//! The signals that the main thread waits for.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use tracing::info;

/// Status of a server that was told to stop a second time, before it had stopped.
const STOPPED_TWICE: i32 = 1;

/// How often a server that drains looks for another signal.
const DRAIN_LOOK_EVERY: Duration = Duration::from_millis(50);

/// Signals caught from now on. SIGPIPE needs nothing: Rust's runtime ignores it.
pub(crate) struct StopSignals {
    signals: Signals,
    stopping: Arc<AtomicBool>,
}

impl StopSignals {
    /// Begins to catch them.
    pub(crate) fn catch() -> io::Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // A second one ends a server that hangs while it stops.
            flag::register_conditional_shutdown(signal, STOPPED_TWICE, Arc::clone(&stopping))?;
        }
        Ok(Self { signals: Signals::new([SIGTERM, SIGINT, SIGUSR1, SIGHUP])?, stopping })
    }

    /// Blocks until the server shall stop; calls `reload` at each hangup.
    pub(crate) fn wait(&mut self, verbosity: u8, reload: impl Fn()) {
        for signal in &mut self.signals.forever() {
            match signal {
                SIGHUP => reload(),
                SIGUSR1 => {
                    info!("Gracefully stopping");
                    break;
                }
                _ => {
                    if verbosity > 0 {
                        info!("Exiting normally");
                    }
                    break;
                }
            }
        }
    }

    /// Blocks for as long, or until another signal says that it has been long enough. From then on
    /// one more ends the process.
    pub(crate) fn drain(&mut self, time: Duration) {
        let begun = Instant::now();
        if !time.is_zero() {
            info!("Serving on for {} s, or until another signal", time.as_secs());
        }
        while begun.elapsed() < time && self.signals.pending().all(|signal| signal == SIGHUP) {
            thread::sleep(DRAIN_LOOK_EVERY.min(time));
        }
        self.stopping.store(true, Ordering::SeqCst);
    }
}
