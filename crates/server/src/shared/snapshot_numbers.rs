//! What operators see of snapshots, and the one that is under way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// The snapshots of a server.
#[derive(Default)]
pub(crate) struct SnapshotNumbers {
    /// Set to end the one that is under way.
    current: Mutex<Option<Arc<AtomicBool>>>,
    /// Whether none may begin any more.
    is_closed: AtomicBool,
    last: Mutex<LastSnapshot>,
    /// Items and bytes of the one that is under way.
    items: AtomicU64,
    bytes: AtomicU64,
    errors: AtomicU64,
    /// What was restored at the start.
    restored: OnceLock<Restored>,
}

/// The last snapshot that has ended.
#[derive(Debug, Clone, Copy, Default)]
struct LastSnapshot {
    /// Whether it failed. The numbers are those of the last one that did not.
    has_failed: bool,
    items: u64,
    /// Bytes of its files, without the headers of blocks.
    bytes: u64,
    /// When it was complete.
    completed: Option<Instant>,
}

/// What a start has restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Restored {
    /// Items that are there again.
    pub(crate) items: u64,
    /// Items of the snapshot that are not.
    pub(crate) dropped: u64,
}

/// A snapshot that is under way. Its end is noted when this is dropped.
pub(crate) struct CurrentSnapshot<'a> {
    numbers: &'a SnapshotNumbers,
    cancelled: Arc<AtomicBool>,
    is_complete: bool,
}

impl SnapshotNumbers {
    /// Begins a snapshot. `None`: one is under way, or the server stops.
    pub(crate) fn begin(&self) -> Option<CurrentSnapshot<'_>> {
        let mut current = lock(&self.current);
        if current.is_some() || self.is_closed.load(Ordering::Relaxed) {
            return None;
        }
        let cancelled = Arc::new(AtomicBool::new(false));
        *current = Some(Arc::clone(&cancelled));
        self.items.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
        Some(CurrentSnapshot { numbers: self, cancelled, is_complete: false })
    }

    /// Ends the snapshot that is under way, if there is one. None begins any more.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        if let Some(cancelled) = &*lock(&self.current) {
            cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Whether one is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        lock(&self.current).is_some()
    }

    /// The state in `stats slabcore`.
    pub(crate) fn state(&self) -> &'static str {
        let last = self.last();
        if self.is_under_way() {
            "running"
        } else if last.has_failed {
            "failed"
        } else if last.completed.is_some() {
            "done"
        } else {
            "none"
        }
    }

    /// The last one that has ended.
    fn last(&self) -> LastSnapshot {
        *lock(&self.last)
    }

    /// Items and bytes: so far of the one under way, else of the last complete one.
    pub(crate) fn items_and_bytes(&self) -> (u64, u64) {
        if self.is_under_way() {
            return (self.items.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        }
        let last = self.last();
        (last.items, last.bytes)
    }

    /// Seconds since the last complete one; 0 if there is none.
    pub(crate) fn seconds_since_last(&self) -> u64 {
        self.seconds_since_last_complete().unwrap_or(0)
    }

    /// Seconds since the last complete one.
    pub(crate) fn seconds_since_last_complete(&self) -> Option<u64> {
        self.last().completed.map(|at| at.elapsed().as_secs())
    }

    /// Snapshots that failed.
    pub(crate) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Notes what was restored at the start.
    pub(crate) fn set_restored(&self, restored: Restored) {
        let _ = self.restored.set(restored);
    }

    /// What was restored at the start.
    pub(crate) fn restored(&self) -> Restored {
        self.restored.get().copied().unwrap_or_default()
    }
}

impl CurrentSnapshot<'_> {
    /// Set once nothing more of it is wanted.
    pub(crate) fn cancelled(&self) -> &Arc<AtomicBool> {
        &self.cancelled
    }

    /// Counts items and bytes that were written.
    pub(crate) fn add(&self, items: u64, bytes: u64) {
        self.numbers.items.fetch_add(items, Ordering::Relaxed);
        self.numbers.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Items that were written so far.
    pub(crate) fn items(&self) -> u64 {
        self.numbers.items.load(Ordering::Relaxed)
    }

    /// Notes that it is complete, and returns its items and bytes.
    pub(crate) fn complete(mut self) -> (u64, u64) {
        self.is_complete = true;
        self.numbers.items_and_bytes()
    }
}

impl Drop for CurrentSnapshot<'_> {
    fn drop(&mut self) {
        let (items, bytes) = self.numbers.items_and_bytes();
        let mut last = lock(&self.numbers.last);
        if self.is_complete {
            let completed = Some(Instant::now());
            *last = LastSnapshot { has_failed: false, items, bytes, completed };
        } else {
            last.has_failed = true;
            self.numbers.errors.fetch_add(1, Ordering::Relaxed);
        }
        drop(last);
        *lock(&self.numbers.current) = None;
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_under_way_and_a_failed_one_leaves_the_numbers_of_the_last() {
        let numbers = SnapshotNumbers::default();
        assert_eq!((numbers.state(), numbers.items_and_bytes()), ("none", (0, 0)));
        let first = numbers.begin().unwrap();
        assert!(numbers.begin().is_none());
        first.add(5, 100);
        assert_eq!((numbers.state(), numbers.items_and_bytes()), ("running", (5, 100)));
        assert_eq!(first.complete(), (5, 100));
        assert_eq!((numbers.state(), numbers.errors()), ("done", 0));
        let second = numbers.begin().unwrap();
        second.add(3, 60);
        numbers.close();
        assert!(second.cancelled().load(Ordering::Relaxed));
        drop(second);
        assert_eq!((numbers.state(), numbers.errors()), ("failed", 1));
        assert_eq!(numbers.items_and_bytes(), (5, 100));
        assert!(numbers.begin().is_none());
    }
}
