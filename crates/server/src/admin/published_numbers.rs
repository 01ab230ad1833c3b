//! The numbers that a scrape shows: those that the shards published last, read once.

use slabcore_metrics::{Gauge, Snapshot};
use slabcore_shard::ClassTable;
use slabcore_storage::PAGE_BYTES;

use crate::settings::limits::{RECEIVE_BUFFER_BYTES, RECEIVE_BUFFERS};
use crate::shared::shared_state::{Backend, SharedState};

/// What memory is used for, in the order of [`PublishedNumbers::memory`].
pub(super) const PURPOSES: [&str; 9] = [
    "items",
    "chunk_rounding",
    "chunks_free",
    "index",
    "pages_other",
    "pages_free",
    "receive_buffers",
    "waiting_input",
    "spare_buffers",
];

/// So many of them are within the memory that `-m` limits: the first ones.
pub(super) const PURPOSES_WITHIN_LIMIT: usize = 6;

/// The numbers of all shards at one moment.
pub(super) struct PublishedNumbers {
    /// Counters and gauges of each shard.
    pub(super) shards: Vec<Snapshot>,
    pub(super) sum: Snapshot,
    /// The slab classes of each shard.
    pub(super) shard_classes: Vec<ClassTable>,
    /// The slab classes of all shards together.
    pub(super) classes: ClassTable,
    /// Seconds for which each executor has left a signal unanswered.
    pub(super) silent_seconds: Vec<u64>,
}

impl PublishedNumbers {
    pub(super) fn read(shared: &SharedState, silent_seconds: Vec<u64>) -> Self {
        let shards = shared.published();
        let mut sum = Snapshot::new();
        for shard in &shards {
            sum.merge(shard);
        }
        let shard_classes = shared.published_classes();
        let mut classes = ClassTable::default();
        for table in &shard_classes {
            classes.merge(table);
        }
        Self { shards, sum, shard_classes, classes, silent_seconds }
    }

    /// Seconds that the item evicted last had been idle, in the slab class of the shard that has
    /// evicted most. 0 without evictions.
    pub(super) fn eviction_age_seconds(&self, shard: usize) -> u64 {
        let table = &self.shard_classes[shard];
        let evicted = |class: &usize| table.value(*class, "evicted");
        let class = table.active_classes().max_by_key(evicted);
        class.map_or(0, |class| table.value(class, "evicted_time"))
    }

    /// Bytes by purpose. The first six together are the memory that `-m` limits, a few pages more
    /// or less, as shards publish one after the other. The others come on top.
    pub(super) fn memory(&self, shared: &SharedState) -> [u64; PURPOSES.len()] {
        let (mut items, mut used, mut free) = (0, 0, 0);
        for class in self.classes.active_classes() {
            let value = |name| self.classes.value(class, name);
            items += value("mem_requested");
            used += value("used_chunks") * value("chunk_size");
            free += value("free_chunks") * value("chunk_size");
        }
        let page_bytes = PAGE_BYTES as u64;
        let index = self.sum.gauge(Gauge::HashBytes);
        let owned = self.sum.gauge(Gauge::PagesOwned) * page_bytes;
        let buffers_each = match shared.backend {
            Backend::Uring(_) => usize::from(RECEIVE_BUFFERS),
            Backend::Epoll(_) => 1,
        };
        [
            items,
            used.saturating_sub(items),
            free,
            index,
            owned.saturating_sub(used + free + index),
            shared.pages.pages_free() as u64 * page_bytes,
            (shared.settings.shards * buffers_each * RECEIVE_BUFFER_BYTES) as u64,
            self.sum.gauge(Gauge::WaitingInputBytes),
            self.sum.gauge(Gauge::SpareBufferBytes),
        ]
    }
}
