//! A glommio executor that runs a [`RingDriver`]. glommio has the thread sleep; the driver's own
//! ring moves the bytes.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, FromRawFd, IntoRawFd};
use std::time::Duration;

use glommio::io::BufferedFile;
use glommio::{
    ExecutorJoinHandle, GlommioError, Latency, LocalExecutorBuilder, Placement, Shares, executor,
};
use rustix::event::{EventfdFlags, eventfd};

use crate::drivers::ring::Ring;
use crate::drivers::ring_driver::RingDriver;
use crate::drivers::turn::Outlook;
use crate::launch::executor_start::ExecutorStart;
use crate::settings::fatal::end_process;
use crate::settings::ring_size::RingSize;

/// Bytes that glommio registers for its own I/O. Here it only waits.
const IO_MEMORY_BYTES: usize = 64 << 10;
/// Entries of each of glommio's own rings.
const OWN_RING_ENTRIES: usize = 64;
/// Locked memory of [`look_at_kernel`], a ring of two entries. The kernel frees it a while
/// later.
pub(super) const LOOK_BYTES_MAX: u64 = 8 << 10;
/// Period of glommio's preemption timer, which must never fire. If it fires between the executor's
/// look at its rings and its look at its queues, glommio 0.9 takes the queues for empty and sleeps
/// although a task can run: `run_task_queues` answers "nothing ran" when preemption is due at once.
/// The task here yields by itself instead.
const NEVER: Duration = Duration::from_hours(365 * 24);
/// Turns after which the task yields to glommio. A busy turn takes 20 to 500 microseconds.
const TURNS_PER_YIELD: u32 = 64;

/// More entries than any ring may have.
const ENTRIES_TOO_MANY: usize = 1 << 20;

/// Has glommio find out what the kernel's `io_uring` can do, which it does once. It panics if it
/// gets no memory for that, [`LOOK_BYTES_MAX`] at most.
pub(super) fn look_at_kernel() {
    // It looks first, and then fails, as no ring is that large. Nothing else is made.
    let executor =
        LocalExecutorBuilder::new(Placement::Unbound).ring_depth(ENTRIES_TOO_MANY).make();
    debug_assert!(executor.is_err());
}

/// Starts the thread of an executor.
pub(super) fn spawn(
    name: &str,
    size: RingSize,
    start: ExecutorStart,
) -> Result<ExecutorJoinHandle<io::Result<()>>, GlommioError<()>> {
    LocalExecutorBuilder::new(Placement::Unbound)
        .name(name)
        .io_memory(IO_MEMORY_BYTES)
        .ring_depth(OWN_RING_ENTRIES)
        .preempt_timer(NEVER)
        .spawn(move || async move {
            let latency = Latency::NotImportant;
            let queue = executor().create_task_queue(Shares::default(), latency, "data-plane");
            let task = glommio::spawn_local_into(serve(size, start), queue)
                .expect("the task queue was made above");
            task.await
        })
}

async fn serve(size: RingSize, start: ExecutorStart) -> io::Result<()> {
    start.bind_thread();
    let (ring, bell) = match prepare(size) {
        Ok(prepared) => prepared,
        Err(error) => {
            start.report(Err(error));
            return Ok(());
        }
    };
    // This may block, as the thread has no other task yet.
    let Some((hub, udp)) = start.receive_setup() else {
        let _ = bell.close().await;
        return Ok(());
    };
    let mut driver = RingDriver::new(hub, udp, ring);
    start.report(Ok(()));
    let end = |error: &io::Error| end_process("an executor", error);
    let mut turns = 0;
    while let Some(outlook) = driver.turn().inspect_err(end)?.unless_stopping() {
        if outlook == Outlook::Lull {
            if driver.park().inspect_err(end)? {
                // The count does not matter, and after an error the next turn looks as well.
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
    // glommio closes it in the background; after an error nothing is left to do.
    let _ = bell.close().await;
    Ok(())
}

fn prepare(size: RingSize) -> io::Result<(Ring, BufferedFile)> {
    let ring = Ring::new(size)?;
    let bell = eventfd(0, EventfdFlags::CLOEXEC)?;
    ring.register_eventfd(bell.as_fd())?;
    // SAFETY: the descriptor is owned here and handed over, so nothing else closes it.
    let bell = unsafe { BufferedFile::from_raw_fd(bell.into_raw_fd()) };
    Ok((ring, bell))
}
