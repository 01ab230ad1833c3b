//! When the background work of each shard is due, for the thread that wakes executors for it.
//!
//! An executor writes its tick before it sleeps. While it sleeps, an executor that borrows its
//! shard may bring the tick forward. Nothing is written while an executor is awake.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Thread;

/// Instead of a tick: the executor was woken, and has not set another tick.
const TAKEN: u64 = u64::MAX;

/// Nothing is due.
pub(super) const NEVER: u32 = u32::MAX;

/// The tick at which the background work of each shard is next due.
#[derive(Debug)]
pub(crate) struct DueTicks {
    /// One per shard.
    ticks: Vec<AtomicU64>,
    /// Sleeps until the earliest tick.
    thread: OnceLock<Thread>,
}

impl DueTicks {
    pub(crate) fn new(shards: usize) -> Self {
        let ticks = (0..shards).map(|_| AtomicU64::new(NEVER.into())).collect();
        Self { ticks, thread: OnceLock::new() }
    }

    /// Sets when work is due. The executor is about to sleep, and its doorbell works.
    pub(crate) fn set(&self, shard: usize, tick: u32) {
        let before = self.ticks[shard].swap(tick.into(), Ordering::SeqCst);
        if u64::from(tick) < before {
            self.wake_thread();
        }
    }

    /// Work became due at this earlier tick, while the executor sleeps.
    pub(crate) fn bring_forward(&self, shard: usize, tick: u32) {
        let sooner = |before| (before != TAKEN && u64::from(tick) < before).then_some(tick.into());
        let (set, fetch) = (Ordering::SeqCst, Ordering::SeqCst);
        if self.ticks[shard].try_update(set, fetch, sooner).is_ok() {
            self.wake_thread();
        }
    }

    /// Thread: the calling thread is woken when a tick becomes earlier.
    pub(crate) fn register_thread(&self) {
        // There is one such thread.
        let _ = self.thread.set(std::thread::current());
    }

    /// Thread: the shards whose work is due now, each once.
    pub(crate) fn take_due(&self, now: u32) -> impl Iterator<Item = usize> {
        let is_due = move |tick: u64| (tick <= now.into()).then_some(TAKEN);
        let (set, fetch) = (Ordering::SeqCst, Ordering::SeqCst);
        let ticks = self.ticks.iter().enumerate();
        ticks.filter(move |(_, tick)| tick.try_update(set, fetch, is_due).is_ok()).map(|it| it.0)
    }

    /// Thread: the earliest tick; `None` if nothing will be due.
    pub(crate) fn earliest(&self) -> Option<u32> {
        let ticks = self.ticks.iter().map(|tick| tick.load(Ordering::SeqCst));
        let earliest = ticks.min().and_then(|tick| u32::try_from(tick).ok());
        earliest.filter(|tick| *tick != NEVER)
    }

    /// Wakes the thread, to look again.
    pub(crate) fn wake_thread(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_due_once_until_it_is_set_again() {
        let due = DueTicks::new(2);
        assert_eq!(due.earliest(), None);
        due.set(0, 9);
        due.set(1, 7);
        due.bring_forward(0, 8);
        due.bring_forward(0, 20);
        assert_eq!(due.earliest(), Some(7));
        assert_eq!(due.take_due(7).collect::<Vec<_>>(), [1]);
        assert_eq!((due.take_due(7).count(), due.earliest()), (0, Some(8)));
        // Its executor is awake, and sets the tick itself before it sleeps.
        due.bring_forward(1, 1);
        assert_eq!(due.take_due(8).collect::<Vec<_>>(), [0]);
        due.set(1, NEVER);
        assert_eq!((due.take_due(1_000).count(), due.earliest()), (0, None));
    }
}
