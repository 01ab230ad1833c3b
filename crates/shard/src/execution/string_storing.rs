//! The lowest methods for requests of the Redis dialect: storing a changed value, and counts.

use slabcore_metrics::Counter;
use slabcore_protocol::RespRefusal;
use slabcore_storage::{Expiry, HashedKey, Hit, NewItem, StoreOutcome, StoreVerb};

use crate::execution::shard::Shard;
use crate::requests::clock::Now;

impl Shard {
    /// Stores a changed value. Flags and expiry are those of the old item.
    pub(super) fn string_replace(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        value: &[u8],
        (flags, expiry): (u32, Expiry),
    ) -> Result<(), RespRefusal<'static>> {
        if self.store.item_size_limit().is_exceeded(key.key().len(), flags, value.len()) {
            self.metrics.add(Counter::StoreTooLarge, 1);
            return Err(RespRefusal::TOO_LONG);
        }
        let item = NewItem { key, value, flags, expiry };
        match self.store.store(now.moment(), &item, StoreVerb::Set) {
            StoreOutcome::NoMemory => {
                self.metrics.add(Counter::StoreNoMemory, 1);
                Err(RespRefusal::OUT_OF_MEMORY)
            }
            _ => {
                self.store.count_set();
                Ok(())
            }
        }
    }

    /// Counts a hit of a request that has found an item for another purpose than to read it.
    pub(super) fn count_touch(&mut self, key: HashedKey<'_>, is_hit: bool) {
        self.metrics.add(Counter::CmdTouch, 1);
        if is_hit {
            self.store.count_hit(key, Hit::Touch);
        } else {
            self.metrics.add(Counter::TouchMisses, 1);
        }
    }
}
