//! A glommio executor around a data-plane ring: glommio holds the core, the ring moves the bytes.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, FromRawFd, IntoRawFd};
use std::time::Duration;

use crossbeam_channel::Sender;
use glommio::io::BufferedFile;
use glommio::{
    ExecutorJoinHandle, GlommioError, Latency, LocalExecutorBuilder, Placement, Shares, executor,
};
use rustix::event::{EventfdFlags, eventfd};

use crate::fatal::end_process;
use crate::hub::Hub;
use crate::ring::Ring;
use crate::ring_driver::{Outlook, RingDriver};
use crate::ring_size::RingSize;
use crate::udp_port::UdpPort;

/// Bytes that glommio registers for its own I/O; it does none here beside waiting.
const IO_MEMORY_BYTES: usize = 64 << 10;
/// Entries of each of glommio's own rings.
const OWN_RING_ENTRIES: usize = 64;
/// glommio's preemption timer must never fire: if it does between the executor's look at its rings
/// and its look at its queues, glommio 0.9 takes the queues for empty and sleeps although a task
/// can run (`run_task_queues` answers "nothing ran" when preemption is due at once). The data
/// plane yields by itself instead.
const NEVER: Duration = Duration::from_hours(365 * 24);
/// Turns after which other tasks of the executor have their turn; a busy turn takes 20 to 500
/// microseconds.
const TURNS_PER_YIELD: u32 = 64;

/// Starts an executor pinned to `cpu` that serves what `sit` makes on its thread.
pub(crate) fn spawn(
    cpu: usize,
    name: &str,
    size: RingSize,
    sit: impl FnOnce() -> (Hub, UdpPort) + Send + 'static,
    started: Sender<io::Result<()>>,
) -> Result<ExecutorJoinHandle<io::Result<()>>, GlommioError<()>> {
    LocalExecutorBuilder::new(Placement::Fixed(cpu))
        .name(name)
        .io_memory(IO_MEMORY_BYTES)
        .ring_depth(OWN_RING_ENTRIES)
        .preempt_timer(NEVER)
        .spawn(move || async move {
            let latency = Latency::NotImportant;
            let queue = executor().create_task_queue(Shares::default(), latency, "data-plane");
            let task = glommio::spawn_local_into(serve(sit(), size, started), queue)
                .expect("the task queue was made above");
            task.await
        })
}

async fn serve(
    seat: (Hub, UdpPort),
    size: RingSize,
    started: Sender<io::Result<()>>,
) -> io::Result<()> {
    let (mut driver, bell) = match prepare(seat, size) {
        Ok(prepared) => prepared,
        Err(error) => {
            // Whoever starts the server hears of it there.
            let _ = started.send(Err(error));
            return Ok(());
        }
    };
    let _ = started.send(Ok(()));
    let mut turns = 0;
    while let Some(outlook) = driver.turn().inspect_err(end_process)?.unless_stopping() {
        if outlook == Outlook::Lull {
            if driver.park().inspect_err(end_process)? {
                // Any outcome means: look around. The count itself says nothing.
                let _ = bell.read_at(0, 8).await;
            }
            driver.unpark();
            turns = 0;
        }
        turns += 1;
        if turns >= TURNS_PER_YIELD {
            turns = 0;
            executor().yield_task_queue_now().await;
        }
    }
    driver.stop();
    // Closed by glommio in the background; an error leaves nothing behind.
    let _ = bell.close().await;
    Ok(())
}

fn prepare((hub, udp): (Hub, UdpPort), size: RingSize) -> io::Result<(RingDriver, BufferedFile)> {
    let ring = Ring::new(size)?;
    let bell = eventfd(0, EventfdFlags::CLOEXEC)?;
    ring.register_eventfd(bell.as_fd())?;
    // SAFETY: the descriptor is owned here and handed over; nobody else closes it.
    let bell = unsafe { BufferedFile::from_raw_fd(bell.into_raw_fd()) };
    Ok((RingDriver::new(hub, udp, ring), bell))
}
