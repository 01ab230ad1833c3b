//! The start of an executor on its own thread, in two steps.
//!
//! The thread first makes what the system may refuse, such as its rings, and reports that. It gets
//! its setup once the threads of all executors have reported. So after a failed start no executor
//! serves, and no setup is lost.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use crate::drivers::udp_port::UdpPort;
use crate::hub::Hub;
use crate::launch::executor_setup::ExecutorSetup;
use crate::shared::shared_state::SharedState;

/// What the thread of an executor gets in the second step.
pub(super) type SetupAndSharedState = (ExecutorSetup, Arc<SharedState>);

/// The channels by which a new thread reports and gets its setup.
pub(super) struct ExecutorStart {
    /// Only the thread has this end, so its own end is noticed, too.
    pub(super) reports: Sender<io::Result<()>>,
    pub(super) setups: Receiver<SetupAndSharedState>,
}

impl ExecutorStart {
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
