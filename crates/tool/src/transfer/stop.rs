//! The order to end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// A mark that signals set, and a thread that fails. All threads look at it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    is_set: Arc<AtomicBool>,
    signalled: Arc<AtomicBool>,
}

/// Exit status after the second signal.
const ENDED_AT_ONCE: i32 = 1;

impl Stop {
    /// A mark that the first signal sets. The second one ends the process.
    pub(crate) fn by_signals() -> io::Result<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first one of a signal finds the mark unset.
            let signalled = Arc::clone(&stop.signalled);
            flag::register_conditional_shutdown(signal, ENDED_AT_ONCE, Arc::clone(&signalled))?;
            flag::register(signal, signalled)?;
            flag::register(signal, Arc::clone(&stop.is_set))?;
        }
        Ok(stop)
    }

    /// Sets it.
    pub(crate) fn set(&self) {
        self.is_set.store(true, Ordering::Relaxed);
    }

    /// True once all must end.
    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Relaxed)
    }

    /// True after a signal.
    pub(crate) fn is_signalled(&self) -> bool {
        self.signalled.load(Ordering::Relaxed)
    }
}
