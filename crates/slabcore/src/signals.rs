//! The signals that the main thread waits for.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// Status of a server that was told to stop a second time, before it had stopped.
const STOPPED_TWICE: i32 = 1;

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
                    eprintln!("Gracefully stopping");
                    break;
                }
                _ => {
                    if verbosity > 0 {
                        eprintln!("Exiting normally");
                    }
                    break;
                }
            }
        }
        self.stopping.store(true, Ordering::SeqCst);
    }
}
