//! The lowest methods for requests of the Redis dialect: storing, deleting and holding values, and
//! counts.

use slabcore_metrics::Counter;
use slabcore_protocol::{RespRefusal, StoreStatus, Verb};
use slabcore_storage::{Expiry, HashedKey, Hit, Hold, NewItem, StoreOutcome, StoreVerb};

use crate::execution::shard::Shard;
use crate::execution::string_values::bulk_head;
use crate::requests::clock::Now;
use crate::requests::response::{Response, ValueEnd};

impl Shard {
    /// Stores an item if the verb's condition holds; false: it does not. It is not counted.
    ///
    /// Errors: it is too large, or there is no memory. The old item stays.
    #[inline]
    pub(super) fn string_store(
        &mut self,
        now: Now,
        item: &NewItem<'_>,
        verb: StoreVerb,
    ) -> Result<bool, RespRefusal<'static>> {
        let NewItem { key, value, flags, .. } = *item;
        if self.store.item_size_limit().is_exceeded(key.key().len(), flags, value.len()) {
            return Err(self.refused_as_too_long(now, item, verb));
        }
        let outcome = self.store.store(now.moment(), item, verb);
        if self.watch_log.is_on() {
            self.show_string_store(now, item, verb, status_of(outcome));
        }
        if outcome == StoreOutcome::NoMemory {
            self.metrics.add(Counter::StoreNoMemory, 1);
            return Err(RespRefusal::OUT_OF_MEMORY);
        }
        Ok(outcome == StoreOutcome::Stored)
    }

    /// Counts a value that is too long.
    #[cold]
    pub(super) fn refused_as_too_long(
        &mut self,
        now: Now,
        item: &NewItem<'_>,
        verb: StoreVerb,
    ) -> RespRefusal<'static> {
        self.metrics.add(Counter::StoreTooLarge, 1);
        self.show_string_store(now, item, verb, StoreStatus::TooLarge);
        RespRefusal::TOO_LONG
    }

    #[cold]
    fn show_string_store(
        &mut self,
        now: Now,
        item: &NewItem<'_>,
        verb: StoreVerb,
        status: StoreStatus,
    ) {
        let verb = match verb {
            StoreVerb::Add => Verb::Add,
            StoreVerb::Replace => Verb::Replace,
            StoreVerb::Append => Verb::Append,
            StoreVerb::Prepend => Verb::Prepend,
            StoreVerb::Set | StoreVerb::Cas(_) => Verb::Set,
        };
        self.watch_log.show_item(&self.store, now, item, verb, status);
    }

    /// Stores a changed value and counts a set. Flags and expiry are those of the old item.
    pub(super) fn string_replace(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        value: &[u8],
        (flags, expiry): (u32, Expiry),
    ) -> Result<(), RespRefusal<'static>> {
        self.string_store(now, &NewItem { key, value, flags, expiry }, StoreVerb::Set)?;
        self.store.count_set();
        Ok(())
    }

    /// Deletes the item that was just found.
    pub(super) fn string_remove(&mut self, now: Now, key: HashedKey<'_>, command: &str) {
        if self.watch_log.is_on() {
            self.watch_log.show_deletion(&self.store, now, key, command);
        }
        // It was just found.
        let _ = self.store.delete(now.moment(), key);
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

    /// Holds the value that was just found.
    pub(super) fn hold_found(&mut self, key: HashedKey<'_>) -> Hold {
        self.store.hold_hit(key).expect("it was just found")
    }

    /// The reply with a held value.
    pub(super) fn held_reply(&mut self, hold: Hold) -> Response<'_> {
        let head = bulk_head(hold.value_bytes());
        let hold = self.held.insert(hold);
        Response::HeldWithHead { head, hold, end: ValueEnd::LineEnd }
    }

    /// Ends the hold of an earlier reply that nobody has taken, because the client wants no reply.
    #[inline]
    pub(super) fn end_untaken_hold(&mut self) {
        if let Some(hold) = self.held.take() {
            self.store.release(hold);
        }
    }
}

fn status_of(outcome: StoreOutcome) -> StoreStatus {
    match outcome {
        StoreOutcome::Stored => StoreStatus::Stored,
        StoreOutcome::NotStored => StoreStatus::NotStored,
        StoreOutcome::Exists => StoreStatus::Exists,
        StoreOutcome::NotFound => StoreStatus::NotFound,
        StoreOutcome::NoMemory => StoreStatus::NoMemory,
    }
}
