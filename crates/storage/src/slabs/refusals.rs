//! Memory that is known to be missing, in stores that evict nothing.
//!
//! If one store has no memory for a class or a value, all stores refuse it until one of them frees
//! some. So a client does not get different answers for keys of different shards.

use alloc::sync::Arc;

use crate::item::chunk_sizes::SlabClassId;
use crate::memory::page_pool::PagePool;

/// Refusals by this store and by others. The pool keeps them.
pub(crate) struct Refusals {
    pool: Arc<PagePool>,
    /// The store evicts nothing.
    is_on: bool,
}

impl Refusals {
    pub(super) fn new(pool: Arc<PagePool>) -> Refusals {
        Refusals { pool, is_on: false }
    }

    /// From now on refusals are noted and heeded.
    pub(crate) fn switch_on(&mut self) {
        self.is_on = true;
    }

    /// Whether there is known to be no memory for a class.
    #[inline]
    pub(crate) fn has_class(&self, class: SlabClassId) -> bool {
        self.is_on && self.pool.is_full(class.index())
    }

    /// Notes that there is no memory for a class.
    pub(crate) fn add_class(&self, class: SlabClassId) {
        if self.is_on {
            self.pool.mark_full(class.index());
        }
    }

    /// Whether there is known to be no memory for a chained value of this many bytes.
    pub(crate) fn has_value(&self, bytes: usize) -> bool {
        self.is_on && self.pool.is_refused(bytes)
    }

    /// Notes that there is no memory for a chained value of this many bytes.
    pub(crate) fn add_value(&self, bytes: usize) {
        if self.is_on {
            self.pool.refuse_from(bytes);
        }
    }

    /// Ends all refusals: memory is free.
    #[inline]
    pub(super) fn end(&self) {
        if self.is_on {
            self.pool.mark_none_full();
        }
    }
}
