//! `stats detail`: requests counted by prefix, while that is on.

use slabcore_metrics::Counter;
use slabcore_protocol::{StoreForm, StoreRequest};

use slabcore_storage::HashedKey;

use crate::execution::shard::Shard;
use crate::observation::prefix_counts::PrefixEvent;
use crate::requests::clock::Now;

impl Shard {
    /// Counts requests by what stands before the first `delimiter` of their keys, from now on.
    pub fn begin_detail(&mut self, delimiter: u8) {
        self.detail.delimiter = delimiter;
        self.detail.is_on = true;
    }

    /// Before a get of the classic commands or the binary protocol.
    #[inline]
    pub(crate) fn note_get(&mut self, now: Now, key: HashedKey<'_>) {
        if self.detail.is_on {
            self.count_get_prefix(now, key);
        }
    }

    #[cold]
    #[inline(never)]
    fn count_get_prefix(&mut self, now: Now, key: HashedKey<'_>) {
        let is_hit = self.store.is_live(now.tick, key.hash(), key.key());
        self.count_prefix(key.key(), if is_hit { PrefixEvent::Hit } else { PrefixEvent::Miss });
    }

    /// Before a storage command; as in memcached those of the meta protocol do not count.
    #[inline]
    pub(crate) fn note_store(&mut self, store: &StoreRequest<'_>) {
        if self.detail.is_on && !matches!(store.form, StoreForm::Meta(_)) {
            self.count_prefix(store.key, PrefixEvent::Store);
        }
    }

    /// Before a delete of the classic commands or the binary protocol.
    #[inline]
    pub(crate) fn note_delete(&mut self, key: &[u8]) {
        if self.detail.is_on {
            self.count_prefix(key, PrefixEvent::Delete);
        }
    }

    #[cold]
    #[inline(never)]
    fn count_prefix(&mut self, key: &[u8], event: PrefixEvent) {
        if !self.detail.counts.count(self.detail.delimiter, key, event) {
            self.metrics.add(Counter::PrefixesNotCounted, 1);
        }
    }
}
