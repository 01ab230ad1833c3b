//! The limit on the memory of items and index, and where that memory is.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use slabcore_storage::{PAGE_BYTES, PagePool};

use crate::settings::item_memory::MappedRange;

/// The limit on the memory of items and index. `memory_limit.rs` changes it.
#[derive(Debug)]
pub(crate) struct ItemMemoryLimit {
    bytes: AtomicUsize,
    /// The memory, with the address space that it may grow into.
    range: MappedRange,
    /// The limit at the start.
    bytes_at_start: usize,
    /// A thread returns memory to the system, or allocates it.
    is_at_work: AtomicBool,
    /// Held while the pool's limit changes.
    changing: Mutex<()>,
}

impl ItemMemoryLimit {
    pub(crate) fn new(bytes: usize, range: MappedRange) -> Self {
        let (is_at_work, changing) = (AtomicBool::new(false), Mutex::new(()));
        let bytes_at_start = bytes;
        Self { bytes: AtomicUsize::new(bytes), range, bytes_at_start, is_at_work, changing }
    }

    /// The limit in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Where the memory is.
    pub(crate) fn range(&self) -> MappedRange {
        self.range
    }

    /// Does something while the limit is what it was at the start, or more, and cannot change.
    /// `None`: it is lower.
    pub(crate) fn unless_lowered<T>(&self, f: impl FnOnce() -> T) -> Option<T> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        (self.bytes() >= self.bytes_at_start).then(f)
    }

    /// Sets the limit, as far as the pages have memory. Until it grows again after it fell, the
    /// kernel is asked for no huge pages. False, and nothing changes: there are fewer pages.
    pub(super) fn set(&self, bytes: usize, pool: &PagePool) -> bool {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes / PAGE_BYTES > pool.pages() {
            return false;
        }
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        self.range.advise_huge_pages(bytes >= before);
        self.follow(pool);
        true
    }

    /// Raises the pool's limit after pages were allocated.
    pub(super) fn follow_allocated(&self, pool: &PagePool) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.follow(pool);
    }

    /// No page finds memory any more: the limit is what there is.
    pub(super) fn settle_for_allocated(&self, pool: &PagePool) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.bytes.fetch_min(pool.pages_allocated() * PAGE_BYTES, Ordering::Relaxed);
        self.follow(pool);
    }

    fn follow(&self, pool: &PagePool) {
        let pages = self.bytes() / PAGE_BYTES;
        let is_file = self.range.is_file();
        pool.set_limit(if is_file { pages.min(pool.pages_allocated()) } else { pages });
    }

    /// Whether pages need memory before they may be taken.
    pub(super) fn has_to_allocate(&self, pool: &PagePool) -> bool {
        self.range.is_file() && pool.pages_allocated() < self.bytes() / PAGE_BYTES
    }

    /// True if the caller is to return memory to the system, or to allocate it: no other thread
    /// does.
    pub(super) fn begin_work(&self) -> bool {
        !self.is_at_work.swap(true, Ordering::AcqRel)
    }

    /// The thread that returned or allocated memory is about to end.
    pub(super) fn end_work(&self) {
        self.is_at_work.store(false, Ordering::Release);
    }
}
