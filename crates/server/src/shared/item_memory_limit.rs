//! The limit on the memory of items and index, and where that memory is.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::settings::item_memory::MappedRange;

/// The limit on the memory of items and index. `memory_limit.rs` changes it.
#[derive(Debug)]
pub(crate) struct ItemMemoryLimit {
    bytes: AtomicUsize,
    /// The memory, with the address space that it may grow into.
    range: MappedRange,
    /// A thread returns memory to the system.
    is_returning: AtomicBool,
}

impl ItemMemoryLimit {
    pub(crate) fn new(bytes: usize, range: MappedRange) -> Self {
        Self { bytes: AtomicUsize::new(bytes), range, is_returning: AtomicBool::new(false) }
    }

    /// The limit in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Sets the limit. Until it grows again after it fell, the kernel is asked for no huge pages.
    pub(super) fn set(&self, bytes: usize) {
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        self.range.advise_huge_pages(bytes >= before);
    }

    /// True if the caller is to return memory to the system: no other thread does, and the memory
    /// is not that of a file.
    pub(super) fn begin_returning(&self) -> bool {
        !self.range.is_file() && !self.is_returning.swap(true, Ordering::AcqRel)
    }

    /// The thread that returned memory is about to end.
    pub(super) fn end_returning(&self) {
        self.is_returning.store(false, Ordering::Release);
    }
}
