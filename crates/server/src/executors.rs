//! The threads that serve: one executor per shard, on the ring or on epoll.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::Sender;
use glommio::ExecutorJoinHandle;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::cluster::{Backend, Cluster};
use crate::epoll_driver::EpollDriver;
use crate::fatal::end_process;
use crate::hub::Hub;
use crate::ring_executor;
use crate::seat::Seat;
use crate::start_error::StartError;
use crate::udp_port::UdpPort;

/// A running executor.
pub(crate) enum Executor {
    Glommio(ExecutorJoinHandle<io::Result<()>>),
    Thread(JoinHandle<io::Result<()>>),
}

impl Executor {
    /// Starts an executor; it says on `started` when it serves, or why it does not.
    pub(crate) fn start(
        cluster: &Arc<Cluster>,
        seat: Seat,
        started: Sender<io::Result<()>>,
    ) -> Result<Self, StartError> {
        let name = format!("slabcore-{}", seat.index);
        let cpu = seat.cpu;
        let shared = Arc::clone(cluster);
        let sit = move || seat.sit(shared);
        match cluster.backend {
            Backend::Uring(size) => ring_executor::spawn(cpu, &name, size, sit, started)
                .map(Self::Glommio)
                .map_err(|error| {
                    StartError::System("start an executor", io::Error::other(error.to_string()))
                }),
            Backend::Epoll(_) => std::thread::Builder::new()
                .name(name)
                .spawn(move || serve_on_epoll(cpu, sit, &started))
                .map(Self::Thread)
                .map_err(|error| StartError::System("start a thread", error)),
        }
    }

    /// Waits for its end.
    pub(crate) fn join(self) {
        match self {
            // It has ended either way, and said on stderr if it failed.
            Self::Glommio(handle) => drop(handle.join()),
            Self::Thread(handle) => drop(handle.join()),
        }
    }
}

fn serve_on_epoll(
    cpu: usize,
    sit: impl FnOnce() -> (Hub, UdpPort),
    started: &Sender<io::Result<()>>,
) -> io::Result<()> {
    let mut cpus = CpuSet::new();
    cpus.set(cpu);
    // Not pinned is slower, not wrong.
    let _ = sched_setaffinity(None, &cpus);
    let (hub, udp) = sit();
    match EpollDriver::new(hub, udp) {
        Ok(driver) => {
            let _ = started.send(Ok(()));
            driver.serve().inspect_err(end_process)
        }
        Err(error) => {
            let _ = started.send(Err(error));
            Ok(())
        }
    }
}
