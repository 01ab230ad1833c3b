//! The state of `stats detail`: requests counted by the prefix of their keys, while that is on.

use slabcore_metrics::{Counter, ShardMetrics};
use slabcore_protocol::{StoreForm, StoreRequest};
use slabcore_storage::{HashedKey, Store};

use crate::limits::PREFIXES_MAX;
use crate::observation::prefix_counts::{PrefixCounts, PrefixEvent};
use crate::requests::clock::Now;

/// memcached's delimiter.
const DELIMITER: u8 = b':';

/// Counts of requests by prefix; off at first. While it is off, a request pays one look at a flag.
pub(crate) struct Detail {
    is_on: bool,
    delimiter: u8,
    counts: PrefixCounts,
}

impl Default for Detail {
    fn default() -> Self {
        Self { is_on: false, delimiter: DELIMITER, counts: PrefixCounts::new(PREFIXES_MAX) }
    }
}

impl Detail {
    /// Sets the byte that ends a prefix.
    pub(crate) fn set_delimiter(&mut self, delimiter: u8) {
        self.delimiter = delimiter;
    }

    /// Starts or stops to count; the counts stay.
    pub(crate) fn set_on(&mut self, is_on: bool) {
        self.is_on = is_on;
    }

    /// The counts so far.
    pub(crate) fn counts(&self) -> &PrefixCounts {
        &self.counts
    }

    /// Forgets all prefixes.
    pub(crate) fn clear(&mut self) {
        self.counts.clear();
    }

    /// Counts a get of the classic commands or the binary protocol, before it is executed.
    #[inline]
    pub(crate) fn note_get(
        &mut self,
        store: &Store,
        metrics: &ShardMetrics,
        now: Now,
        key: HashedKey<'_>,
    ) {
        if self.is_on {
            self.count_get(store, metrics, now, key);
        }
    }

    #[cold]
    #[inline(never)]
    fn count_get(&mut self, store: &Store, metrics: &ShardMetrics, now: Now, key: HashedKey<'_>) {
        let is_hit = store.is_live(now.moment(), key);
        self.count(metrics, key.key(), if is_hit { PrefixEvent::Hit } else { PrefixEvent::Miss });
    }

    /// Counts a storage command, except those of the meta protocol, as in memcached.
    #[inline]
    pub(crate) fn note_store(&mut self, metrics: &ShardMetrics, request: &StoreRequest<'_>) {
        if self.is_on && !matches!(request.form, StoreForm::Meta(_)) {
            self.count(metrics, request.key, PrefixEvent::Store);
        }
    }

    /// Counts a command that stores a string for the Redis dialect.
    #[inline]
    pub(crate) fn note_string_store(&mut self, metrics: &ShardMetrics, key: &[u8]) {
        if self.is_on {
            self.count(metrics, key, PrefixEvent::Store);
        }
    }

    /// Counts a delete of the classic commands or the binary protocol.
    #[inline]
    pub(crate) fn note_delete(&mut self, metrics: &ShardMetrics, key: &[u8]) {
        if self.is_on {
            self.count(metrics, key, PrefixEvent::Delete);
        }
    }

    #[cold]
    #[inline(never)]
    fn count(&mut self, metrics: &ShardMetrics, key: &[u8], event: PrefixEvent) {
        if !self.counts.count(self.delimiter, key, event) {
            metrics.add(Counter::PrefixesNotCounted, 1);
        }
    }
}
