//! Executes storage requests of the binary protocol. The cas unique in the header is compared, and
//! the reply names the new one.

use slabcore_metrics::Counter;
use slabcore_protocol::{BinaryReply, BinaryStatus, Echo, Reply, StoreRequest, Verb};
use slabcore_storage::{Expiry, HashedKey, NewItem, StoreOutcome};

use crate::execution::binary::changed;
use crate::execution::finished_store::store_verb;
use crate::execution::shard::Shard;
use crate::requests::clock::Now;
use crate::requests::response::Response;

impl Shard {
    /// Executes a binary storage request with its whole value.
    pub(super) fn binary_store<'a>(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        store: &StoreRequest<'a>,
        echo: Echo,
        value: &[u8],
    ) -> Response<'a> {
        let outcome = if self.is_joined_to_another(now, key, store) {
            StoreOutcome::Exists
        } else {
            let expiry = Expiry::at(now.store_expiry(store));
            let item = NewItem { key, value, flags: store.flags, expiry };
            self.store.store(now.moment(), &item, store_verb(store))
        };
        self.binary_stored(now, key, store, echo, outcome)
    }

    /// Whether an append or prepend names the cas unique of another item than the current one.
    pub(super) fn is_joined_to_another(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        store: &StoreRequest<'_>,
    ) -> bool {
        matches!(store.verb, Verb::Append | Verb::Prepend)
            && store.cas_unique != 0
            && (self.store.peek(now.moment(), key)).is_ok_and(|item| item.cas() != store.cas_unique)
    }

    /// Counts a finished storage request and makes its reply.
    pub(super) fn binary_stored<'a>(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        store: &StoreRequest<'a>,
        echo: Echo,
        outcome: StoreOutcome,
    ) -> Response<'a> {
        let status = match self.stored(now, key, store, outcome) {
            Reply::Stored => BinaryStatus::Done,
            Reply::NotStored => match store.verb {
                Verb::Add => BinaryStatus::Exists,
                Verb::Replace => BinaryStatus::NotFound,
                _ => BinaryStatus::NotStored,
            },
            Reply::Exists => BinaryStatus::Exists,
            Reply::NotFound => BinaryStatus::NotFound,
            _ => BinaryStatus::OutOfMemory,
        };
        let reply = BinaryReply::new(echo, status);
        if status == BinaryStatus::Done {
            return changed(self.with_unique(now, key, reply));
        }
        changed(reply)
    }

    /// The reply to a storage request without memory for its value; the request is counted.
    pub(super) fn binary_without_memory<'a>(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        store: &StoreRequest<'a>,
        echo: Echo,
    ) -> Response<'a> {
        self.metrics.add(Counter::StoreNoMemory, 1);
        self.drop_old(now, key, store);
        Response::Binary(BinaryReply::new(echo, BinaryStatus::OutOfMemory))
    }
}
