//! The common parts of storage commands in all dialects: the verb for the store, and what is
//! counted and answered when the command is finished.

use slabcore_metrics::Counter;
use slabcore_protocol::{Reply, StoreRequest, Verb, error_lines};
use slabcore_storage::{Expiry, HashedKey, StoreOutcome, StoreVerb};

use crate::execution::shard::Shard;
use crate::requests::clock::Now;

/// A storage command and its outcome.
#[derive(Clone, Copy)]
struct Finished<'a> {
    now: Now,
    key: HashedKey<'a>,
    store: &'a StoreRequest<'a>,
    outcome: StoreOutcome,
}

impl Shard {
    /// Counts a finished storage command and makes its reply.
    #[inline]
    pub(super) fn stored(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        store: &StoreRequest<'_>,
        outcome: StoreOutcome,
    ) -> Reply {
        let finished = Finished { now, key, store, outcome };
        if self.watch_log.is_on() {
            return self.shown_and_counted(finished);
        }
        self.counted(finished)
    }

    /// Does the same for a watched shard. A function of its own, so that it costs nothing while
    /// nobody watches.
    #[cold]
    fn shown_and_counted(&mut self, finished: Finished<'_>) -> Reply {
        let Finished { now, key, store, outcome } = finished;
        self.watch_log.show_outcome(&self.store, now, key, store, outcome);
        self.counted(finished)
    }

    #[inline]
    fn counted(&mut self, finished: Finished<'_>) -> Reply {
        let Finished { now, key, store, outcome } = finished;
        if matches!(outcome, StoreOutcome::NoMemory) {
            self.metrics.add(Counter::StoreNoMemory, 1);
            self.drop_old(now, key, store);
            return Reply::Error(error_lines::OUT_OF_MEMORY_STORING);
        }
        if outcome == StoreOutcome::Stored {
            self.store.count_set();
        } else {
            self.count_set_in_vain(now, key, store);
        }
        if store.verb == Verb::Cas && outcome == StoreOutcome::NotFound {
            self.metrics.add(Counter::CasMisses, 1);
        }
        match outcome {
            StoreOutcome::Stored => Reply::Stored,
            StoreOutcome::NotStored => Reply::NotStored,
            StoreOutcome::Exists => Reply::Exists,
            StoreOutcome::NotFound => Reply::NotFound,
            StoreOutcome::NoMemory => Reply::Error(error_lines::OUT_OF_MEMORY_STORING),
        }
    }

    /// Counts a storage command that got memory but stored nothing.
    #[cold]
    pub(super) fn count_set_in_vain(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        store: &StoreRequest<'_>,
    ) {
        let value_bytes = store.value_bytes as usize;
        let expiry = Expiry::at(now.store_expiry(store));
        self.store.count_set_in_vain(key, value_bytes, store.flags, expiry);
    }

    /// Deletes the old item of a set that could not be stored, so that nobody reads the old value.
    pub(super) fn drop_old(&mut self, now: Now, key: HashedKey<'_>, store: &StoreRequest<'_>) {
        if store.drops_old() {
            // After a miss there is no old value either.
            let _ = self.store.discard(now.moment(), key);
        }
    }
}

/// The verb of a storage command, as the store names it.
#[inline]
pub(super) fn store_verb(store: &StoreRequest<'_>) -> StoreVerb {
    match store.verb {
        Verb::Set => StoreVerb::Set,
        Verb::Add => StoreVerb::Add,
        Verb::Replace => StoreVerb::Replace,
        Verb::Append => StoreVerb::Append,
        Verb::Prepend => StoreVerb::Prepend,
        Verb::Cas => StoreVerb::Cas(store.cas_unique),
    }
}
