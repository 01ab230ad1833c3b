//! The start of an executor on its own thread, in two steps.
//!
//! The thread first makes what the system may refuse, such as its rings, and reports that. It gets
//! its setup once the threads of all executors have reported. So after a failed start no executor
//! serves, and no setup is lost.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tracing::warn;

use crate::drivers::udp_port::UdpPort;
use crate::hub::Hub;
use crate::launch::executor_setup::ExecutorSetup;
use crate::shared::shared_state::SharedState;

/// What the thread of an executor gets in the second step.
pub(super) type SetupAndSharedState = (ExecutorSetup, Arc<SharedState>);

/// The cores of a new thread, and the channels by which it reports and gets its setup.
pub(super) struct ExecutorStart {
    pub(super) cores: Vec<usize>,
    /// Only the thread has this end, so its own end is noticed, too.
    pub(super) reports: Sender<io::Result<()>>,
    pub(super) setups: Receiver<SetupAndSharedState>,
}

impl ExecutorStart {
    /// Binds the calling thread to its cores. If that is refused, this logs it: the thread is
    /// slower then, not wrong.
    pub(super) fn bind_thread(&self) {
        let mut set = CpuSet::new();
        self.cores.iter().for_each(|&core| set.set(core));
        // A thread that is never bound also gets the cores that its control group gets later.
        if sched_getaffinity(None).is_ok_and(|current| current == set) {
            return;
        }
        if let Err(error) = sched_setaffinity(None, &set) {
            warn!("warning: a thread cannot be bound to the cores {:?}: {error}", self.cores);
        }
    }

    /// Reports that the thread has what the system may refuse, and waits for its setup. `None` if
    /// another thread did not get that far: the thread ends.
    pub(super) fn receive_setup(&self) -> Option<(Hub, UdpPort)> {
        self.report(Ok(()));
        let (setup, shared) = self.setups.recv().ok()?;
        Some(setup.make_hub(shared))
    }

    /// Reports that the executor serves, or why it does not.
    pub(super) fn report(&self, outcome: io::Result<()>) {
        // If nobody reads the report, the start was given up.
        let _ = self.reports.send(outcome);
    }
}
