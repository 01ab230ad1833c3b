//! The thread that writes a snapshot now and then (`--snapshot-every`).

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::shared::shared_state::SharedState;
use crate::snapshots;

/// The running thread.
pub(super) struct SnapshotTimer {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl SnapshotTimer {
    /// Writes a snapshot each `period`, counted from the start of the one before. A period that
    /// ends while one is under way is left out.
    pub(super) fn start(shared: &Arc<SharedState>, period: Duration) -> io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let shared = Arc::clone(shared);
        let thread = std::thread::Builder::new()
            .name("slabcore-every".to_owned())
            .spawn(move || write_each(&shared, period, &stopped))?;
        Ok(Self { stop, thread })
    }

    /// Ends it. Waits for the snapshot that it writes.
    pub(super) fn stop(self) {
        drop(self.stop);
        // It has ended either way.
        let _ = self.thread.join();
    }
}

fn write_each(shared: &SharedState, period: Duration, stopped: &Receiver<()>) {
    let mut due = Instant::now() + period;
    while stopped.recv_deadline(due) == Err(RecvTimeoutError::Timeout) {
        due = Instant::now() + period;
        if let Some(current) = shared.snapshots.begin() {
            // It has logged why, if it failed. The next one may succeed.
            let _ = snapshots::write(shared, current, None);
        }
    }
}
