//! The choice of the backend: rings as large as the system allows, or epoll.
//!
//! The kernel counts rings against the memory that a user may lock in all processes. So rings that
//! fit the limit may still be refused, and one of many may be. Then all rings end, and all
//! executors get smaller ones, or serve with epoll.
//!
//! glommio panics if it gets no memory for its first look at the kernel. So rings take only a part
//! of the limit. The rest is left for that look, and for those of the user's other servers that
//! start at the same time.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use tracing::{info, warn};

use crate::drivers::ring::Ring;
use crate::launch::executors::WaitingExecutor;
use crate::launch::ring_executor::{LOOK_BYTES_MAX, look_at_kernel};
use crate::settings::locked_memory;
use crate::settings::ring_size::{GLOMMIO_LIMIT_BYTES_MIN, RingSize};
use crate::settings::start_error::StartError;
use crate::settings::{BackendChoice, Placement, Settings};
use crate::shared::shared_state::Backend;

/// Time after which the kernel has given back the memory of rings that have ended: 20 to 230 ms
/// for 40 rings (Linux 6.18, two cores).
const RINGS_GIVEN_BACK_AFTER: Duration = Duration::from_millis(300);

/// Locked memory that rings leave free, for the first look of glommio in eight servers.
const KEPT_BYTES: u64 = 8 * LOOK_BYTES_MAX;

/// Held while rings are made, as the limit on locked memory belongs to the process.
static MAKES_RINGS: Mutex<()> = Mutex::new(());

/// Starts the threads of all executors, on the backend of the settings or the one that works.
pub(super) fn start(settings: &Settings) -> Result<(Backend, Vec<WaitingExecutor>), StartError> {
    let (placement, shards) = (&settings.placement, settings.shards);
    let reason = match settings.backend {
        BackendChoice::Epoll => "as asked for".to_owned(),
        choice => match start_on_rings(placement, shards) {
            Ok(started) => return Ok(started),
            Err(reason) if choice == BackendChoice::Uring => return Err(StartError::Uring(reason)),
            Err(reason) => reason,
        },
    };
    info!("slabcore: serving with epoll: {reason}");
    let backend = Backend::Epoll(reason);
    let waiting = WaitingExecutor::start_all(placement, shards, &backend)
        .map_err(|error| StartError::System("start an executor", error))?;
    Ok((backend, waiting))
}

/// Starts all executors with the largest rings that all of them can get. The error says why there
/// are none.
fn start_on_rings(
    placement: &Placement,
    shards: usize,
) -> Result<(Backend, Vec<WaitingExecutor>), String> {
    let _lock = MAKES_RINGS.lock().unwrap_or_else(PoisonError::into_inner);
    let too_low = |limit: &u64| *limit < GLOMMIO_LIMIT_BYTES_MIN;
    let limit =
        locked_memory::limit_bytes().or_else(|| locked_memory::named_limit_bytes().filter(too_low));
    let limit_kib = limit.unwrap_or(u64::MAX) >> 10;
    let fitting = RingSize::fitting(shards, limit).ok_or_else(|| {
        format!(
            "the rings of {shards} shards need more locked memory than {limit_kib} KiB (ulimit -l)"
        )
    })?;
    let shortage = || {
        format!(
            "the rings of {shards} shards need more locked memory than other processes of the \
             user leave of {limit_kib} KiB (ulimit -l)"
        )
    };
    let mut size = fitting;
    let mut is_first = true;
    loop {
        let backend = Backend::Uring(size);
        let started = match probe() {
            Ok(()) => {
                look_at_kernel();
                keeping(|| WaitingExecutor::start_all(placement, shards, &backend))
            }
            Err(error) if is_out_of_memory(&error) => Err(error),
            Err(error) => return Err(format!("io_uring is refused: {error}")),
        };
        match started {
            Ok(waiting) => {
                if size != RingSize::FULL {
                    warn_of_small_rings(size, limit_kib, size != fitting);
                }
                return Ok((backend, waiting));
            }
            Err(error) if !is_out_of_memory(&error) => {
                return Err(format!("an executor with io_uring failed: {error}"));
            }
            Err(_) => {}
        }
        // The first size is tried twice: a server that has just ended may have had the memory.
        if !std::mem::take(&mut is_first) {
            size = size.smaller().ok_or_else(shortage)?;
        }
        thread::sleep(RINGS_GIVEN_BACK_AFTER);
    }
}

/// Makes the smallest ring, to see whether `io_uring` is refused.
fn probe() -> io::Result<()> {
    // A ring belongs to the thread that makes it, so that thread is a short-lived one.
    let ring = thread::spawn(|| keeping(|| Ring::new(RingSize::SMALLEST).map(drop)));
    ring.join().unwrap_or_else(|_| Err(io::Error::other("its thread panicked")))
}

fn keeping<T>(make: impl FnOnce() -> T) -> T {
    locked_memory::keeping(KEPT_BYTES, GLOMMIO_LIMIT_BYTES_MIN, make)
}

fn is_out_of_memory(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::NOMEM)
}

fn warn_of_small_rings(size: RingSize, limit_kib: u64, is_shared: bool) {
    let (entries, full) = (size.submissions, RingSize::FULL.submissions);
    let by_whom = if is_shared { " by all processes of the user" } else { "" };
    warn!(
        "warning: rings have {entries} entries instead of {full}, as no more than {limit_kib} KiB \
         of memory may be locked{by_whom} (ulimit -l)"
    );
}
