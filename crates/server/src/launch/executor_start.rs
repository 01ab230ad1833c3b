//! The start of an executor, as its own thread sees it.
//!
//! The thread first makes what the system may refuse, as its rings. It gets its setup once the
//! threads of all other executors have that, too: so a start that fails leaves no executor that
//! serves, and no setup is lost.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use crate::drivers::udp_port::UdpPort;
use crate::hub::Hub;
use crate::launch::executor_setup::ExecutorSetup;
use crate::shared::cluster::Cluster;

/// What an executor serves from.
pub(super) type SetupAndCluster = (ExecutorSetup, Arc<Cluster>);

/// See the module.
pub(super) struct ExecutorStart {
    /// Nobody else has this end: the thread's end is noticed, too.
    pub(super) reports: Sender<io::Result<()>>,
    pub(super) setups: Receiver<SetupAndCluster>,
}

impl ExecutorStart {
    /// Reports that the thread has all that it needs, and waits for its setup. `None`: the server
    /// does not start this way.
    pub(super) fn receive_setup(&self) -> Option<(Hub, UdpPort)> {
        self.report(Ok(()));
        let (setup, cluster) = self.setups.recv().ok()?;
        Some(setup.make_hub(cluster))
    }

    /// Reports that the executor serves, or why it does not.
    pub(super) fn report(&self, outcome: io::Result<()>) {
        // Without a reader the start was given up.
        let _ = self.reports.send(outcome);
    }
}
