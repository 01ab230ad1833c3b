//! The threads of the executors: one for each shard, on the ring or on epoll.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use glommio::ExecutorJoinHandle;

use crate::drivers::epoll_driver::EpollDriver;
use crate::launch::executor_setup::ExecutorSetup;
use crate::launch::executor_start::{ExecutorStart, SetupAndSharedState};
use crate::launch::ring_executor;
use crate::settings::Placement;
use crate::settings::fatal::end_process;
use crate::shared::mailbox::Mailbox;
use crate::shared::shared_state::{Backend, SharedState};

/// Reports of an executor that starts: that it can take its setup, and that it serves.
const REPORTS_MAX: usize = 2;

/// The thread of an executor.
pub(super) enum ExecutorThread {
    Glommio(ExecutorJoinHandle<io::Result<()>>),
    Thread(JoinHandle<io::Result<()>>),
}

impl ExecutorThread {
    /// Waits for its end. The error says why the executor failed.
    pub(super) fn join(self) -> io::Result<()> {
        match self {
            Self::Glommio(handle) => handle.join().map_err(io::Error::from)?,
            Self::Thread(handle) => {
                handle.join().unwrap_or_else(|_| Err(io::Error::other("its thread panicked")))
            }
        }
    }
}

/// The thread of an executor that has what the system may refuse, and waits for its setup.
pub(super) struct WaitingExecutor {
    executor: ExecutorThread,
    /// Once this is dropped, the thread ends.
    setups: Sender<SetupAndSharedState>,
    reports: Receiver<io::Result<()>>,
}

impl WaitingExecutor {
    /// Starts the threads of all executors. If one of them does not get what it needs, all have
    /// ended when this returns.
    pub(super) fn start_all(
        placement: &Placement,
        shards: usize,
        backend: &Backend,
    ) -> io::Result<Vec<Self>> {
        let started: Vec<_> = (0..shards)
            .map(|index| Self::start(index, placement.cores_of(index).to_vec(), backend))
            .collect();
        let (mut waiting, mut failure) = (Vec::new(), None);
        for executor in started {
            match executor.and_then(Self::ready) {
                Ok(executor) => waiting.push(executor),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let Some(error) = failure else { return Ok(waiting) };
        let threads: Vec<ExecutorThread> = waiting.into_iter().map(|it| it.executor).collect();
        Err(end_all(threads, error))
    }

    fn start(index: usize, cores: Vec<usize>, backend: &Backend) -> io::Result<Self> {
        let name = format!("slabcore-{index}");
        let (report, reports) = bounded(REPORTS_MAX);
        let (setups, setup) = bounded(1);
        let start = ExecutorStart { cores, reports: report, setups: setup };
        let executor = match *backend {
            Backend::Uring(size) => {
                ExecutorThread::Glommio(ring_executor::spawn(&name, size, start)?)
            }
            Backend::Epoll(_) => ExecutorThread::Thread(
                std::thread::Builder::new().name(name).spawn(move || serve_on_epoll(&start))?,
            ),
        };
        Ok(Self { executor, setups, reports })
    }

    /// Waits for the first report. The error says why the thread cannot take its setup.
    fn ready(self) -> io::Result<Self> {
        match self.reports.recv() {
            Ok(Ok(())) => return Ok(self),
            Ok(Err(error)) => {
                // It ends with the same error.
                let _ = self.executor.join();
                return Err(error);
            }
            // It ended without a report: glommio makes its own rings before our code runs.
            Err(_) => {}
        }
        self.executor.join()?;
        Err(io::Error::other("an executor ended"))
    }

    /// Gives each thread its setup, and returns when all serve. If one does not, all have ended
    /// when this returns.
    pub(super) fn serve_all(
        waiting: Vec<Self>,
        setups: Vec<ExecutorSetup>,
        shared: &Arc<SharedState>,
    ) -> io::Result<Vec<ExecutorThread>> {
        debug_assert_eq!(waiting.len(), setups.len());
        for (executor, setup) in waiting.iter().zip(setups) {
            // If the thread has ended, its report is missing below.
            let _ = executor.setups.send((setup, Arc::clone(shared)));
        }
        let mut executors = Vec::new();
        let mut failure = None;
        for Self { executor, reports, .. } in waiting {
            let report = reports.recv();
            let report = report.unwrap_or_else(|_| Err(io::Error::other("an executor ended")));
            failure = failure.or(report.err());
            executors.push(executor);
        }
        let Some(error) = failure else { return Ok(executors) };
        shared.mailboxes.iter().for_each(Mailbox::stop);
        Err(end_all(executors, error))
    }
}

/// Waits for the end of all threads, and returns the first failure.
fn end_all(executors: Vec<ExecutorThread>, failure: io::Error) -> io::Error {
    for executor in executors {
        let _ = executor.join();
    }
    failure
}

fn serve_on_epoll(start: &ExecutorStart) -> io::Result<()> {
    start.bind_thread();
    let Some((hub, udp)) = start.receive_setup() else { return Ok(()) };
    match EpollDriver::new(hub, udp) {
        Ok(driver) => {
            start.report(Ok(()));
            driver.serve().inspect_err(|error| end_process("an executor", error))
        }
        Err(error) => {
            start.report(Err(error));
            Ok(())
        }
    }
}
